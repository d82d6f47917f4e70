"""Linear regression with a penalty on large coefficients, here or on Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from whatif_assets.core.models.portable import Linear, Matrix, Model, Vector, shares

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame


class LinearSettings(BaseModel):
    """Settings of `linear`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    l2: float = Field(
        default=1e-6,
        ge=0,
        description="Penalty on the squared standardised coefficients; 0 is none.",
    )


def linear(
    x: Matrix, y: Vector, settings: LinearSettings, seed: int, threads: int
) -> Model:
    """Fit a ridge regression.

    With features and label scaled to mean 0 and deviation 1 it minimises
    ``mean(error**2) / 2 + l2 * sum(coefficient**2) / 2``, so that ``l2`` means the
    same for prices and returns. Of features that say the same, each gets its share.

    Parameters
    ----------
    x, y
        n x k features and n labels, finite.
    settings
        How to fit.
    seed, threads
        Without effect: nothing is random, and sums are taken in one order.
    """
    center, scale = x.mean(axis=0), x.std(axis=0)
    level, unit = float(y.mean()), float(y.std()) or 1.0
    used = scale > 0
    columns = [(x[:, i] - center[i]) / scale[i] for i in np.flatnonzero(used)]
    label = (y - level) / unit
    # Not by a product of matrices, whose order of adding depends on the threads.
    moments = np.array([[np.mean(a * b) for b in columns] for a in columns])
    with_label = np.array([np.mean(a * label) for a in columns])
    standardised = np.zeros(x.shape[1])
    if columns:
        penalised = moments + settings.l2 * np.eye(len(columns))
        standardised[used] = np.linalg.lstsq(penalised, with_label, rcond=None)[0]
    coefficients = np.zeros(x.shape[1])
    coefficients[used] = standardised[used] * unit / scale[used]
    constant = level - float(np.sum(coefficients * center))
    return Linear(np.array([constant]), coefficients, shares(np.abs(standardised)))


def linear_spark(rows: SparkFrame, settings: LinearSettings, seed: int) -> Model:
    """Fit a ridge regression with Spark ML; see `linear`.

    Parameters
    ----------
    rows
        As :func:`whatif_assets.core.models.spark_rows.spark_rows` makes them.
    settings
        How to fit.
    seed
        Without effect.
    """
    from pyspark.ml.regression import LinearRegression
    from pyspark.ml.stat import Summarizer
    from pyspark.sql import functions as F  # noqa: N812

    # One partition: what several add up to depends on which is done first.
    rows = rows.coalesce(1)
    (summary,) = rows.select(
        F.stddev_pop("label"), Summarizer.std(rows["features"])
    ).collect()
    unit, deviations = float(summary[0]), summary[1].toArray()
    # Spark scales the label too, and divides the penalty by its deviation.
    estimator = LinearRegression(regParam=settings.l2 * unit, solver="normal")
    fitted = estimator.fit(rows)
    coefficients = fitted.coefficients.toArray()
    weights = np.abs(coefficients * deviations)
    return Linear(np.array([fitted.intercept]), coefficients, shares(weights))
