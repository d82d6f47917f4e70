"""Classes: the few values of a label that a classifier tells apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.errors import BadInput

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame

MOST_CLASSES = 20


def classes_of(y: FloatArray) -> tuple[FloatArray, IntArray]:
    """Find the classes of labels.

    Returns
    -------
    tuple
        The classes, ascending, and the number of each label's class.

    Raises
    ------
    BadInput
        There are more than MOST_CLASSES different labels.
    """
    classes, numbers = np.unique(y, return_inverse=True)
    _check_number(classes)
    return classes, numbers.astype(np.int64)


def classes_on_spark(rows: SparkFrame) -> tuple[FloatArray, SparkFrame]:
    """Find the classes of training rows, and number their labels by class.

    Parameters
    ----------
    rows
        Rows of :func:`whatif_assets.domain.models.spark_rows.spark_rows`.

    Returns
    -------
    tuple
        The classes, ascending, and the rows with the number of the class as ``label``.

    Raises
    ------
    BadInput
        There are more than MOST_CLASSES different labels.
    """
    from pyspark.sql import functions as F  # noqa: N812

    found = rows.select("label").distinct().limit(MOST_CLASSES + 1).collect()
    classes = np.array(sorted(row[0] for row in found))
    _check_number(classes)
    numbers = F.array_position(F.array(*(F.lit(float(c)) for c in classes)), rows.label)
    return classes, rows.withColumn("label", (numbers - 1).cast("double"))


def _check_number(classes: Sequence[float] | FloatArray) -> None:
    if len(classes) > MOST_CLASSES:
        some = ", ".join(f"{one:.6g}" for one in classes[:3])
        raise BadInput(
            f"label: found more than {MOST_CLASSES} different values, such as {some}; "
            "a classifier needs a label of classes, such as -1, 0 and 1. Choose a kind "
            "of label whose values are classes, such as direction or triple_barrier, "
            "or an algorithm of regression, such as random_forest."
        )
