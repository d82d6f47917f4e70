"""Ensembles: models that combine the forecasts of their members.

Each member is fitted on the whole training set. What else a rule needs to combine them,
weights or the ranks of earlier forecasts, comes from the training set alone. A new rule
is a function that makes a model of the members, and one line in ``RULES``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.models.algorithms import find_built_in, parse_settings
from whatif_assets.domain.models.portable import Model, shares

ENSEMBLE: Final = "ensemble"
STACKING: Final = "stacking"
MOST_LEVELS = 1_000  # quantiles that stand for the forecasts of a training set
FEWEST_ROWS = 2  # to fit a member on
RIDGE = 1e-10  # part of the mean square, so that equal forecasts share their weight

CvFold: TypeAlias = tuple[Mask, Mask]


class Member(Settings):
    """A model that an ensemble fits: an algorithm of the registry with its settings."""

    algorithm: str
    settings: dict[str, Any]
    seed: int


class EnsembleSettings(Settings):
    """Settings of an ensemble.

    Members are names in a study, and have the form of a `Member` to be fitted.
    """

    members: tuple[Any, ...] = Field(
        min_length=2,
        description="Names of configurations of the same study, each with an algorithm "
        "of the platform.",
    )
    combine: Literal["mean", "median", "rank_mean", "stacking"] = Field(
        default="mean",
        description="mean or median of the members' forecasts; rank_mean, the mean of "
        "their ranks among the forecasts of the training set; stacking, their sum with "
        "weights that are fitted on out-of-fold forecasts of the training set, on "
        "search_folds folds.",
    )

    @field_validator("members", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Split names that a key joins with a plus sign; refuse what is no name."""
        listed = value.split("+") if isinstance(value, str) else value
        for one in listed if isinstance(listed, (list, tuple)) else ():
            if not isinstance(one, (str, dict)):
                raise ValueError(
                    f"found {one!r}; the name of a configuration is needed."
                )
        return listed


@dataclass(frozen=True, eq=False)
class _Ensemble:
    """What all ensembles have in common.

    Attributes
    ----------
    members
        The fitted models, all of the same features.
    """

    members: tuple[Any, ...]

    def forecasts(self, x: FloatArray) -> FloatArray:
        """Forecast n rows with each of m members: n x m float64."""
        return np.column_stack([member.predict(x) for member in self.members])

    def importance(self) -> FloatArray:
        """Mean of the members' importance; see :meth:`Model.importance`."""
        return shares(np.mean([member.importance() for member in self.members], axis=0))

    def to_table(self) -> pd.DataFrame:
        """Write the tables of the members, with the number of each as ``member``."""
        tables: list[pd.DataFrame] = [member.to_table() for member in self.members]
        return pd.concat(
            [table.assign(member=number) for number, table in enumerate(tables)],
            ignore_index=True,
        )


@dataclass(frozen=True, eq=False)
class Weighted(_Ensemble):
    """The sum of the members' forecasts, each times its weight.

    Attributes
    ----------
    weights
        m float64, 0 or more.
    """

    weights: FloatArray

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`."""
        total = np.zeros(len(x))
        for column, weight in zip(self.forecasts(x).T, self.weights, strict=True):
            total += weight * column
        return total

    def importance(self) -> FloatArray:
        """Sum of the members' importance, each times its weight."""
        parts = [member.importance() for member in self.members]
        return shares(sum(w * part for w, part in zip(self.weights, parts)))


@dataclass(frozen=True, eq=False)
class Median(_Ensemble):
    """The median of the members' forecasts."""

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`."""
        ordered = np.sort(self.forecasts(x), axis=1)  # NaN comes last
        count = ordered.shape[1]
        middle = (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2
        return np.where(np.isnan(ordered[:, -1]), np.nan, middle)


@dataclass(frozen=True, eq=False)
class RankMean(_Ensemble):
    """The mean of the members' ranks, in the unit of the label.

    The rank of a forecast is the share of the member's own forecasts of its training
    set that are below it, equal ones counted half. So no rank depends on other rows of
    a test. The mean rank is read as a quantile of ``levels``.

    Attributes
    ----------
    known
        m x q forecasts of the training set, one member after the other, ascending.
    levels
        q float64, ascending: means of the members' forecasts of the training set.
    """

    known: FloatArray
    levels: FloatArray

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`."""
        forecasts, count = self.forecasts(x), len(self.levels)
        total = np.zeros(len(x))
        for column, known in zip(forecasts.T, self.known.reshape(-1, count)):
            below = np.searchsorted(known, column, "left")
            total += (below + np.searchsorted(known, column, "right")) / (2 * count)
        middles = (np.arange(count) + 0.5) / count
        found = np.interp(total / len(self.members), middles, self.levels)
        return np.where(np.isnan(forecasts).any(axis=1), np.nan, found)


ENSEMBLE_KINDS: dict[str, type[Any]] = {
    "weighted": Weighted,
    "median": Median,
    "rank_mean": RankMean,
}


@dataclass(frozen=True, eq=False)
class Training:
    """What the members of an ensemble are fitted on.

    Attributes
    ----------
    x, y, weights
        n x k features, n labels, and n weights or None, as for every algorithm.
    folds
        Training and validation mask of each fold, purged; empty except for stacking.
    fit_member
        Fits a member on the rows of a mask, or on all.
    """

    x: FloatArray
    y: FloatArray
    weights: FloatArray | None
    folds: Sequence[CvFold]
    fit_member: Callable[[Member, Mask | slice], Model]


def fit_ensemble(
    x: FloatArray,
    y: FloatArray,
    settings: EnsembleSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None,
    folds: Sequence[CvFold] = (),
) -> Model:
    """Fit the members of an ensemble, and what combines them.

    Parameters
    ----------
    x, y, seed, threads, weights
        As of `Algorithm.fit_local`. Members have seeds of their own.
    settings
        Settings whose members have the form of a `Member`.
    folds
        For stacking: masks of the same rows, as `cv_folds` returns them.

    Raises
    ------
    BadInput
        A member cannot be fitted; or stacking has no folds, or a fold whose validation
        was trained on, or with too few rows.
    """

    def _fit(member: Member, rows: Mask | slice) -> Model:
        chosen = find_built_in(member.algorithm)
        own = None if weights is None else weights[rows]
        try:
            parsed = parse_settings(member.algorithm, member.settings, chosen.Settings)
            return chosen.fit_local(x[rows], y[rows], parsed, member.seed, threads, own)
        except BadInput as error:
            raise BadInput(
                f"{ENSEMBLE}: the member {member.algorithm} with the settings "
                f"{member.settings}: {error}"
            ) from None

    members = [_member_of(one) for one in settings.members]
    training = Training(x, y, weights, folds, _fit)
    return RULES[settings.combine](members, training)


def _member_of(written: Any) -> Member:
    if not isinstance(written, dict):
        raise BadInput(
            f"{ENSEMBLE}: members: found {written!r}; a member to fit is a mapping of "
            "algorithm, settings and seed. Names are for configurations of a study."
        )
    return Member(**written)


def _all_fitted(members: Sequence[Member], training: Training) -> tuple[Model, ...]:
    return tuple(training.fit_member(one, slice(None)) for one in members)


def _mean(members: Sequence[Member], training: Training) -> Model:
    count = len(members)
    return Weighted(_all_fitted(members, training), np.full(count, 1 / count))


def _median(members: Sequence[Member], training: Training) -> Model:
    return Median(_all_fitted(members, training))


def _rank_mean(members: Sequence[Member], training: Training) -> Model:
    fitted = _all_fitted(members, training)
    forecasts = [model.predict(training.x) for model in fitted]
    known = np.concatenate([_levels(own) for own in forecasts])
    return RankMean(fitted, known, _levels(np.mean(forecasts, axis=0)))


def _levels(values: FloatArray) -> FloatArray:
    """Return values in ascending order; evenly spread quantiles of very many."""
    count = min(len(values), MOST_LEVELS)
    ordered = np.sort(values)
    middles = (np.arange(count) + 0.5) / count
    return ordered[(middles * len(values)).astype(np.int64)]


def _stacking(members: Sequence[Member], training: Training) -> Model:
    """Weigh the members by forecasts of rows that they were not fitted on."""
    _check_folds(training)
    forecasts = []
    for member in members:
        parts = [
            training.fit_member(member, train).predict(training.x[validation])
            for train, validation in training.folds
        ]
        forecasts.append(np.concatenate(parts))
    rows = np.concatenate([np.flatnonzero(tested) for _, tested in training.folds])
    weights = None if training.weights is None else training.weights[rows]
    found = stacking_weights(np.column_stack(forecasts), training.y[rows], weights)
    return Weighted(_all_fitted(members, training), found)


def stacking_weights(
    forecasts: FloatArray, labels: FloatArray, weights: FloatArray | None = None
) -> FloatArray:
    """Find weights of 0 or more with the smallest squared error (Breiman, 1996).

    Parameters
    ----------
    forecasts
        n x m forecasts of m members, finite. Members must not have been fitted on
        these rows: those that remember best would get the largest weights.
    labels
        n labels, finite.
    weights
        Weight of each row, 0 or more; None if all count the same.

    Returns
    -------
    ndarray of float64, m
        All 0 where no member is better than the forecast 0.
    """
    from scipy.optimize import nnls

    rows = np.ones(len(labels)) if weights is None else weights
    columns = [*forecasts.T, labels]
    m = len(columns) - 1
    products = np.empty((m + 1, m + 1))
    # One sum after the other: a matrix product adds up in an order of its own.
    for i, j in itertools.product(range(m + 1), repeat=2):
        products[i, j] = np.sum(rows * columns[i] * columns[j])
    squares, with_labels = products[:m, :m], products[:m, m]
    size = float(np.trace(squares)) / m
    if size <= 0:
        return np.zeros(m)
    # Divided by the size, since labels are often returns of a minute.
    root = np.linalg.cholesky(squares / size + RIDGE * np.eye(m))
    found: FloatArray = nnls(root.T, np.linalg.solve(root, with_labels / size))[0]
    return found


def _check_folds(training: Training) -> None:
    """Refuse folds that have no out-of-fold forecasts, or dishonest ones."""
    counts = np.ones(len(training.y), dtype=bool)
    if training.weights is not None:
        counts = training.weights > 0
    if not training.folds:
        raise BadInput(
            f"combine: {STACKING} needs folds of the training set, but none were "
            "passed; pass those of cv_folds."
        )
    for number, (train, validation) in enumerate(training.folds):
        if (train & validation).any():
            raise BadInput(
                f"combine: {STACKING}: fold {number} is trained on "
                f"{int((train & validation).sum())} of the rows that it validates; "
                "weights must come from rows that no member was fitted on."
            )
        known, tested = (int((rows & counts).sum()) for rows in (train, validation))
        if known < FEWEST_ROWS or not tested:
            raise BadInput(
                f"combine: {STACKING}: fold {number} has {known} rows with a weight to "
                f"train on and {tested} to validate on; choose fewer search_folds, or "
                "more sessions."
            )


# Makes a model of members and what they are fitted on.
Rule: TypeAlias = Callable[[Sequence[Member], Training], Model]
RULES: dict[str, Rule] = {
    "mean": _mean,
    "median": _median,
    "rank_mean": _rank_mean,
    STACKING: _stacking,
}
