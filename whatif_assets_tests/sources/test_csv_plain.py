"""Reading a file with Arrow gives the same result as reading it line by line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.csv_format import CsvOptions
from whatif_assets.sources.csv_plain import _localised, read_plain
from whatif_assets.sources.csv_rows import parse, read_layout

NAMES = ("timestamp", "open", "high", "low", "close", "volume")
ZONES = ("UTC", "America/New_York", "Europe/Berlin")
# fmt: off
NUMBERS = (
    "1e3", ".5", "5.", "+1", "-2", "1_0", "nan", "inf", "1e400", "1e-400", "4.9e-324",
    "0.1000000000000000055511151231257827", "9007199254740993", "00.10", "0x1", "1,5",
    "nan(1)", "NULL", "é", "", " ", " 7", "7 ", "7\t", '"3"', "1\0",
)
STAMPS = (
    "2018-03-11T02:30", "2018-11-04T01:30", "2018-02-20T24:00", "2018-02-20T14:30:60",
    "2018-02-20T14:30:00.1234567", "2018-02-20T14:30:00.125", "2018-02-20T14:30+0530",
    "2018-02-20T9:30", "2018-2-20", "2018-02-20T14", "2018-02-20Z", "2018-02-20T1430",
    "20180220T143000", "1500-01-01", "1969-12-31T12:00", "1970-01-01", "2199-01-01",
    "1519137000", "1519137000000", "later", "", " 2018-02-20", "2018-02-20 14:30 ",
)
FORMS = (
    "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M:%S+02:00", "%Y%m%d %H%M%S",
    "%s", "%s000",
)
# fmt: on
FORMATS = {"%Y%m%d %H%M%S": "%Y%m%d %H%M%S", "%s": "epoch_s", "%s000": "epoch_ms"}
TIMES = st.datetimes(pd.Timestamp("1975-01-01"), pd.Timestamp("2024-12-01"))


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, CsvOptions]:
    """Draw a text with one or two unusual features, and options to read it."""
    delimiter = draw(st.sampled_from([",", ",", ",", ";", "\t", " "]))
    header, symbols = draw(st.booleans()), draw(st.booleans())
    names = (*NAMES, "symbol") if symbols else NAMES
    form = draw(st.sampled_from(FORMS))
    prices = st.floats(0.01, 1e6).map(repr)
    names_of = st.sampled_from(["AAA", "AAA ", "B B", "'C'"])
    rows = [
        [draw(TIMES).strftime(form), *(draw(prices) for _ in range(5))]
        + ([draw(names_of)] if symbols else [])
        for _ in range(draw(st.integers(0, 4)))
    ]
    for row in rows:
        if draw(st.integers(0, 3)) == 0:
            cell = draw(st.integers(0, len(row)))
            odd = draw(st.sampled_from(STAMPS if cell == 0 else NUMBERS))
            row[cell : cell + 1] = [odd]
    lines = [delimiter.join(row) for row in [list(names), *rows][not header :]]
    ending = draw(st.sampled_from(["\n"] * 4 + ["\r\n", "\r", "\n\n", "\n \n"]))
    text = ending.join(lines) + draw(st.sampled_from(["", ending, ending * 2]))
    options = CsvOptions(
        path="x",
        stamp="start",
        timezone=draw(st.sampled_from(ZONES)),
        delimiter=delimiter,
        header=header,
        names=None if header else names,
        format=FORMATS.get(form),
        decimal=draw(st.sampled_from([".", ".", ".", ","])),
        price_scale=draw(st.sampled_from([1.0, 10_000.0])),
        keep={"symbol": "AAA"} if symbols and draw(st.booleans()) else {},
        columns={"vwap": "close"} if draw(st.booleans()) else {},
    )
    return text, options


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=texts(), daily=st.booleans())
def test_a_plain_file_is_the_same_line_by_line(tmp_path, drawn, daily):
    text, options = drawn
    file = tmp_path / "AAA.csv"
    file.write_text(text, newline="")
    try:
        layout = read_layout(file, options)
    except BadInput:
        return
    symbol = None if "symbol" in layout.columns else "AAA"
    plain = read_plain(file, layout, options, symbol, daily)
    if plain is not None:
        careful = parse(file, layout, options, symbol, daily)
        assert_same(plain, careful)


HEADER = "timestamp,open,high,low,close,volume\n"
FILES = {
    "plain": ("2018-02-20 14:30,1,2,1,1.5,100\n", {}),
    "no end of line": ("2018-02-20 14:30:00,1,2,1,1.5,100", {}),
    "windows": ("2018-02-20 14:30,1,2,1,1.5,100\r\n", {}),
    "zoned": ("2018-02-20T14:30:00Z,1,2,1,1.5,100\n", {}),
    "strptime": ("20180220 143000,1,2,1,1.5,100\n", {"format": "%Y%m%d %H%M%S"}),
    "epoch": ("1519137000000,1,2,1,1.5,100\n", {"format": "epoch_ms"}),
    "decimal comma": ("2018-02-20 14:30;1,0;2,0;1,0;1,5;100\n", {"decimal": ","}),
}


def options_of(header: bool = True, **more) -> CsvOptions:
    return CsvOptions(path="x", stamp="start", timezone="UTC", header=header, **more)


@pytest.mark.parametrize("name", FILES)
def test_ordinary_files_are_plain(tmp_path, name):
    text, options = FILES[name]
    file, delimiter = tmp_path / "AAA.csv", ";" if ";" in text else ","
    file.write_text(HEADER.replace(",", delimiter) + text, newline="")
    given = options_of(delimiter=delimiter, **options)
    assert_same(read(file, given), careful(file, given))


def test_a_quoted_header_and_gzip_are_plain(tmp_path):
    file = tmp_path / "AAA.csv.gz"
    quoted = ",".join(f'"{name}"' for name in HEADER.strip().split(","))
    file.write_bytes(gzip.compress(f"{quoted}\n{FILES['plain'][0]}".encode()))
    assert_same(read(file, options_of()), careful(file, options_of()))


def test_rows_of_a_kind_are_kept_with_their_lines(tmp_path):
    file = tmp_path / "all.csv"
    rows = ("AAA,quote", "AAA, trade", "BBB ,trade")
    text = "".join(f"2018-02-20 14:30,1,2,1,1.5,100,{row}\n" for row in rows)
    file.write_text("timestamp,open,high,low,close,volume,symbol,kind\n" + text)
    options = options_of(keep={"kind": "trade"})
    plain = read(file, options, symbol=None)
    assert list(plain["line"]) == [3, 4]
    assert list(plain["symbol"]) == ["AAA", "BBB"]
    assert_same(plain, careful(file, options, symbol=None))


def test_a_very_long_cell_is_left_to_the_line_reader(tmp_path):
    file = tmp_path / "AAA.csv"
    file.write_text(HEADER + f"2018-02-20 14:30,{'0' * 140_000}1,2,1,1.5,100\n")
    assert read_plain(file, *layout_of(file, options_of()), "AAA", False) is None
    with pytest.raises(BadInput, match="field larger than field limit"):
        careful(file, options_of())


def layout_of(file: Path, options: CsvOptions):
    return read_layout(file, options), options


def read(file: Path, options: CsvOptions, symbol: str | None = "AAA"):
    plain = read_plain(file, *layout_of(file, options), symbol, False)
    assert plain is not None
    return plain


def assert_same(plain, careful):
    pd.testing.assert_frame_equal(
        pd.DataFrame(plain), pd.DataFrame(careful), check_exact=True, check_like=True
    )


def careful(file: Path, options: CsvOptions, symbol: str | None = "AAA"):
    return parse(file, *layout_of(file, options), symbol, False)


@pytest.mark.parametrize(
    "zone",
    [*ZONES, "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"],
)
def test_offsets_by_hour_equal_those_of_each_time(zone):
    """Also in zones where clocks move by half an hour, or at midnight."""
    times = pd.date_range("2016-01-01", "2019-12-31", freq="97min").as_unit("us")
    for month in range(0, len(times), 400):
        local = times[month : month + 400]
        own = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        found = _localised(local, zone).tz_convert("UTC")
        pd.testing.assert_index_equal(found, own.tz_convert("UTC"), check_names=False)
