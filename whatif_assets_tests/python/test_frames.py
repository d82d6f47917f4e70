"""Frames of Spark have the values of those of pandas, and say what is missing."""

from __future__ import annotations

import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest

import whatif_assets as wi
from whatif_assets.engines.spark import session as sessions
from whatif_assets.engines.spark.java import JavaMissing
from whatif_assets.python import frames

MOMENTS = pd.to_datetime(["2026-01-05 14:30", "2026-01-05 14:31"], utc=True)
FRAME = pd.DataFrame(
    {
        "symbol": ["A", None],
        "ts": MOMENTS,
        "session": [date(2026, 1, 5)] * 2,
        "pnl": [1.5, np.nan],
        "rank": [1, 2],
        "nothing": [None, None],
        "hash": np.array([1, 2**64 - 1], dtype=np.uint64),
    }
)


def test_spark_gets_the_same_values_and_nan_is_null(spark):
    made = frames.conversion("spark")(FRAME)
    assert made.sparkSession.sparkContext is spark.sparkContext
    seconds = made.selectExpr("*", "unix_timestamp(ts) AS seconds").collect()
    assert [row.seconds for row in seconds] == [
        int(moment.timestamp()) for moment in MOMENTS
    ]
    first, second = (row.asDict() for row in seconds)
    assert (first["symbol"], second["symbol"]) == ("A", None)
    assert (first["pnl"], second["pnl"]) == (1.5, None)
    assert (first["rank"], first["session"]) == (1, date(2026, 1, 5))
    assert int(second["hash"]) == 2**64 - 1
    assert made.schema["nothing"].dataType.simpleString() == "string"


def test_an_empty_frame_of_spark_has_the_columns(spark):
    made = frames.conversion("spark")(FRAME.iloc[:0])
    assert made.columns == list(FRAME)
    assert made.count() == 0


def test_what_spark_needs_and_lacks_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(wi.BadInput, match="pip install pyspark"):
        frames.conversion("spark")(FRAME)


def test_a_missing_java_is_told(monkeypatch):
    from pyspark.sql import SparkSession

    def _none():
        raise JavaMissing("no Java was found")

    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(sessions, "find_java", _none)
    with pytest.raises(wi.BadInput, match="no Java"):
        frames.conversion("spark")(FRAME)
