"""Fit a model, and search for its best settings by cross-validation."""

from __future__ import annotations

import itertools
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.models.algorithms import (
    ALGORITHMS,
    Algorithm,
    Nesting,
    parse_settings,
)
from whatif_assets.domain.models.portable import Classifier, Model
from whatif_assets.domain.models.spark_rows import spark_rows
from whatif_assets.domain.models.weights import mean
from whatif_assets.engines.algorithms import find_algorithm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BACKENDS = ("local", "spark")

CvFold = tuple[Mask, Mask]
SparkOf = Callable[[], "SparkSession"]
# Fits with some settings on the rows of the mask with a number.
Fitter = Callable[[BaseModel, int], Model]
Fit = TypeVar("Fit")


def fit(
    algorithm: str,
    backend: str,
    x: FloatArray,
    y: FloatArray,
    settings: Mapping[str, Any],
    seed: int = 0,
    spark: SparkOf | None = None,
    weights: FloatArray | None = None,
    base: Path | None = None,
    threads: int = 0,
) -> Model:
    """Fit a model.

    Parameters
    ----------
    algorithm
        A name in ``ALGORITHMS``, or of an estimator; see `find_algorithm`.
    backend
        ``local`` or ``spark``.
    x, y
        Features (n x k) and labels (n), float64 and finite.
    settings
        Settings of the algorithm; others have their defaults.
    seed
        The same seed gives the same model, to the bit, on any number of cores. If
        Spark's workers are on several machines, this holds for up to 400,000 rows; with
        more rows, partial sums arrive in any order, and trees may differ by rounding.
    spark
        Returns the Spark session; called only if the backend is ``spark``.
    weights
        Weights of the rows (n), 0 or more; None if all rows count the same.
    base
        The folder that the path of a user's estimator is relative to.
    threads
        Threads of a local fit, 0 for all cores; the model does not depend on it.

    Returns
    -------
    Model
        Plain arrays, which need neither Spark nor the library to forecast; except for
        a user's estimator.

    Raises
    ------
    BadInput
        A name or a setting is unknown or wrong, or a feature or label is NaN or
        infinite, or shapes do not match, or weights are below 0 or all 0.
    """
    chosen = find_algorithm(algorithm, base)
    parsed = parse_settings(algorithm, settings, chosen.Settings)
    _check_rows(x, y, weights)
    masks = [np.ones(len(y), dtype=bool)]
    with _fitter(
        algorithm, chosen, backend, x, y, masks, seed, threads, spark, weights
    ) as fit_one:
        return fit_one(parsed, 0)


def fit_parts(
    fit_part: Callable[[str, int], Fit],
    parts: Sequence[str],
    backend: str,
    spark: SparkOf | None = None,
) -> dict[str, Fit]:
    """Fit the models of several parts of the symbols, several at a time.

    Parameters
    ----------
    fit_part
        Fits the part with a name on a number of threads, 0 for all cores.
    parts
        Names of the parts.
    backend, spark
        As for `fit`.

    Returns
    -------
    dict
        What ``fit_part`` returned, by part, in order.
    """
    if len(parts) == 1:
        return {part: fit_part(part, 0) for part in parts}
    with ThreadPoolExecutor(_parallel_fits(backend, spark)) as pool:
        fitted = pool.map(lambda part: fit_part(part, 1), parts)
        return dict(zip(parts, fitted, strict=True))


def search(
    algorithm: str,
    backend: str,
    x: FloatArray,
    y: FloatArray,
    settings: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any]],
    folds: Sequence[CvFold],
    seed: int = 0,
    spark: SparkOf | None = None,
    weights: FloatArray | None = None,
    base: Path | None = None,
    threads: int = 0,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Find the settings with the smallest cross-validation error.

    Candidates that differ only in the number of trees share one fit with the largest
    number, and each is scored on its first trees. Locally, and for boosting on Spark,
    these are the trees of a separate fit, to the bit. A random forest on Spark draws
    the rows of all trees together: there `fit` with a candidate's settings returns
    other trees than those scored, grown in the same way from other random numbers.

    Parameters
    ----------
    algorithm, backend, x, y, seed, spark, weights, base
        As for `fit`; errors are weighed, too.
    settings
        The settings that all candidates share.
    grid
        Values to try per setting. The candidates are all combinations; the last setting
        varies fastest.
    folds
        Training and validation mask of each fold, as returned by
        :func:`whatif_assets.domain.models.windows.cv_folds`.
    threads
        Fits at the same time, each on one thread; 0 for as many as there are cores.

    Returns
    -------
    dict
        The grid's settings of the best candidate: the first one with the smallest mean
        over folds of the root mean squared error.
    pandas.DataFrame
        One row per candidate and fold: the grid's settings, ``cv_fold``, ``rmse`` (in
        the unit of the label) and ``seconds`` (the full duration of the shared fit).

    Raises
    ------
    BadInput
        As for `fit`; or a setting of the grid has no values, there are no folds, or a
        fold has no rows for training or validation.
    """
    candidates, chosen = _candidates(grid), find_algorithm(algorithm, base)
    parsed = [
        parse_settings(algorithm, {**settings, **candidate}, chosen.Settings)
        for candidate in candidates
    ]
    _check_rows(x, y, weights)
    _check_folds(folds)
    masks = [train for train, _ in folds]
    with _fitter(
        algorithm, chosen, backend, x, y, masks, seed, 1, spark, weights
    ) as fit_one:
        threads = threads or _parallel_fits(backend, spark)
        rmse, seconds = _scores(
            fit_one, parsed, chosen.nesting, x, y, folds, threads, weights
        )
    best = candidates[int(np.argmin(rmse.mean(axis=1)))]
    return best, _score_table(candidates, rmse, seconds)


def _score_table(
    candidates: Sequence[Mapping[str, Any]], rmse: FloatArray, seconds: FloatArray
) -> pd.DataFrame:
    """Return one row per candidate and fold, see `search`."""
    return pd.DataFrame(
        {**candidates[candidate], "cv_fold": number, "rmse": error, "seconds": took}
        for (candidate, number), error, took in zip(
            np.ndindex(rmse.shape), rmse.flat, seconds.flat, strict=True
        )
    )


def _scores(
    fit_one: Fitter,
    parsed: Sequence[BaseModel],
    nesting: Nesting | None,
    x: FloatArray,
    y: FloatArray,
    folds: Sequence[CvFold],
    threads: int,
    weights: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Fit and score candidates, several fits at a time.

    Returns
    -------
    tuple
        Root mean squared errors and seconds of the fits, both (candidates, folds).
    """
    rmse = np.empty((len(parsed), len(folds)))
    seconds = np.empty_like(rmse)

    def _score(task: tuple[list[int], int]) -> None:
        sharing, number = task
        validation = folds[number][1]
        started = time.perf_counter()
        largest = fit_one(parsed[sharing[0]], number)
        seconds[sharing, number] = time.perf_counter() - started
        for candidate in sharing:
            model = _with_fewer_trees(largest, nesting, parsed[candidate])
            error = model.predict(x[validation]) - y[validation]
            rmse[candidate, number] = np.sqrt(
                mean(error**2, None if weights is None else weights[validation])
            )

    tasks = itertools.product(_sharing_a_fit(parsed, nesting), range(len(folds)))
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(_score, tasks):
            pass  # iterating raises the error of a fit
    return rmse, seconds


def _sharing_a_fit(
    parsed: Sequence[BaseModel], nesting: Nesting | None
) -> list[list[int]]:
    """Group the candidates that share a fit; the first of a group is the one to fit."""
    if nesting is None:
        return [[candidate] for candidate in range(len(parsed))]
    groups: dict[BaseModel, list[int]] = defaultdict(list)
    for candidate, settings in enumerate(parsed):
        rest = settings.model_copy(update={nesting.setting: None})
        groups[rest].append(candidate)

    def _size(candidate: int) -> Any:
        return getattr(parsed[candidate], nesting.setting)

    return [sorted(group, key=_size, reverse=True) for group in groups.values()]


def _with_fewer_trees(
    model: Model, nesting: Nesting | None, settings: BaseModel
) -> Model:
    """Return the part of a shared fit that has a candidate's number of trees."""
    if nesting is None:
        return model
    return nesting.smaller(model, getattr(settings, nesting.setting))


def _candidates(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    for name, values in grid.items():
        if not len(values):
            raise BadInput(
                f"search: {name}: found an empty list; give at least one value to try."
            )
    return [
        dict(zip(grid, values, strict=True))
        for values in itertools.product(*grid.values())
    ]


@contextmanager
def _fitter(
    algorithm: str,
    chosen: Algorithm,
    backend: str,
    x: FloatArray,
    y: FloatArray,
    masks: Sequence[Mask],
    seed: int,
    threads: int,
    spark: SparkOf | None,
    weights: FloatArray | None,
) -> Iterator[Fitter]:
    """Yield a function that fits a model on the rows of one of the masks."""
    seed %= 2**31
    if backend == "local":
        yield lambda settings, number: chosen.fit_local(
            x[masks[number]],
            y[masks[number]],
            settings,
            seed,
            threads,
            None if weights is None else weights[masks[number]],
        )
        return
    session = _session(backend, spark)
    if chosen.fit_spark is None:
        raise no_spark(algorithm)
    fit_spark = chosen.fit_spark
    # In Spark a tree that drew no rows forecasts 0. After subtracting the mean, its
    # forecast is the mean.
    level = 0.0 if chosen.classifies else float(y.mean())

    def _fit_one(settings: BaseModel, number: int) -> Model:
        fitted = fit_spark(rows.where(f"mask_{number}"), settings, seed)
        if isinstance(fitted, Classifier) or chosen.classifies:
            return fitted
        return replace(fitted, constant=fitted.constant + level)

    with spark_rows(session, x, y - level, masks, weights) as rows:
        yield _fit_one


def no_spark(algorithm: str) -> BadInput:
    """Return the error of an algorithm that cannot be fitted on Spark."""
    return BadInput(
        f"backend: found 'spark', but {algorithm} has no fit on Spark. Write backend: "
        f"local, or use an algorithm that has one: {one_of(ALGORITHMS)}."
    )


def _session(backend: str, spark: SparkOf | None) -> SparkSession:
    """Check the name of the backend, and return the Spark session."""
    if backend not in BACKENDS:
        raise BadInput(
            f"backend: found {backend!r}; allowed are {one_of(BACKENDS)}."
            f"{did_you_mean(str(backend), BACKENDS)}"
        )
    if spark is None:
        raise BadInput(
            "backend: 'spark' needs a Spark session, but none was passed; pass a "
            "function that returns one."
        )
    return spark()


def _parallel_fits(backend: str, spark: SparkOf | None) -> int:
    """Number of fits to run at the same time."""
    cores = os.cpu_count() or 1
    if backend == "local":
        return cores
    # A session of Spark Connect has no context that knows the cluster's cores.
    context = getattr(_session(backend, spark), "sparkContext", None)
    return int(getattr(context, "defaultParallelism", cores))


def _check_rows(x: FloatArray, y: FloatArray, weights: FloatArray | None) -> None:
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise BadInput(
            f"model: found features of shape {x.shape} and labels of shape {y.shape}; "
            "give n rows of k features and n labels, n and k at least 1."
        )
    unknown = ~(np.isfinite(x).all(axis=1) & np.isfinite(y))
    if unknown.any():
        raise BadInput(
            f"model: {int(unknown.sum())} of {len(y)} rows, the first is row "
            f"{int(np.argmax(unknown))}, have a feature or label that is NaN or "
            "infinite; leave out the rows of the warm-up and rows without a label."
        )
    if weights is not None and not (
        weights.shape == y.shape and (weights >= 0).all() and 0 < weights.sum() < np.inf
    ):
        raise BadInput(
            f"model: found weights of shape {weights.shape} for {len(y)} rows, or a "
            "weight that is NaN, infinite or below 0, or only zeros; give one weight "
            "of 0 or more for each row."
        )


def _check_folds(folds: Sequence[CvFold]) -> None:
    if not folds:
        raise BadInput("search: there are no folds; give at least one.")
    for number, (train, validation) in enumerate(folds):
        if not (train.any() and validation.any()):
            raise BadInput(
                f"search: fold {number} has {int(train.sum())} rows to train on and "
                f"{int(validation.sum())} to validate on; choose fewer folds."
            )
