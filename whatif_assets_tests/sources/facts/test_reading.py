"""Reading facts, and errors that name file, row and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.facts import (
    FactOptions,
    ReadFacts,
    describe_facts,
    read_facts,
)

ZONE = "America/New_York"
HEAD = "symbol,event_ts,available_ts,value\n"
GOOD = [
    "AAA,2018-01-02T00:00Z,2018-01-03T00:00Z,1.5",
    "AAA,2018-01-03T00:00Z,2018-01-04T00:00Z,2",
    "BBB,2018-01-02T00:00Z,2018-01-03T00:00Z,3",
]


def read(folder: Path, text: str | bytes, **options: Any) -> ReadFacts:
    content = text.encode() if isinstance(text, str) else text
    (folder / "facts.csv").write_bytes(content)
    return read_facts("x", FactOptions(path="facts.csv", **options), folder)


def instants(values: list[str]) -> list[pd.Timestamp]:
    return [pd.Timestamp(value, tz="UTC") for value in values]


def test_rows_are_sorted_and_typed(tmp_path):
    rows = read(tmp_path, HEAD + "\n".join(reversed(GOOD))).rows
    assert rows["symbol"].tolist() == ["AAA", "AAA", "BBB"]
    assert rows["value"].tolist() == [1.5, 2.0, 3.0]
    assert set(rows["fact"]) == {"x"}
    assert str(rows["event_ts"].dtype) == "datetime64[us, UTC]"
    assert rows["available_ts"].tolist()[0] == pd.Timestamp("2018-01-03", tz="UTC")


def test_dates_are_known_by_the_rule_available(tmp_path):
    text = "day,v\n2018-03-09,1\n2018-03-10,2\n2018-11-03,3\n"
    found = read(
        tmp_path,
        text,
        columns={"event_ts": "day", "value": "v"},
        timezone=ZONE,
        available={"days": 1, "at": "00:00"},
    )
    # On 2018-03-11 and 2018-11-04 clocks change in New York, after midnight.
    expected = instants(["2018-03-10 05:00", "2018-03-11 05:00", "2018-11-04 04:00"])
    assert found.rows["available_ts"].tolist() == expected
    assert found.counts.loc["x", "by_rule"] == 3


def test_a_rule_fills_missing_available_ts(tmp_path):
    text = HEAD + "AAA,2018-01-02T10:00Z,,1\nAAA,2018-01-03T10:00Z,2018-01-03T12:00Z,2"
    found = read(tmp_path, text, available={"days": 2})
    expected = instants(["2018-01-04 10:00", "2018-01-03 12:00"])
    assert found.rows["available_ts"].tolist() == expected
    assert found.counts.loc["x", "by_rule"] == 1


def test_a_series_makes_a_fact_of_each(tmp_path):
    text = "id,event_ts,available_ts,value\nVIX,{0},{1},1\nDFF,{0},{1},.\nDFF,{1},{2},2"
    stamps = [f"2018-01-0{n}T00:00Z" for n in (1, 2, 3)]
    text = text.format(*stamps)
    found = read(tmp_path, text, columns={"series": "id"}, nulls=["."])
    assert found.rows["fact"].tolist() == ["x.DFF", "x.VIX"]
    assert set(found.rows["symbol"]) == {""}
    assert found.counts["nulls"].to_dict() == {"x.DFF": 1, "x.VIX": 0}
    only = read(tmp_path, text, keep={"id": "VIX"}, nulls=["."]).rows
    assert only["fact"].tolist() == ["x"]


def test_a_repeated_row_counts_once(tmp_path):
    found = read(tmp_path, HEAD + "\n".join([*GOOD, GOOD[0]]))
    assert len(found.rows) == 3
    assert found.counts.loc["x", "repeated"] == 1


def test_a_file_without_values_has_events(tmp_path):
    text = "symbol,event_ts,available_ts\nAAA,2018-01-02T00:00Z,2018-01-03T00:00Z\n"
    rows = read(tmp_path, text).rows
    assert len(rows) == 1
    assert rows["value"].isna().all()


def test_parquet_csv_and_a_query_give_the_same_rows(tmp_path):
    whole = read(tmp_path, HEAD + "\n".join(GOOD)).rows
    frame = whole.drop(columns="fact")
    frame.to_parquet(tmp_path / "facts.parquet")
    categories = frame.assign(symbol=frame["symbol"].astype("category"))
    categories.to_parquet(tmp_path / "other.parquet")
    with duckdb.connect(str(tmp_path / "facts.duckdb")) as connection:
        connection.execute("CREATE TABLE news AS SELECT * FROM frame")
    asked: list[dict[str, Any]] = [
        {"path": "facts.parquet"},
        {"path": "other.parquet"},
        {"query": "SELECT * FROM 'facts.parquet'"},
        {"query": "FROM news", "path": "facts.duckdb"},
    ]
    for options in asked:
        rows = read_facts("x", FactOptions(**options), tmp_path).rows
        pd.testing.assert_frame_equal(rows, whole)


def test_facts_are_described(tmp_path):
    text = HEAD + "\n".join(
        [
            *GOOD,
            "AAA,2018-01-02T00:00Z,2018-01-20T00:00Z,1.25",  # revised, and late
            "BBB,2018-01-09T00:00Z,2018-01-08T00:00Z,4",  # before its event
        ]
    )
    found = read(tmp_path, text)
    end = pd.Timestamp("2018-02-20", tz="UTC")
    options = FactOptions(path="-", late_after=10, stale_after=30)
    line = describe_facts(found.rows, found.counts, {"x": options}, end).iloc[0]
    numbers = line[["facts", "symbols", "revised", "before_event", "late", "stale"]]
    assert numbers.tolist() == [5, 2, 1, 1, 1, 1]
    assert line["longest_delay"] == 18.0
    announced = options.model_copy(update={"scheduled": True, "stale_after": 31})
    line = describe_facts(found.rows, found.counts, {"x": announced}, end).iloc[0]
    assert line[["before_event", "stale"]].tolist() == [0, 0]


ROW = "AAA,2018-01-05T00:00Z,2018-01-06T00:00Z,4"
CELLS = {
    "symbol": {"": "symbol is missing", " ": "symbol is missing"},
    "event_ts": {
        "": "event_ts is missing",
        "soon": "event_ts 'soon' is not a time",
        "2018-13-05T00:00Z": "event_ts '2018-13-05T00:00Z' is not a time",
        "2018-01-05T00:00": "event_ts .* has no UTC offset, but others do",
        "2018-01-05": "event_ts '2018-01-05' has no time, but others do",
        "1514764800": "event_ts '1514764800' is not a time",
        "1066-10-14T00:00Z": "event_ts",
        "9999-12-31T00:00Z": "event_ts",
    },
    "available_ts": {
        "": "available_ts is missing; set available",
        "later": "available_ts 'later' is not a time",
        "1970-01-01T00:00Z": "available_ts is read as 1970-01-01",
        "2100-01-01T00:00Z": "available_ts is read as 2100-01-01.*future",
    },
    "value": {
        "n/a": "value 'n/a' is not a number",
        "nan": "value nan is not a finite number; .*nulls",
        "inf": "value inf is not a finite number",
        "-inf": "value -inf is not a finite number",
        "1e999": "value inf is not a finite number",
        "1_000": "value '1_000' is not a number",
        "1;5": "value '1;5' is not a number",
    },
}
MALFORMED = [
    (column, *case) for column, cases in CELLS.items() for case in cases.items()
]


@pytest.mark.parametrize(("column", "text", "message"), MALFORMED)
@pytest.mark.parametrize("row", [0, 3])
def test_a_malformed_cell_is_named_by_line_and_column(
    tmp_path, column, text, message, row
):
    cells = ROW.split(",")
    cells[HEAD.strip().split(",").index(column)] = text
    rows = [*GOOD]
    rows.insert(row, ",".join(cells))
    with pytest.raises(BadInput, match=rf"facts\.csv, line {row + 2}: .*{message}"):
        read(tmp_path, HEAD + "\n".join(rows))


WHOLE = HEAD + "\n".join(GOOD)
FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "facts.csv.*event_ts|facts.csv has no row"),
    "header alone": (HEAD, "facts.csv has no row"),
    "another delimiter": (WHOLE.replace(",", ";"), "facts.csv: column 'event_ts' is"),
    "a row cut short": (WHOLE[:-30], "facts.csv, line 4: "),
    "one field more": (WHOLE + ",9", "facts.csv, line 4: 5 fields where 4 are needed"),
    "header repeats": (WHOLE.replace("value", "symbol", 1), "'symbol' appears twice"),
    "no event": (WHOLE.replace("event_ts", "evnt_ts"), "'event_ts'.*'evnt_ts'"),
    "not text": (b"\xff\xfe\x00" + WHOLE.encode(), "facts.csv cannot be read as text"),
    "latin": (
        WHOLE.replace("BBB", "B\xe9").encode("latin-1"),
        "cannot be read as text",
    ),
    "no availability": (
        WHOLE.replace("available_ts", "known"),
        "'available_ts' is missing.*set available",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_malformed_file_is_named(tmp_path, name):
    content, message = FILES[name]
    with pytest.raises(BadInput, match=f"(?s){message}"):
        read(tmp_path, content)


def test_two_values_known_from_the_same_time_are_refused_with_both_rows(tmp_path):
    text = HEAD + "\n".join([*GOOD, GOOD[0].replace("1.5", "1.75")])
    with pytest.raises(
        BadInput, match=r"line 2 and .*line 5: x of AAA .* 1.5 and 1.75"
    ):
        read(tmp_path, text)


def test_times_without_a_zone_need_the_option(tmp_path):
    text = "event_ts,available_ts\n2018-01-02 10:00,2018-01-02 11:00\n"
    with pytest.raises(
        BadInput, match=r"event_ts has times without a time zone\. Set timezone"
    ):
        read(tmp_path, text)
    rows = read(tmp_path, text, timezone=ZONE).rows
    assert rows["event_ts"].tolist() == instants(["2018-01-02 15:00"])
    twice = "event_ts,available_ts\n2018-11-04 01:30,2018-11-05 11:00\n"
    with pytest.raises(
        BadInput, match="line 2: timestamp '2018-11-04 01:30' occurs twice"
    ):
        read(tmp_path, twice, timezone=ZONE)


def test_dates_are_not_known_at_the_start_of_their_day(tmp_path):
    text = "event_ts\n2018-01-02\n"
    with pytest.raises(
        BadInput, match=r"not known at the start of its day. Write \{days: 1"
    ):
        read(tmp_path, text, timezone=ZONE, available={})
    with pytest.raises(BadInput, match="event_ts has dates without a time zone"):
        read(tmp_path, text, available={"days": 1})
    text = "event_ts,available_ts\n2018-01-02,2018-01-03\n"
    with pytest.raises(
        BadInput, match="available_ts has dates, and the time of day is needed"
    ):
        read(tmp_path, text, timezone=ZONE)


def test_a_rule_that_knows_an_event_before_it_happens_is_refused(tmp_path):
    text = "event_ts\n2018-01-02T20:00Z\n"
    with pytest.raises(BadInput, match="line 2: known before its event, by the rule"):
        read(tmp_path, text, timezone=ZONE, available={"days": 0, "at": "09:00"})


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("event_ts", [1, 2], "column event_ts is int64 and must be a time"),
        ("value", [True, False], "column value is bool and must be a number"),
        (
            "value",
            [1.0, np.inf],
            r"facts.parquet, row 2: value inf is not a finite number",
        ),
        (
            "available_ts",
            [pd.NaT, pd.Timestamp("2018-01-03", tz="UTC")],
            "row 1: avail",
        ),
        ("symbol", ["A", None], "facts.parquet, row 2: symbol is missing"),
    ],
)
def test_rows_of_parquet_are_named_by_number(tmp_path, column, values, message):
    times = pd.to_datetime(["2018-01-01", "2018-01-02"], utc=True)
    frame = pd.DataFrame(
        {"symbol": "A", "event_ts": times, "available_ts": times, "value": 1.0}
    )
    frame.assign(**{column: values}).to_parquet(tmp_path / "facts.parquet")
    with pytest.raises(BadInput, match=message):
        read_facts("x", FactOptions(path="facts.parquet"), tmp_path)


def test_a_truncated_parquet_file_is_named(tmp_path):
    pd.DataFrame({"event_ts": []}).to_parquet(tmp_path / "facts.parquet")
    whole = (tmp_path / "facts.parquet").read_bytes()
    (tmp_path / "facts.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"facts\.parquet cannot be read as Parquet"):
        read_facts("x", FactOptions(path="facts.parquet"), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"give a path \(CSV or Parquet\) or a query"),
        ({"path": "x", "timezone": "New York"}, "'New York' is not a time zone"),
        ({"path": "x", "available": {"days": -1}}, "greater than or equal to 0"),
        ({"path": "x", "available": {"at": "09:00Z"}}, "has a UTC offset"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FactOptions(**options)


def test_a_query_that_writes_is_refused(tmp_path):
    with pytest.raises(BadInput, match="must be one SELECT"):
        read_facts("x", FactOptions(query="CREATE TABLE a AS SELECT 1"), tmp_path)
