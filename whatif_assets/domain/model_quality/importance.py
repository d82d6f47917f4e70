"""How much a model relies on each feature, measured from its forecasts alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.base.arrays import FloatArray

# Forecasts n rows of k features, or several times n rows one below the other, each from
# its own row alone.
Predict = Callable[[FloatArray], FloatArray]
# Numbers that are forecast from at once: a call may be dear, and so is memory.
MOST_VALUES = 5_000_000


def spread_out(rows: int, most: int) -> npt.NDArray[np.intp]:
    """Choose at most some of the rows, evenly spread; positions in order."""
    if rows <= most:
        return np.arange(rows)
    return (np.arange(most) * (rows / most)).astype(np.intp)


def _forecast_each(
    predict: Predict, versions: Iterable[FloatArray]
) -> Iterator[FloatArray]:
    """Forecast several versions of the same rows, in few calls."""
    waiting: list[FloatArray] = []
    for version in versions:
        waiting.append(version.copy())
        if (len(waiting) + 1) * version.size > MOST_VALUES:
            yield from np.split(predict(np.concatenate(waiting)), len(waiting))
            waiting = []
    if waiting:
        yield from np.split(predict(np.concatenate(waiting)), len(waiting))


def permutation_importance(
    predict: Predict, x: FloatArray, y: FloatArray, seed: int, repeats: int = 3
) -> FloatArray:
    """Measure how much worse forecasts are without knowledge of each feature.

    The values of one feature are shuffled among the rows, so that they keep their
    distribution and lose their relation to the label (Breiman, 2001).

    Parameters
    ----------
    predict
        The model.
    x, y
        n x k features and n labels, finite, that the model was not fitted on.
    seed
        Seed of the shuffles.
    repeats
        Number of shuffles of each feature.

    Returns
    -------
    ndarray of float64, k
        Root mean squared error with the feature shuffled, divided by that without,
        less 1: 0 for a feature that the model does not use, below 0 for one that
        misleads. NaN where the error without is 0, or there is no row.
    """
    error = _rmse(predict(x), y)
    if not error > 0:
        return np.full(x.shape[1], np.nan)
    draw = np.random.default_rng(seed)

    def _shuffled() -> Iterator[FloatArray]:
        for feature in range(x.shape[1]):
            changed = x.copy()
            for _ in range(repeats):
                changed[:, feature] = draw.permutation(x[:, feature])
                yield changed

    errors = [_rmse(forecasts, y) for forecasts in _forecast_each(predict, _shuffled())]
    means: FloatArray = np.reshape(errors, (-1, repeats)).mean(axis=1)
    return means / error - 1


def _rmse(forecasts: FloatArray, y: FloatArray) -> float:
    return float(np.sqrt(np.mean((forecasts - y) ** 2))) if len(y) else np.nan


def shapley_values(
    predict: Predict,
    x: FloatArray,
    background: FloatArray,
    seed: int,
    draws: int = 2,
) -> FloatArray:
    """Divide the forecast of each row among its features.

    A feature's part is the mean change of the forecast when its value replaces that of
    a background row, over orders of the features (Strumbelj and Kononenko, 2014). The
    orders are drawn, and each is used in reverse, too.

    Parameters
    ----------
    predict
        The model.
    x
        n x k features of the rows to explain, finite.
    background
        m x k features of rows that stand for an unknown value, finite.
    seed
        Seed of the orders and of the background rows.
    draws
        Number of orders. With more of them, parts are nearer to the exact values.

    Returns
    -------
    ndarray of float64, n x k
        Parts in the unit of the forecast. Those of a row add up to its forecast less
        the mean forecast of its background rows.
    """
    draw = np.random.default_rng(seed)
    parts = np.zeros(x.shape)
    for _ in range(draws):
        order = draw.permutation(x.shape[1])
        start = background[draw.integers(len(background), size=len(x))]
        for features in (order, order[::-1]):
            _add_changes(predict, x, start.copy(), features, parts)
    return parts / (2 * draws)


def _add_changes(
    predict: Predict,
    x: FloatArray,
    current: FloatArray,
    order: npt.NDArray[np.int64],
    parts: FloatArray,
) -> None:
    """Replace one feature after the other, and add the changes of the forecast."""

    def _replaced() -> Iterator[FloatArray]:
        yield current
        for feature in order:
            current[:, feature] = x[:, feature]
            yield current

    for feature, (before, after) in zip(
        order, pairwise(_forecast_each(predict, _replaced()))
    ):
        parts[:, feature] += after - before


def partial_dependence(
    predict: Predict, x: FloatArray, values: FloatArray
) -> FloatArray:
    """Compute the mean forecast with one feature set to each of some values.

    Parameters
    ----------
    predict
        The model.
    x
        n x k features of rows over which the mean is taken, finite.
    values
        k x v values: of each feature those that all rows get, one after the other.

    Returns
    -------
    ndarray of float64, k x v
        Mean forecast for each of the values (Friedman, 2001).
    """

    def _set() -> Iterator[FloatArray]:
        for feature, own in enumerate(values):
            changed = x.copy()
            for value in own:
                changed[:, feature] = value
                yield changed

    means = [float(np.mean(one)) for one in _forecast_each(predict, _set())]
    return np.reshape(np.array(means), values.shape)
