"""How much a model relies on each feature, measured from its forecasts alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.base.arrays import FloatArray

# Forecasts n rows of k features, each from its own row alone.
Predict = Callable[[FloatArray], FloatArray]


def spread_out(rows: int, most: int) -> npt.NDArray[np.intp]:
    """Choose at most some of the rows, evenly spread; positions in order."""
    if rows <= most:
        return np.arange(rows)
    return (np.arange(most) * (rows / most)).astype(np.intp)


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
    found = np.full(x.shape[1], np.nan)
    error = _rmse(predict(x), y)
    if not error > 0:
        return found
    draw = np.random.default_rng(seed)
    for feature in range(x.shape[1]):
        shuffled, errors = x.copy(), []
        for _ in range(repeats):
            shuffled[:, feature] = draw.permutation(x[:, feature])
            errors.append(_rmse(predict(shuffled), y))
        found[feature] = float(np.mean(errors)) / error - 1
    return found


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
    before = predict(current)
    for feature in order:
        current[:, feature] = x[:, feature]
        after = predict(current)
        parts[:, feature] += after - before
        before = after


def partial_dependence(
    predict: Predict, x: FloatArray, feature: int, values: FloatArray
) -> FloatArray:
    """Compute the mean forecast with one feature set to each of some values.

    Parameters
    ----------
    predict
        The model.
    x
        n x k features of rows over which the mean is taken, finite.
    feature
        Number of the feature.
    values
        The values that all rows get, one after the other.

    Returns
    -------
    ndarray of float64
        Mean forecast for each of the values (Friedman, 2001).
    """
    changed, found = x.copy(), []
    for value in values:
        changed[:, feature] = value
        found.append(float(np.mean(predict(changed))))
    return np.array(found)
