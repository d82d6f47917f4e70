"""Weights of training rows: overlap of labels, age, and size of classes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray, Times
from whatif_assets.domain.base.errors import BadInput


@dataclass(frozen=True)
class Weighting:
    """How training rows are weighed; the factors are multiplied.

    Attributes
    ----------
    uniqueness
        Weigh by the average uniqueness of the label, see `uniqueness`.
    half_life
        Sessions after which a weight has halved; None: not by age.
    oldest
        Weight of the first training session, from which weights rise evenly to 1 in the
        last; None: not by age.
    classes
        Give each class of the label the same total weight.

    Raises
    ------
    BadInput
        Both ways to weigh by age are given.
    """

    uniqueness: bool = False
    half_life: float | None = None
    oldest: float | None = None
    classes: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        if self.half_life is not None and self.oldest is not None:
            raise BadInput(
                f"weight_oldest: found {self.oldest:g} beside weight_half_life: "
                f"{self.half_life:g}; both weigh rows by age. Keep one.",
                field=("weight_oldest",),
            )

    @property
    def written(self) -> dict[str, Any]:
        """Fields of a configuration that differ from their defaults."""
        return {
            f"weight_{one.name}": value
            for one in dataclasses.fields(self)
            if (value := getattr(self, one.name)) != one.default
        }


def row_weights(
    rows: pd.DataFrame, frame: pd.DataFrame, weighting: Weighting
) -> FloatArray | None:
    """Compute the weights of training rows.

    Parameters
    ----------
    rows
        Training rows: ``symbol``, ``ts``, ``session``, ``label`` and ``label_ts``, of a
        fold.
    frame
        All rows of the training sessions and perhaps more, with ``symbol`` and ``ts``,
        each once: the bars that labels may overlap on.
    weighting
        How rows are weighed.

    Returns
    -------
    numpy.ndarray or None
        One weight per row, 0 or more, with mean 1. None if rows are not weighed.
    """
    if not weighting.written:
        return None
    weights = np.ones(len(rows))
    if weighting.uniqueness:
        between = frame["ts"].between(rows["ts"].min(), rows["label_ts"].max())
        weights *= uniqueness(rows, frame[between])
    weights *= _by_age(rows["session"], weighting)
    if weighting.classes:
        classes = np.unique(rows["label"], return_inverse=True)[1]
        weights /= np.bincount(classes, weights)[classes]
    return np.asarray(weights / weights.mean())


def mean(values: FloatArray, weights: FloatArray | None) -> Any:
    """Compute the mean over rows, weighed if there are weights."""
    # Not a product of matrices, whose order of additions depends on the threads.
    return np.mean(values, 0) if weights is None else np.average(values, 0, weights)


def relative_weights(weights: FloatArray | None, rows: int) -> FloatArray:
    """Divide weights of rows by their mean; all 1 if there are none."""
    return np.ones(rows) if weights is None else weights / weights.mean()


def center_and_scale(values: FloatArray, weights: FloatArray | None) -> tuple[Any, Any]:
    """Compute mean and population deviation over rows, weighed if there are weights."""
    rows = values.ndim == 2 and values.shape[1] > 1 and values.flags.c_contiguous
    if weights is None and rows:
        from whatif_assets.domain.models._moments import center_and_deviation

        return center_and_deviation(values)  # the same bits, in less memory
    if weights is None:
        return values.mean(axis=0), values.std(axis=0)
    center = mean(values, weights)
    return center, np.sqrt(mean((values - center) ** 2, weights))


def uniqueness(rows: pd.DataFrame, frame: pd.DataFrame) -> FloatArray:
    """Compute the average uniqueness of each row's label among those of its symbol.

    A label covers the bars after its own up to ``label_ts``: it depends on the returns
    into them. Of a bar that n labels cover, each owns 1 / n; the uniqueness of a label
    is its mean share of the bars that it covers. Labels that share no bar have 1.

    Parameters
    ----------
    rows, frame
        As for `row_weights`.

    Returns
    -------
    numpy.ndarray
        One value per row, above 0 and at most 1.

    References
    ----------
    Lopez de Prado, Advances in Financial Machine Learning, 2018, sections 4.3 and 4.4.
    There, a label also covers its own bar, from which no return enters it.
    """
    symbols = pd.Index(pd.unique(frame["symbol"]))
    times = np.unique(np.concatenate([_times(frame["ts"]), _times(rows["label_ts"])]))

    def _number(table: pd.DataFrame, column: str) -> IntArray:
        at = np.searchsorted(times, _times(table[column]))
        return symbols.get_indexer(pd.Index(table["symbol"])) * len(times) + at

    ends = _number(rows, "label_ts")
    bars = np.unique(np.concatenate([_number(frame, "ts"), ends]))
    first = np.searchsorted(bars, _number(rows, "ts")) + 1
    after = np.searchsorted(bars, ends) + 1
    change = np.bincount(first, minlength=len(bars) + 1)
    change -= np.bincount(after, minlength=len(bars) + 1)
    covering = np.maximum(np.cumsum(change), 1)
    owned = np.concatenate([[0.0], np.cumsum(1.0 / covering)])
    # Differences of sums are off by rounding, and may exceed 1.
    shares = (owned[after] - owned[first]) / (after - first)
    return np.asarray(np.minimum(shares, 1.0))


def _times(column: pd.Series) -> Times:
    return column.to_numpy(dtype="datetime64[us]")


def _by_age(sessions: pd.Series, weighting: Weighting) -> FloatArray:
    """Weigh rows by the age of their session, counted in sessions of the rows."""
    days, number = np.unique(pd.to_datetime(sessions), return_inverse=True)
    newest = len(days) - 1
    if weighting.half_life is not None:
        return np.asarray(0.5 ** ((newest - number) / weighting.half_life))
    if weighting.oldest is not None:
        share = number / newest if newest else np.ones(len(number))
        return np.asarray(weighting.oldest + (1.0 - weighting.oldest) * share)
    return np.ones(len(number))
