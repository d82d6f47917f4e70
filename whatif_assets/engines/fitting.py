"""Fit a model, and search for the settings to fit it with."""

from __future__ import annotations

import itertools
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.models.algorithms import ALGORITHMS, Nesting, parse_settings
from whatif_assets.domain.models.portable import Model
from whatif_assets.domain.models.spark_rows import spark_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BACKENDS = ("local", "spark")

CvFold = tuple[Mask, Mask]
SparkOf = Callable[[], "SparkSession"]
# Fits on the rows of the mask of a number.
Fitter = Callable[[BaseModel, int], Model]


def fit(
    algorithm: str,
    backend: str,
    x: FloatArray,
    y: FloatArray,
    settings: Mapping[str, Any],
    seed: int = 0,
    spark: SparkOf | None = None,
) -> Model:
    """Fit a model.

    Parameters
    ----------
    algorithm
        A name in ``ALGORITHMS``.
    backend
        ``local`` or ``spark``.
    x, y
        n x k features and n labels, float64, finite.
    settings
        Settings of the algorithm; those left out have their defaults.
    seed
        The same seed gives the same model, to the bit, on any number of cores.
        Where Spark's workers are several machines that holds up to 400,000 rows;
        beyond, trees are equal but for the order in which partial sums arrive.
    spark
        Gives the Spark session; called for ``spark`` alone.

    Returns
    -------
    Model
        Plain arrays, which need neither Spark nor the library to score.

    Raises
    ------
    BadInput
        A name, a setting or the data is not as described.
    """
    parsed = parse_settings(algorithm, settings)
    _check_rows(x, y)
    everything = np.ones(len(y), dtype=bool)
    with _fitter(algorithm, backend, x, y, [everything], seed, 0, spark) as fit_one:
        return fit_one(parsed, 0)


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
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Find the settings whose forecasts of later rows have the smallest error.

    Candidates that differ in the number of trees alone share one fit of the largest
    number and are scored on its first trees. Locally, and for boosting on Spark too,
    these are the trees that a fit of their own would give, to the bit. A random
    forest on Spark draws its rows for all trees together: there a candidate is
    scored on as many trees grown in the same way from other random numbers, and
    `fit` with its settings gives a forest of its own.

    Parameters
    ----------
    algorithm, backend, x, y, seed, spark
        As for `fit`.
    settings
        What all candidates share.
    grid
        Values to try per setting; the candidates are all combinations, the last
        setting varying fastest.
    folds
        Training and validation mask of each fold, such as
        :func:`whatif_assets.domain.models.windows.cv_folds` gives.

    Returns
    -------
    dict
        The grid's settings of the candidate with the smallest mean of the folds'
        root mean squared errors; of several the first.
    pandas.DataFrame
        One row per candidate and fold: the grid's settings, ``cv_fold``, ``rmse``
        (in the unit of the label) and ``seconds`` (of the fit that gave it, in full
        for each of those that share one).

    Raises
    ------
    BadInput
        A name, a value or the data is not as described.
    """
    candidates = _candidates(grid)
    parsed = [parse_settings(algorithm, {**settings, **c}) for c in candidates]
    _check_rows(x, y)
    _check_folds(folds)
    masks = [train for train, _ in folds]
    fitter = _fitter(algorithm, backend, x, y, masks, seed, 1, spark)
    nesting = ALGORITHMS[algorithm].nesting
    rmse = np.empty((len(candidates), len(folds)))
    seconds = np.empty_like(rmse)

    def score(task: tuple[list[int], int]) -> None:
        sharing, number = task
        validation = folds[number][1]
        started = time.perf_counter()
        model = fit_one(parsed[sharing[0]], number)
        seconds[sharing, number] = time.perf_counter() - started
        for candidate in sharing:
            one = _taken_out(model, nesting, parsed[candidate])
            error = one.predict(x[validation]) - y[validation]
            rmse[candidate, number] = np.sqrt(np.mean(error**2))

    tasks = itertools.product(_sharing(parsed, nesting), range(len(folds)))
    with fitter as fit_one, ThreadPoolExecutor(_cores(backend, spark)) as pool:
        for _ in pool.map(score, tasks):
            pass  # raises what a fit raised
    scores = pd.DataFrame(
        {**candidates[candidate], "cv_fold": number, "rmse": error, "seconds": took}
        for (candidate, number), error, took in zip(
            np.ndindex(rmse.shape), rmse.flat, seconds.flat, strict=True
        )
    )
    return candidates[int(np.argmin(rmse.mean(axis=1)))], scores


def _sharing(parsed: Sequence[BaseModel], nesting: Nesting | None) -> list[list[int]]:
    """Group the candidates that one fit serves, that of the first of a group."""
    if nesting is None:
        return [[candidate] for candidate in range(len(parsed))]
    groups: dict[BaseModel, list[int]] = defaultdict(list)
    for candidate, settings in enumerate(parsed):
        rest = settings.model_copy(update={nesting.setting: None})
        groups[rest].append(candidate)

    def size(candidate: int) -> Any:
        return getattr(parsed[candidate], nesting.setting)

    return [sorted(group, key=size, reverse=True) for group in groups.values()]


def _taken_out(model: Model, nesting: Nesting | None, settings: BaseModel) -> Model:
    if nesting is None:
        return model
    return nesting.smaller(model, getattr(settings, nesting.setting))


def _candidates(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    for name, values in grid.items():
        if not len(values):
            raise BadInput(f"search: {name}: there is no value to try.")
    return [
        dict(zip(grid, values, strict=True))
        for values in itertools.product(*grid.values())
    ]


@contextmanager
def _fitter(
    algorithm: str,
    backend: str,
    x: FloatArray,
    y: FloatArray,
    masks: Sequence[Mask],
    seed: int,
    threads: int,
    spark: SparkOf | None,
) -> Iterator[Fitter]:
    """Give a function that fits on the rows of one of the masks."""
    known = ALGORITHMS[algorithm]
    seed %= 2**31
    if backend == "local":
        yield lambda settings, number: known.fit_local(
            x[masks[number]], y[masks[number]], settings, seed, threads
        )
        return
    # Spark lets a tree that drew no row forecast 0, so that is made the mean.
    level = float(y.mean())

    def fit_one(settings: BaseModel, number: int) -> Model:
        fitted = known.fit_spark(rows.where(f"mask_{number}"), settings, seed)
        return replace(fitted, constant=fitted.constant + level)

    with spark_rows(_session(backend, spark), x, y - level, masks) as rows:
        yield fit_one


def _session(backend: str, spark: SparkOf | None) -> SparkSession:
    if backend not in BACKENDS:
        raise BadInput(
            f"backend: found {backend!r}; allowed are {one_of(BACKENDS)}."
            f"{did_you_mean(str(backend), BACKENDS)}"
        )
    if spark is None:
        raise BadInput("backend: 'spark' needs a Spark session, and none was given.")
    return spark()


def _cores(backend: str, spark: SparkOf | None) -> int:
    """How many fits to run at once."""
    mine = os.cpu_count() or 1
    if backend == "local":
        return mine
    # Spark Connect has no context that would tell.
    context = getattr(_session(backend, spark), "sparkContext", None)
    return int(getattr(context, "defaultParallelism", mine))


def _check_rows(x: FloatArray, y: FloatArray) -> None:
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise BadInput(
            f"model: found features of shape {x.shape} and labels of shape {y.shape}; "
            "give n rows of k features and n labels, n and k at least 1."
        )
    unknown = ~(np.isfinite(x).all(axis=1) & np.isfinite(y))
    if unknown.any():
        raise BadInput(
            f"model: {int(unknown.sum())} of {len(y)} rows, the first of them row "
            f"{int(np.argmax(unknown))}, have a feature or label that is NaN or "
            "infinite; leave out rows that still warm up or have no label."
        )


def _check_folds(folds: Sequence[CvFold]) -> None:
    if not folds:
        raise BadInput("search: there is no fold to compare candidates on.")
    for number, (train, validation) in enumerate(folds):
        if not (train.any() and validation.any()):
            raise BadInput(
                f"search: fold {number} has {int(train.sum())} rows to train on and "
                f"{int(validation.sum())} to validate on; choose fewer folds."
            )
