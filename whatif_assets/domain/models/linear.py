"""Ridge regression, fitted locally or on Spark."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.models.portable import ROWS_PER_THREAD, Linear, shares
from whatif_assets.domain.models.spark_rows import WEIGHT, weight_column
from whatif_assets.domain.models.weights import center_and_scale

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame


class LinearSettings(Settings):
    """Settings of `linear`."""

    l2: float = Field(
        default=1e-6,
        ge=0,
        description="Penalty on the squared standardised coefficients; 0: no penalty.",
    )


def linear(
    x: FloatArray,
    y: FloatArray,
    settings: LinearSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Linear:
    """Fit a ridge regression.

    Features and label are scaled to mean 0 and standard deviation 1, and
    ``mean(error**2) / 2 + l2 * sum(coefficient**2) / 2`` is minimised, so that ``l2``
    has the same effect for prices and returns. Collinear features share their effect.

    Parameters
    ----------
    x, y
        n x k features and n labels, finite.
    settings
        Settings of the regression.
    seed
        Has no effect: nothing is random.
    threads
        Number of threads, 0 for all cores; the model does not depend on it.
    weights
        n weights of 0 or more, by which all means are weighed; None if all rows count
        the same.
    """
    center, scale = center_and_scale(x, weights)
    level, unit = center_and_scale(y, weights)
    level, unit = float(level), float(unit) or 1.0
    used = scale > 0
    label = (y - level) / unit
    moments = mean_products(x, used, center, scale, label, weights, threads)
    standardised = np.zeros(x.shape[1])
    if used.any():
        penalised = moments[:-1, :-1] + settings.l2 * np.eye(int(used.sum()))
        found = np.linalg.lstsq(penalised, moments[:-1, -1], rcond=None)[0]
        standardised[used] = found
    coefficients = np.zeros(x.shape[1])
    coefficients[used] = standardised[used] * unit / scale[used]
    constant = level - float(np.sum(coefficients * center))
    return Linear(np.array([constant]), coefficients, shares(np.abs(standardised)))


def mean_products(
    x: FloatArray,
    used: Mask,
    center: FloatArray,
    scale: FloatArray,
    label: FloatArray,
    weights: FloatArray | None,
    threads: int = 0,
) -> FloatArray:
    """Compute the mean of the product of each pair of standardised columns.

    Parameters
    ----------
    x
        n x k features.
    used, center, scale
        Which of the features are columns, and what is subtracted from each of the k
        before it is divided by its scale.
    label
        The last column, n values, as it is.
    weights
        n weights, by which means are weighed; None if all rows count the same.
    threads
        Number of threads, 0 for all cores; they change no bit.

    Returns
    -------
    ndarray of float64
        What `mean` returns for each product, to the bit: a row and a column for each of
        the used features and the label.
    """
    from whatif_assets.domain.models._moments import half, standardised_products

    counted = np.ones(len(label)) if weights is None else weights
    columns = x, np.flatnonzero(used), center, scale, label, counted

    def _sums(start: int, rows: int, threads: int) -> FloatArray:
        """Add up some rows: both halves of them, then the two sums."""
        if threads < 2 or rows < ROWS_PER_THREAD:
            sums: FloatArray = standardised_products(*columns, start, rows)
            return sums
        first, others = half(rows), threads // 2
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(_sums, start + first, rows - first, others)
            return _sums(start, first, threads - others) + second.result()

    sums = _sums(0, len(counted), threads or os.cpu_count() or 1)
    return np.asarray(sums / counted.sum())


def linear_spark(rows: SparkFrame, settings: LinearSettings, seed: int) -> Linear:
    """Fit a ridge regression with Spark ML; see `linear`.

    Parameters
    ----------
    rows
        Rows of :func:`whatif_assets.domain.models.spark_rows.spark_rows`.
    settings
        Settings of the regression.
    seed
        Has no effect.
    """
    return standardised_on_spark(rows, settings.l2)


def standardised_on_spark(
    rows: SparkFrame, penalty: float, l1_ratio: float = 0.0
) -> Linear:
    """Fit a line with Spark ML to standardised features and a standardised label.

    Parameters
    ----------
    rows
        Rows of :func:`whatif_assets.domain.models.spark_rows.spark_rows`.
    penalty, l1_ratio
        Penalty on the standardised coefficients, and the share of it that is on
        absolute values and not on squares.
    """
    from pyspark.ml.feature import StandardScaler
    from pyspark.ml.regression import LinearRegression
    from pyspark.sql import functions as F  # noqa: N812

    # One partition, because a sum over several depends on which one finishes first.
    rows = rows.coalesce(1)
    label, weighed = F.col("label"), weight_column(rows)
    ((level, unit),) = rows.select(F.avg(label), F.stddev_pop(label)).collect()
    if weighed:
        ((total,),) = rows.select(F.sum(WEIGHT)).collect()
        part = F.col(WEIGHT) / total
        ((level, squares),) = rows.select(
            F.sum(part * label), F.sum(part * label**2)
        ).collect()
        unit = max(squares - level**2, 0.0) ** 0.5
    unit = unit or 1.0
    # Spark scales too but does not center, so columns far from 0 would lose digits.
    scaler = StandardScaler(inputCol="features", outputCol="scaled", withMean=True)
    scaling = scaler.fit(rows)
    scaled = scaling.transform(rows).withColumn("label", (label - level) / unit)
    estimator = LinearRegression(
        featuresCol="scaled",
        regParam=penalty,
        elasticNetParam=l1_ratio,
        solver="normal",
        **weighed,
    )
    fitted = estimator.fit(scaled)
    standardised = fitted.coefficients.toArray()
    center, scale = scaling.mean.toArray(), scaling.std.toArray()
    coefficients = np.zeros(len(standardised))
    np.divide(standardised * unit, scale, out=coefficients, where=scale > 0)
    constant = level + fitted.intercept * unit - float(np.sum(coefficients * center))
    return Linear(np.array([constant]), coefficients, shares(np.abs(standardised)))
