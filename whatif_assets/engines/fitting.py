"""Fit a model."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.models.algorithms import (
    Algorithm,
    parse_settings,
)
from whatif_assets.domain.models.ensemble import CvFold
from whatif_assets.domain.models.portable import Classifier, Model
from whatif_assets.domain.models.spark_rows import spark_rows
from whatif_assets.engines.algorithms import find_algorithm, no_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BACKENDS = ("local", "spark")

SparkOf = Callable[[], "SparkSession"]
# Fits with some settings on the rows of the mask with a number.
Fitter = Callable[[BaseModel, int], Model]
Item = TypeVar("Item")
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
    folds: Sequence[CvFold] = (),
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
        The same seed gives the same model, to the bit, on any number of cores; on
        several machines of a Spark cluster, for up to 400,000 rows.
    spark
        Returns the Spark session; called only if the backend is ``spark``.
    weights
        Weights of the rows (n), 0 or more; None if all rows count the same.
    base
        The folder that the path of a user's estimator is relative to.
    threads
        Threads of a local fit, 0 for all cores; the model does not depend on it.
    folds
        Purged folds of the rows, for an ensemble that needs out-of-fold forecasts.

    Returns
    -------
    Model
        Plain arrays, which forecast without Spark or a library, or a user's estimator.

    Raises
    ------
    BadInput
        A name or a setting is wrong, or rows are not finite or not of one length, or
        weights are below 0 or all 0.
    """
    chosen = find_algorithm(algorithm, base)
    parsed = parse_settings(algorithm, settings, chosen.Settings)
    check_rows(x, y, weights)
    if folds:
        with_folds = functools.partial(chosen.fit_local, folds=folds)
        chosen = replace(chosen, fit_local=with_folds)
    rows = [np.ones(len(y), dtype=bool)]
    options = seed, threads, spark, weights
    with fitter(algorithm, chosen, backend, x, y, rows, *options) as fit_one:
        return fit_one(parsed, 0)


def fit_parts(
    fit_part: Callable[[str, int], Fit],
    parts: Sequence[str],
    backend: str,
    spark: SparkOf | None = None,
    threads: int = 0,
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
    threads
        Threads of the fit of a single part.

    Returns
    -------
    dict
        What ``fit_part`` returned, by part, in order.
    """
    if len(parts) == 1:
        return {part: fit_part(part, threads) for part in parts}
    with ThreadPoolExecutor(parallel_fits(backend, spark)) as pool:
        fitted = pool.map(lambda part: fit_part(part, 1), parts)
        return dict(zip(parts, fitted, strict=True))


def fits_ahead(
    fit_one: Callable[[Item], Fit], items: Iterable[Item], at_once: int
) -> Iterator[Fit]:
    """Fit several items at a time, and yield what was fitted in their order.

    No more than ``at_once`` items are taken before what they became is asked for, so
    that few training sets are in memory.

    Parameters
    ----------
    fit_one
        Fits an item.
    items
        What to fit on; taken one by one, in this thread.
    at_once
        Number of fits at the same time; the first error ends all.
    """
    if at_once < 2:
        yield from map(fit_one, items)
        return
    pool, waiting = ThreadPoolExecutor(at_once), deque[Future[Fit]]()
    try:
        for item in items:
            waiting.append(pool.submit(fit_one, item))
            if len(waiting) == at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def fitter(
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

        def _fit_locally(settings: BaseModel, number: int) -> Model:
            mask = masks[number]
            own = None if weights is None else weights[mask]
            # Rows one after the other in memory, as a mask returns them.
            rows = np.ascontiguousarray(x) if mask.all() else x[mask]
            return chosen.fit_local(rows, y[mask], settings, seed, threads, own)

        yield _fit_locally
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


def parallel_fits(backend: str, spark: SparkOf | None) -> int:
    """Number of fits to run at the same time."""
    cores = os.cpu_count() or 1
    if backend == "local":
        return cores
    # A session of Spark Connect has no context that knows the cluster's cores.
    context = getattr(_session(backend, spark), "sparkContext", None)
    return int(getattr(context, "defaultParallelism", cores))


def check_rows(x: FloatArray, y: FloatArray, weights: FloatArray | None) -> None:
    """Raise BadInput for rows that no model can be fitted on; see `fit`."""
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise BadInput(
            f"model: found features of shape {x.shape} and labels of shape {y.shape}; "
            "give n rows of k features and n labels, n and k at least 1."
        )
    unknown = np.zeros(0, dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(x.sum() + y.sum())  # found without a mask of all
    if not finite:
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
