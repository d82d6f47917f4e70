"""Training rows on Spark, in the same partitions on any number of cores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame
    from pyspark.sql import SparkSession

# The number of partitions depends only on the number of rows, because Spark ML draws
# random rows and computes sums partition by partition.
ROWS_PER_PARTITION = 200_000
WEIGHT = "weight"


@contextmanager
def spark_rows(
    spark: SparkSession,
    x: FloatArray,
    y: FloatArray,
    masks: Sequence[npt.NDArray[np.bool_]] = (),
    weights: FloatArray | None = None,
) -> Iterator[SparkFrame]:
    """Keep training rows in Spark's memory.

    Parameters
    ----------
    spark
        The Spark session.
    x, y
        n x k features and n labels, finite.
    masks
        Any number of masks of n booleans, to select rows with.
    weights
        n weights of 0 or more; None if all rows count the same.

    Yields
    ------
    pyspark.sql.DataFrame
        ``features`` (vector), ``label``, `WEIGHT` if there are weights, and ``mask_0``,
        ``mask_1`` and so on.
    """
    from pyspark.ml.feature import VectorAssembler

    names = [f"x{number}" for number in range(x.shape[1])]
    flags: dict[str, npt.NDArray[Any]] = {
        f"mask_{number}": mask for number, mask in enumerate(masks)
    }
    if weights is not None:
        flags[WEIGHT] = weights
    table = pd.DataFrame(x, columns=names).assign(
        label=y, row=np.arange(len(y), dtype=np.int64), **flags
    )
    partitions = math.ceil(len(y) / ROWS_PER_PARTITION)
    frame = spark.createDataFrame(table)
    # One partition needs no shuffle, which would take as long as a small fit.
    spread = (
        frame.coalesce(1) if partitions == 1 else frame.repartition(partitions, "row")
    )
    assembler = VectorAssembler(inputCols=names, outputCol="features")
    rows = assembler.transform(spread.sortWithinPartitions("row"))
    kept = rows.select("features", "label", *flags).persist()
    try:
        yield kept
    finally:
        kept.unpersist()


def weight_column(rows: SparkFrame) -> dict[str, Any]:
    """Return the argument of Spark's estimators that names the weights, if any."""
    return {"weightCol": WEIGHT} if WEIGHT in rows.columns else {}


def width(rows: SparkFrame) -> int:
    """Number of features of training rows."""
    attributes = rows.schema["features"].metadata["ml_attr"]
    return int(attributes["num_attrs"])
