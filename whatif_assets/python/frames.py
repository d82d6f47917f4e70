"""The library whose frames a user gets: pandas, polars, Arrow or Spark."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.engines.spark.session import spark_session
from whatif_assets.steps.backend import study_settings

if TYPE_CHECKING:
    import pyarrow as pa

Library = Literal["pandas", "polars", "arrow", "spark"]


def _to_polars(frame: pd.DataFrame) -> Any:
    try:
        polars = importlib.import_module("polars")
    except ImportError:
        raise BadInput(
            "frames: polars is not installed; use 'pip install polars', or choose "
            "'pandas', 'arrow' or 'spark'."
        ) from None
    return polars.from_pandas(frame)


def _to_arrow(frame: pd.DataFrame) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def _to_spark(frame: pd.DataFrame) -> Any:
    """Convert to a DataFrame of the running Spark session, or of a new one.

    NaN and None are null. A column without any value is text.

    Raises
    ------
    BadInput
        PySpark or a Java that it can run on is missing, or Spark lacks a type.
    """
    try:
        pyspark = importlib.import_module("pyspark")
        sql = importlib.import_module("pyspark.sql")
    except ImportError:
        raise BadInput(
            "frames: pyspark is not installed; use 'pip install pyspark', or choose "
            "'pandas', 'polars' or 'arrow'."
        ) from None
    session = sql.SparkSession.getActiveSession()
    try:
        session = session or spark_session(study_settings(None))
        return session.createDataFrame(_in_types_of_spark(_to_arrow(frame)))
    except pyspark.errors.PySparkTypeError as error:
        raise BadInput(
            f"frames: Spark lacks a type of this frame ({error}); convert the "
            "column in the query, or choose 'pandas', 'polars' or 'arrow'."
        ) from None


def _in_types_of_spark(table: pa.Table) -> pa.Table:
    """Cast the columns whose types Spark lacks to those that hold the same values."""
    import pyarrow as pa

    wider = {
        pa.null(): pa.string(),
        pa.uint8(): pa.int16(),
        pa.uint16(): pa.int32(),
        pa.uint32(): pa.int64(),
        pa.uint64(): pa.decimal128(20),
    }
    fields = [
        field.with_type(wider.get(field.type, field.type)) for field in table.schema
    ]
    return table.cast(pa.schema(fields))


CONVERSIONS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": _to_polars,
    "arrow": _to_arrow,
    "spark": _to_spark,
}


def conversion(library: str) -> Callable[[pd.DataFrame], Any]:
    """Return the function that converts a frame of pandas to that of a library.

    Raises
    ------
    BadInput
        The library is unknown; one that is not installed is named when it is used.
    """
    if library not in CONVERSIONS:
        raise BadInput(
            f"frames: found {library!r}; allowed are {one_of(CONVERSIONS)}."
            f"{did_you_mean(str(library), CONVERSIONS)}"
        )
    return CONVERSIONS[library]
