"""Compute the features of sessions on Spark, one task per symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.schema import symbol_rows
from whatif_assets.domain.features.bar_columns import column_elsewhere
from whatif_assets.domain.features.computing import with_other_symbols
from whatif_assets.domain.features.cross_sections import (
    across_symbols,
    check_groups,
    group_column,
    per_symbol,
)
from whatif_assets.domain.features.feature import Feature
from whatif_assets.domain.features.function import FeatureFunction
from whatif_assets.domain.features.indicators import FEATURES
from whatif_assets.domain.features.sessions import History, _days, features_of_sessions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame
    from pyspark.sql import SparkSession


def compute_features_spark(
    spark: SparkSession,
    bars: pd.DataFrame | SparkFrame,
    history: History,
    features: Sequence[Feature],
) -> pd.DataFrame:
    """Compute the features of several sessions on Spark, symbols in parallel.

    Features across symbols are completed here, from the values of all symbols.

    Parameters
    ----------
    spark
        The Spark session; its workers must be able to import this package.
    bars
        As for `features_of_sessions`, or a Spark frame with the same columns (``ts``
        timestamp, ``session`` date) and rows in any order.
    history, features
        As for `features_of_sessions`.

    Returns
    -------
    pandas.DataFrame
        The result of `features_of_sessions`, to the bit, sorted by symbol and ``ts``
        (UTC); ``session`` is datetime64[ns].

    Raises
    ------
    BadInput
        As for `features_of_sessions`.
    """
    parts = per_symbol(features)
    # A worker has only the functions of this package, so all functions are sent.
    functions = {f.function: replace(FEATURES[f.function]) for f in parts}
    history = {day: list(previous) for day, previous in history.items()}
    groups = group_column(features)
    schema = ", ".join(
        [
            *("symbol string", "ts long", "session int"),
            *(f"`{name}` string" for name in groups),
            *(f"`{part.column}` double" for part in parts),
        ]
    )
    grouped = _portable(spark, bars, features).groupBy("symbol")
    result = grouped.applyInPandas(
        lambda bars: _of_symbol(bars, history, parts, functions, groups), schema
    ).toPandas()
    result = result.sort_values(["symbol", "ts"], ignore_index=True)
    days = result["session"].to_numpy(dtype=np.int64).astype("datetime64[D]")
    result = result.assign(ts=_utc(result["ts"]), session=days.astype("datetime64[ns]"))
    return across_symbols(result, features)


def _of_symbol(
    bars: pd.DataFrame,
    history: History,
    features: Sequence[Feature],
    functions: Mapping[str, FeatureFunction],
    groups: Sequence[str],
) -> pd.DataFrame:
    """Compute the features of one symbol on a worker; times are as in `_portable`."""
    FEATURES.update(functions)
    ordered = bars.sort_values("ts", ignore_index=True)
    ordered = ordered.assign(ts=_utc(ordered["ts"]))
    frame = features_of_sessions(ordered, history, features)
    of_bars = ordered.set_index("ts")[list(groups)].reindex(frame["ts"])
    of_bars = of_bars.reset_index(drop=True)
    return frame.join(of_bars).assign(ts=_micros(frame["ts"]))


def _portable(
    spark: SparkSession, bars: pd.DataFrame | SparkFrame, features: Sequence[Feature]
) -> SparkFrame:
    """Convert times to integers, which no time zone setting of Spark can change.

    Prices of other symbols that features read are added as columns.
    """
    if isinstance(bars, pd.DataFrame):
        symbol_rows(bars)  # raises for duplicate bars before Spark starts
        days = _days(bars["session"]).astype(np.int32)
        bars = with_other_symbols(bars, features)
        return spark.createDataFrame(bars.assign(ts=_micros(bars["ts"]), session=days))
    from pyspark.sql import functions as F  # noqa: N812

    check_groups(pd.DataFrame(columns=bars.columns), features)
    for price, symbol in {f.elsewhere for f in features if f.elsewhere}:
        of_bar = F.expr("(high + low + close) / 3" if price == "typical" else price)
        theirs = bars.where(F.col("symbol") == symbol).select(
            "ts", of_bar.alias(column_elsewhere(price, symbol))
        )
        bars = bars.join(theirs, "ts", "left")
    return bars.withColumns(
        {"ts": F.unix_micros("ts"), "session": F.unix_date("session")}
    )


def _micros(ts: pd.Series) -> npt.NDArray[np.int64]:
    return ts.to_numpy(dtype="datetime64[us]").astype(np.int64)


def _utc(micros: pd.Series) -> pd.Series:
    return pd.to_datetime(micros, unit="us", utc=True).astype("datetime64[us, UTC]")
