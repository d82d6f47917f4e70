"""Fits on Spark, beside Spark ML alone, in one session of this machine.

Both begin with the same arrays and end with a model; ours is converted to arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.models.spark_rows import ROWS_PER_PARTITION

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OnSpark:
    """An algorithm of ours, and an estimator of Spark ML with the same settings.

    Attributes
    ----------
    algorithm
        Ours, with its default settings.
    estimator
        Makes Spark's, given the number of features.
    scales
        Whether the features are standardised before.
    """

    algorithm: str
    estimator: Callable[[int], Any]
    scales: bool = False


def _line(features: int) -> Any:
    from pyspark.ml.regression import LinearRegression

    return LinearRegression(regParam=1e-6, elasticNetParam=0.0, solver="normal")


def _forest(features: int) -> Any:
    from pyspark.ml.regression import RandomForestRegressor

    each = str(-(-features // 3))
    return RandomForestRegressor(
        numTrees=20, maxDepth=5, maxBins=255, featureSubsetStrategy=each, seed=0
    )


CONTESTS = (OnSpark("linear", _line, scales=True), OnSpark("random_forest", _forest))


def fit_bare(contest: OnSpark, spark: Any, x: Array, y: Array) -> Any:
    """Fit Spark's estimator to arrays."""
    from pyspark.ml.feature import StandardScaler, VectorAssembler

    names = [f"x{number}" for number in range(x.shape[1])]
    frame = spark.createDataFrame(pd.DataFrame(x, columns=names).assign(label=y))
    frame = frame.repartition(-(-len(y) // ROWS_PER_PARTITION))
    rows = VectorAssembler(inputCols=names, outputCol="features").transform(frame)
    rows = rows.select("features", "label").persist()
    try:
        estimator = contest.estimator(x.shape[1])
        if contest.scales:
            scaler = StandardScaler(
                inputCol="features", outputCol="scaled", withMean=True
            )
            rows = scaler.fit(rows).transform(rows)
            estimator.setFeaturesCol("scaled")
        return estimator.fit(rows)
    finally:
        rows.unpersist()
