"""Bars from a query: types, names, time zones, and read-only access."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import open_source
from whatif_assets_tests.sources.instants import EVER, utc

ONE = (
    "SELECT 'AAA' AS symbol, 1 AS open, 2.5 AS high, 1 AS low, 2 AS close, 7 AS volume"
)


def ask(folder, query, bar_size=ONE_MINUTE, symbols=("AAA",), **options):
    source = open_source("duckdb", {"query": query, **options}, folder)
    return source.read(list(symbols), *EVER, bar_size)


def test_a_query_result_becomes_bars(tmp_path):
    query = f"{ONE}, TIMESTAMPTZ '2018-02-20 09:30-05' AS ts, 1.25 AS VWAP -- all"
    bar = ask(tmp_path, query + "\n;").iloc[0]
    assert (bar["symbol"], bar["ts"]) == ("AAA", utc("2018-02-20 14:30"))
    assert list(bar[["open", "high", "volume", "vwap"]]) == [1.0, 2.5, 7.0, 1.25]


def test_files_of_the_query_are_found_relative_to_the_home(tmp_path):
    (tmp_path / "bars").mkdir()
    file = tmp_path / "bars/aaa.csv"
    file.write_text("time,price,size\n2018-02-20 14:30:00,10,100\n")
    query = (
        "SELECT time AS ts, price AS open, price AS high, price AS low, price AS close,"
        " size FROM 'bars/*.csv'"
    )
    options = {"columns": {"volume": "size"}, "symbol": "AAA", "timezone": "UTC"}
    bars = ask(tmp_path, query, **options)
    assert list(bars["volume"]) == [100]
    source = open_source("duckdb", {"query": query, **options}, tmp_path)
    assert source.symbols() == ["AAA"]
    days = (pd.Timestamp("2018-02-20", tz="UTC"), pd.Timestamp("2018-02-21", tz="UTC"))
    (before,) = source.state(*days)
    file.write_text(file.read_text() + "2018-02-20 14:31:00,10,100\n")
    again = open_source("duckdb", {"query": query, **options}, tmp_path)
    assert [before] != again.state(*days)


def test_a_database_is_read_and_cannot_be_written(tmp_path):
    with duckdb.connect(str(tmp_path / "bars.duckdb")) as connection:
        connection.execute(
            f"CREATE TABLE bars AS {ONE}, TIMESTAMPTZ '2018-02-20 14:30Z' AS ts"
        )
    assert len(ask(tmp_path, "FROM bars", path="bars.duckdb")) == 1
    for query in (
        "DELETE FROM bars",
        "COPY bars TO 'out.csv'",
        "INSTALL httpfs",
        "SELECT 1; DROP TABLE bars",
        "SET threads = 1",
        "ATTACH 'other.duckdb'",
        "",
        "-- nothing",
    ):
        with pytest.raises(BadInput, match=r"one SELECT|a text that is not empty"):
            ask(tmp_path, query, path="bars.duckdb")
    assert [file.name for file in tmp_path.iterdir()] == ["bars.duckdb"]


def test_variables_of_the_program_are_not_tables(tmp_path):
    bars = pd.DataFrame({"symbol": ["AAA"]})
    assert len(bars) == 1
    with pytest.raises(BadInput, match=r"DuckDB reports: Catalog Error.*bars"):
        ask(tmp_path, "SELECT * FROM bars")


@pytest.mark.parametrize(
    ("stamp", "start"), [("start", "2018-02-20 14:30"), ("end", "2018-02-20 14:29")]
)
def test_times_without_zone_get_the_zone_of_the_options(tmp_path, stamp, start):
    query = f"{ONE}, TIMESTAMP '2018-02-20 09:30' AS ts"
    options = {"timezone": "America/New_York", "stamp": stamp}
    assert ask(tmp_path, query, **options)["ts"].iloc[0] == utc(start)
    with pytest.raises(BadInput, match=r"a time without a time zone\. Set timezone"):
        ask(tmp_path, query)


@pytest.mark.parametrize("time", ["2018-11-04 01:30", "2018-03-11 02:30"])
def test_a_time_that_occurs_twice_or_never_is_refused(tmp_path, time):
    query = f"{ONE}, TIMESTAMP '{time}' AS ts"
    with pytest.raises(BadInput, match=f"{time}:00 occurs twice or never"):
        ask(tmp_path, query, timezone="America/New_York")


@pytest.mark.parametrize(
    "time", ["DATE '2018-02-20'", "TIMESTAMPTZ '2018-02-20 16:00-05'"]
)
def test_daily_bars_have_a_date(tmp_path, time):
    query = f"{ONE}, {time} AS ts"
    bars = ask(tmp_path, query, ONE_DAY, timezone="America/New_York")
    assert list(bars["ts"]) == [utc("2018-02-20")]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", "DuckDB reports: Parser Error"),
        ("SELECT * FROM 'none.parquet'", "DuckDB reports: .*none.parquet"),
        (ONE, "column 'ts' is missing; found symbol, open"),
        (f"{ONE}, now() AS tss", r"missing; .*Did you mean 'tss'"),
        (f"{ONE}, '2018-02-20' AS ts", "column 'ts' is VARCHAR and must be a time"),
        (f"{ONE}, NULL::TIMESTAMPTZ AS ts", r"ts is missing in 1 row"),
        (
            f"{ONE}, TIMESTAMPTZ '1970-01-02 00:00Z' AS ts",
            "ts is 1970-01-02 .*when no bar",
        ),
        (
            f"{ONE}, TIMESTAMPTZ '2100-01-02 00:00Z' AS ts",
            "ts is 2100-01-02 .*when no bar",
        ),
        (f"{ONE}, now() AS ts LIMIT 0", "the query returns no rows"),
        (
            f"{ONE.replace('2.5', chr(39) + 'x' + chr(39))}, now() AS ts",
            "column 'high' is VARCHAR and must be a number",
        ),
        (
            f"{ONE.replace(chr(39) + 'AAA' + chr(39), 'NULL::VARCHAR')}, "
            "TIMESTAMPTZ '2018-02-20 00:00Z' AS ts",
            r"symbol is missing in 1 row",
        ),
    ],
)
def test_a_query_that_returns_no_bars_is_refused(tmp_path, query, words):
    with pytest.raises(BadInput, match=words):
        ask(tmp_path, query)
