"""Text files: all formats in which vendors write bars, and malformed lines."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import load_bars, open_source
from whatif_assets_tests.sources.instants import EVER, utc, whole_days

HEADER = "timestamp,open,high,low,close,volume\n"
PLAIN = {"path": ".", "timezone": "UTC", "stamp": "start"}


def read(folder: Path, text: str, bar_size=ONE_MINUTE, name="AAA.csv", **options):
    """Write a file and read it."""
    (folder / name).write_text(text)
    source = open_source("csv", PLAIN | options, folder)
    return source.read(source.symbols(), *EVER, bar_size)


def only(bars: pd.DataFrame) -> pd.Series:
    assert len(bars) == 1
    return bars.iloc[0]


# Formats of files


def test_a_plain_file_is_read_unchanged(tmp_path):
    bar = only(read(tmp_path, HEADER + "2018-02-20 14:30:00,1.5,2.5,0.5,1.25,100\n"))
    assert bar["symbol"] == "AAA"
    assert bar["ts"] == utc("2018-02-20 14:30")
    prices = bar[["open", "high", "low", "close", "volume"]]
    assert list(prices) == [1.5, 2.5, 0.5, 1.25, 100.0]
    assert (bar["line"], bar["file"]) == (2, str(tmp_path / "AAA.csv"))


def test_columns_may_have_other_names_and_case(tmp_path):
    text = "Time,O,High,LOW,Last,Vol,VWAP,n\n2018-02-20T14:30,1,2,1,2,7,1.5,3\n"
    columns = {"open": "O", "close": "Last", "volume": "Vol", "trade_count": "n"}
    bar = only(read(tmp_path, text, columns=columns, timestamp="Time"))
    assert list(bar[["open", "close", "volume", "vwap"]]) == [1.0, 2.0, 7.0, 1.5]
    assert bar["trade_count"] == 3


def test_an_empty_vwap_is_missing(tmp_path):
    text = HEADER.strip() + ",vwap\n2018-02-20 14:30,1,1,1,1,1,\n"
    assert pd.isna(only(read(tmp_path, text))["vwap"])


def test_files_without_header_are_read_by_position(tmp_path):
    names = ["day", "open", "high", "low", "close", "volume"]
    options = {"header": False, "names": names, "timestamp": "day", "delimiter": ";"}
    bar = only(
        read(
            tmp_path,
            "20180220 143000;1;2;1;2;5\n",
            format="%Y%m%d %H%M%S",
            **options,
        )
    )
    assert bar["ts"] == utc("2018-02-20 14:30")
    assert bar["line"] == 1


def test_date_and_time_may_be_in_two_columns(tmp_path):
    text = "Date,Time,open,high,low,close,volume\n2018-02-20,14:30:00,1,1,1,1,1\n"
    bar = only(read(tmp_path, text, timestamp=["Date", "Time"]))
    assert bar["ts"] == utc("2018-02-20 14:30")


@pytest.mark.parametrize(
    ("form", "stamp"),
    [
        (None, "2018-02-20T14:30:00Z"),
        (None, "2018-02-20 09:30:00-05:00"),
        ("%d.%m.%Y %H:%M %z", "20.02.2018 09:30 -0500"),
        ("epoch_s", "1519137000"),
        ("epoch_ms", "1519137000000"),
    ],
)
def test_stamps_that_state_their_offset_need_no_zone(tmp_path, form, stamp):
    text = HEADER + f"{stamp},1,1,1,1,1\n"
    bar = only(read(tmp_path, text, format=form, timezone="Asia/Tokyo"))
    assert bar["ts"] == utc("2018-02-20 14:30")


def test_decimal_commas_and_scaled_prices_are_exact(tmp_path):
    text = HEADER.replace(",", ";") + "2018-02-20 14:30;64480001;1e9;1,5;3;2,5\n"
    bar = only(read(tmp_path, text, decimal=",", delimiter=";", price_scale=10_000))
    assert bar["open"] == 6448.0001
    assert bar["low"] == 0.00015
    assert bar["volume"] == 2.5


def test_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path):
    text = "\ufeff" + HEADER + "\n2018-02-20 14:30,1,1,1,1,1\n\n"
    assert only(read(tmp_path, text))["line"] == 3


@pytest.mark.parametrize(
    ("encoding", "option"),
    [
        ("utf-16", None),
        ("utf-8-sig", None),
        ("utf-32", None),
        ("utf-16-le", "utf-16-le"),
        ("cp1252", "cp1252"),
    ],
)
def test_text_is_read_in_its_encoding(tmp_path, encoding, option):
    text = "Zeit\tErö\tHoch\tTief\tSchluß\tVol\n2018-02-20 14:30\t1\t4\t0.5\t2\t9\n"
    (tmp_path / "AAA.csv").write_bytes(text.encode(encoding))
    columns = {"open": "Erö", "high": "Hoch", "low": "Tief", "close": "Schluß"}
    options = {"columns": {**columns, "volume": "Vol"}, "timestamp": "Zeit"}
    options |= {"delimiter": "\t"} | ({} if option is None else {"encoding": option})
    source = open_source("csv", PLAIN | options, tmp_path)
    bar = only(source.read(["AAA"], *EVER, ONE_MINUTE))
    assert list(bar[["open", "high", "low", "close", "volume"]]) == [1, 4, 0.5, 2, 9]
    assert bar["line"] == 2


def test_text_of_another_encoding_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "AAA.csv").write_bytes(HEADER.encode() + "ü".encode("cp1252"))
    source = open_source("csv", PLAIN | {"encoding": "ascii"}, tmp_path)
    with pytest.raises(BadInput, match=r"text in ASCII.*option encoding"):
        source.read(["AAA"], *EVER, ONE_MINUTE)


@pytest.mark.parametrize(
    ("marks", "written", "number"),
    [
        ({"thousands": ","}, '"1,234,567.5"', 1234567.5),
        ({"thousands": ",", "delimiter": ";"}, "1,234.5", 1234.5),
        ({"thousands": ".", "decimal": ",", "delimiter": ";"}, "1.234,5", 1234.5),
        ({"thousands": "'"}, "12'345", 12345),
        ({"thousands": " "}, "12\u00a0345.25", 12345.25),
        ({"thousands": " ", "decimal": ",", "delimiter": ";"}, "1 234,5", 1234.5),
        ({"thousands": ","}, "999.5", 999.5),
    ],
)
def test_thousands_separators_are_removed(tmp_path, marks, written, number):
    delimiter = marks.get("delimiter", ",")
    row = delimiter.join(["2018-02-20 14:30", *[written] * 4, "5"])
    text = HEADER.replace(",", delimiter) + row + "\n"
    assert only(read(tmp_path, text, **marks))["open"] == number


@pytest.mark.parametrize("written", ["1,5", "12,34", "1234,567", ",123", "1,234,5"])
def test_a_misplaced_thousands_separator_is_an_error(tmp_path, written):
    text = HEADER.replace(",", ";") + f"2018-02-20 14:30;{written};1;1;1;5\n"
    with pytest.raises(BadInput, match=f"line 2: open '{written}' is not a number"):
        read(tmp_path, text, thousands=",", delimiter=";")


@pytest.mark.parametrize("plain", [True, False])
def test_lines_above_the_header_are_skipped(tmp_path, plain):
    above = "Bars of AAA\n\n" if plain else 'Bars "of AAA\n\n'
    text = above + HEADER + "2018-02-20 14:30,1,4,0.5,2,9\n"
    bar = only(read(tmp_path, text, skip=2))
    assert (bar["open"], bar["line"]) == (1, 4)


def test_columns_may_be_given_by_position(tmp_path):
    text = "a,b,c,d,e,f\n9,2018-02-20 14:30,2,0.5,4,1\n"
    columns = {"open": 6, "high": 5, "low": 4, "close": 3, "volume": 1}
    bar = only(read(tmp_path, text, columns=columns, timestamp=2))
    assert list(bar[["open", "high", "low", "close", "volume"]]) == [1, 4, 0.5, 2, 9]
    with pytest.raises(BadInput, match="there is no column 7; the file has 6: a, b"):
        read(tmp_path, text, columns={**columns, "open": 7}, timestamp=2)


def test_names_may_replace_a_wrong_header(tmp_path):
    """The header has open, close, high, low; the rows have open, high, low, close."""
    text = "timestamp,open,close,high,low,volume\n2018-02-20 14:30,1,4,0.5,2,9\n"
    bar = only(read(tmp_path, text, names=HEADER.strip().split(",")))
    assert list(bar[["open", "high", "low", "close", "volume"]]) == [1, 4, 0.5, 2, 9]
    assert bar["line"] == 2


YFINANCE = """Price,Close,High,Low,Open,Volume
Ticker,AAA,AAA,AAA,AAA,AAA
Date,,,,,
2018-02-20,2,4,0.5,1,9
"""


def test_the_three_header_lines_of_yfinance_are_read(tmp_path):
    options = {"profile": "yahoo_daily"}
    bar = only(read(tmp_path, YFINANCE, ONE_DAY, "prices.csv", **options))
    assert list(bar[["open", "high", "low", "close", "volume"]]) == [1, 4, 0.5, 2, 9]
    assert (bar["symbol"], bar["ts"]) == ("AAA", utc("2018-02-20"))
    assert bar["line"] == 4


def test_several_symbols_side_by_side_are_refused(tmp_path):
    text = YFINANCE.replace("AAA,AAA\n", "AAA,BBB\n")
    with pytest.raises(BadInput, match=r"names 2 symbols side by side \(AAA, BBB\)"):
        read(tmp_path, text, ONE_DAY, profile="yahoo_daily")


def test_files_longer_than_a_part_are_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("whatif_assets.sources.csv_rows.ROWS_AT_A_TIME", 2)
    lines = [f"2018-02-20 14:3{n},1,1,1,1,{n}\n" for n in range(5)]
    bars = read(tmp_path, HEADER + "".join(lines))
    assert list(bars["volume"]) == [0, 1, 2, 3, 4]
    assert list(bars["line"]) == [2, 3, 4, 5, 6]


# Symbols


def test_the_symbol_is_in_the_file_name_by_default(tmp_path):
    row = "2018-02-20 14:30,1,1,1,1,1\n"
    named = read(
        tmp_path, HEADER + row, name="nt-SPY-2018.csv", symbol_pattern="-(.+)-"
    )
    assert only(named)["symbol"] == "SPY"
    fixed = read(tmp_path, HEADER + row, name="nt-SPY-2018.csv", symbol="QQQ")
    assert only(fixed)["symbol"] == "QQQ"


def test_the_symbol_may_be_a_column(tmp_path):
    text = HEADER.strip() + ",Ticker\n"
    text += "2018-02-20 14:30,1,1,1,1,1,BBB\n2018-02-20 14:30,1,1,1,1,1,CCC\n"
    bars = read(tmp_path, text, columns={"symbol": "Ticker"})
    assert list(bars["symbol"]) == ["BBB", "CCC"]


def test_a_file_name_without_the_pattern_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"AAA.csv: symbol_pattern -\(.\+\)- does not"):
        read(tmp_path, HEADER, symbol_pattern="-(.+)-")


def test_files_of_other_symbols_are_not_parsed(tmp_path):
    (tmp_path / "BBB.csv").write_text(HEADER + "broken\n")
    (tmp_path / "AAA.csv").write_text(HEADER + "2018-02-20 14:30,1,1,1,1,1\n")
    source = open_source("csv", PLAIN, tmp_path)
    assert source.symbols() == ["AAA", "BBB"]
    assert len(source.read(["AAA"], *EVER, ONE_MINUTE)) == 1


# Start of bars


def test_local_stamps_follow_daylight_saving(tmp_path):
    """New York opened at 14:30 UTC on 2018-03-09 and at 13:30 on 2018-03-12."""
    text = HEADER + "2018-03-09 09:30,1,1,1,1,1\n2018-03-12 09:30,1,1,1,1,1\n"
    bars = read(tmp_path, text, timezone="America/New_York")
    assert list(bars["ts"]) == [utc("2018-03-09 14:30"), utc("2018-03-12 13:30")]


@pytest.mark.parametrize(
    ("bar_size", "start"),
    [
        (ONE_MINUTE, "14:29"),
        (BarSize.parse("5min"), "14:25"),
        (BarSize.parse("1h"), "13:30"),
    ],
)
def test_a_bar_stamped_with_its_end_starts_one_base_bar_before(
    tmp_path, bar_size, start
):
    text = HEADER + "2018-02-20 14:30,1,1,1,1,1\n"
    bar = only(read(tmp_path, text, bar_size, stamp="end"))
    assert bar["ts"] == utc(f"2018-02-20 {start}")


def test_a_range_selects_bar_starts_if_timestamps_are_bar_ends(tmp_path):
    rows = "2018-02-20 14:30,1,1,1,1,1\n2018-02-20 14:31,1,1,1,1,1\n"
    (tmp_path / "AAA.csv").write_text(HEADER + rows)
    source = open_source("csv", PLAIN | {"stamp": "end"}, tmp_path)
    start, end = utc("2018-02-20 14:29"), utc("2018-02-20 14:30")
    assert only(source.read(["AAA"], start, end, ONE_MINUTE))["ts"] == start


@pytest.mark.parametrize("stamp", ["start", "end"])
@pytest.mark.parametrize("written", ["2018-02-20", "2018-02-20 16:00"])
def test_a_daily_bar_is_stamped_with_its_date(tmp_path, stamp, written):
    text = HEADER + f"{written},1,1,1,1,1\n"
    options = {"stamp": stamp, "timezone": "America/New_York"}
    bar = only(read(tmp_path, text, ONE_DAY, **options))
    assert bar["ts"] == utc("2018-02-20 00:00")


def test_the_date_of_a_daily_stamp_with_offset_is_that_of_the_zone(tmp_path):
    """Midnight UTC of the 21st is still the 20th in New York."""
    text = HEADER + "2018-02-21T00:00:00Z,1,1,1,1,1\n"
    bar = only(read(tmp_path, text, ONE_DAY, timezone="America/New_York"))
    assert bar["ts"] == utc("2018-02-20 00:00")


@pytest.mark.parametrize(
    ("stamp", "times"), [("2018-11-04 01:30", "twice"), ("2018-03-11 02:30", "never")]
)
def test_a_time_that_occurs_twice_or_never_is_refused(tmp_path, stamp, times):
    """Clocks went back on 2018-11-04 at 02:00 and forward on 03-11 at 02:00."""
    text = HEADER + f"2018-02-20 09:30,1,1,1,1,1\n{stamp},1,1,1,1,1\n"
    with pytest.raises(BadInput) as error:
        read(tmp_path, text, timezone="America/New_York")
    assert f"AAA.csv, line 3: timestamp '{stamp}' occurs {times} in" in str(error.value)


# Errors


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2018-02-20 14:31,1,1,1,one,1", "close 'one' is not a number"),
        ("2018-02-20 14:31,1,,1,1,1", "high '' is not a number"),
        ("2018-02-20 14:31,1,1,1,1", "5 fields where 6 are needed"),
        ("2018-02-20 14:31,1,1,1,1,1,1", "7 fields where 6 are needed"),
        ("20.2.18 14:31,1,1,1,1,1", "timestamp '20.2.18 14:31' is not ISO 8601"),
        (",1,1,1,1,1", "timestamp '' is not ISO 8601"),
        ("2018-02-30 14:31,1,1,1,1,1", "timestamp '2018-02-30 14:31' is not ISO"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(tmp_path, line, words):
    text = HEADER + f"2018-02-20 14:30,1,1,1,1,1\n\n{line}\n"
    with pytest.raises(BadInput) as error:
        read(tmp_path, text)
    assert f"{tmp_path / 'AAA.csv'}, line 4: {words}" in str(error.value)
    assert "Nothing was read from this file" in str(error.value)


def test_many_malformed_lines_are_one_message(tmp_path):
    with pytest.raises(BadInput) as error:
        read(tmp_path, HEADER + "broken\n" * 10)
    message = str(error.value)
    assert "line 2: " in message
    assert "line 4: " in message
    assert "line 5: " not in message
    assert "and 7 more lines" in message


def test_a_number_that_is_not_a_price_is_named_with_its_line(tmp_path):
    (tmp_path / "AAA.csv").write_text(HEADER + "2018-02-20 14:30,1,1,-1,1,1\n")
    source = open_source("csv", PLAIN, tmp_path)
    market = Sessions("XNYS", date(2018, 2, 20), date(2018, 2, 20))
    with pytest.raises(BadInput, match=r"AAA.csv, line 2\), has low -1.0 where"):
        load_bars(source, None, market, ONE_MINUTE, market.first, market.first)


def test_stamps_with_and_without_offset_do_not_mix(tmp_path):
    text = HEADER + "2018-02-20 14:30Z,1,1,1,1,1\n2018-02-20 14:31,1,1,1,1,1\n"
    with pytest.raises(BadInput, match=r"line 3: .*has no UTC offset, but others do"):
        read(tmp_path, text)


def test_a_missing_column_is_named_with_those_found(tmp_path):
    text = "timestamp,open,high,low,closed,volume\n"
    with pytest.raises(BadInput) as error:
        read(tmp_path, text)
    assert "AAA.csv: column 'close' is missing; found timestamp" in str(error.value)
    assert "Did you mean 'closed'?" in str(error.value)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "AAA.csv").write_bytes(b"\xff\x81")
    source = open_source("csv", PLAIN, tmp_path)
    with pytest.raises(BadInput, match=r"AAA.csv cannot be read as text in UTF-8"):
        source.symbols()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timezone": "New York"}, "'New York' is not a time zone"),
        ({"stamp": "middle"}, "allowed are 'end' or 'start'"),
        ({"header": False}, "give names for files without a header"),
        ({"names": []}, "names"),
        ({"encoding": "utf-33"}, "'utf-33' is not a text encoding"),
        ({"encoding": "base64"}, "'base64' is not a text encoding"),
        ({"thousands": "."}, "thousands and decimal are both '.'"),
        ({"columns": {"open": 0}}, "columns.open"),
        ({"skip": -1}, "skip"),
        ({"symbol_pattern": "x"}, "must have one group"),
        ({"symbol_pattern": "("}, "is not a regular expression"),
        ({"delimiter": ""}, "delimiter"),
        ({"columns": {"opening": "O"}}, "opening"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, words):
    with pytest.raises(BadInput, match=words):
        open_source("csv", PLAIN | options, tmp_path)


@pytest.mark.parametrize("needed", ["path", "stamp", "timezone"])
def test_options_without_a_default_are_required(tmp_path, needed):
    options = {name: value for name, value in PLAIN.items() if name != needed}
    with pytest.raises(BadInput, match=f"{needed}: this field is required"):
        open_source("csv", options, tmp_path)


@pytest.mark.parametrize("twice", ["close", "volume"])
def test_a_header_that_names_a_column_twice_is_refused(tmp_path, twice):
    text = HEADER.strip() + f",{twice}\n2018-02-20 14:30,1,1,1,1,1,1\n"
    with pytest.raises(BadInput, match=rf"line 1: the column '{twice}' appears twice"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["", HEADER, HEADER + "\n\n"])
def test_a_file_without_rows_is_refused(tmp_path, text):
    with pytest.raises(BadInput, match=r"AAA.csv.* (found none|has no row)"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("form", "stamp"),
    [
        (None, "2100-01-04 14:30"),
        (None, "1970-01-01 00:00"),
        ("epoch_ms", "1519137000"),  # seconds
        ("epoch_s", "1519137000000"),  # milliseconds
    ],
)
def test_an_impossible_timestamp_is_refused(tmp_path, form, stamp):
    with pytest.raises(BadInput, match=rf"line 2: timestamp '{stamp}' is "):
        read(tmp_path, HEADER + f"{stamp},1,1,1,1,1\n", format=form)


def test_daily_bars_go_back_beyond_1970(tmp_path):
    text = HEADER + "1962-01-02,1,1,1,1,1\n"
    (tmp_path / "AAA.csv").write_text(text)
    source = open_source("csv", PLAIN, tmp_path)
    days = whole_days(date(1962, 1, 1), date(1962, 12, 31))
    assert only(source.read(["AAA"], *days, ONE_DAY))["ts"] == utc("1962-01-02")
