"""Profiles of vendors' text files, and bars built from trades."""

from __future__ import annotations

import gzip
from datetime import date

import pytest

from whatif_assets.domain.bars.bar_size import ONE_MINUTE
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import load_bars, open_source
from whatif_assets.sources.csv_format import CsvOptions
from whatif_assets.sources.csv_profiles import PROFILES
from whatif_assets_tests.sources.instants import EVER, utc
from whatif_assets_tests.sources.test_csv import HEADER, only

MARKET = Sessions("XNYS", date(2018, 2, 20), date(2018, 2, 23))


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_sets_all_required_options(name):
    assert CsvOptions(path="x", profile=name).stamp in ("start", "end")


def test_an_unknown_profile_is_refused_with_a_suggestion(tmp_path):
    with pytest.raises(BadInput, match=r"not a profile\. Did you mean 'ninjatrader'"):
        open_source("csv", {"path": ".", "profile": "ninjatrade"}, tmp_path)


def test_any_option_of_a_profile_can_be_overridden(tmp_path):
    (tmp_path / "ES.Last.txt").write_text("20180220 093100,1,1,1,1,7\n")
    options = {"profile": "ninjatrader", "path": ".", "delimiter": ","}
    zone = {"timezone": "America/New_York"}
    bar = only(
        open_source("csv", options | zone, tmp_path).read(["ES"], *EVER, ONE_MINUTE)
    )
    assert bar["ts"] == utc("2018-02-20 14:30")


def test_original_responses_of_alpha_vantage_are_read(tmp_path):
    """In the format of its API with `datatype=csv`."""
    text = "timestamp,open,high,low,close,volume\n2018-02-20 09:31:00,1,2,1,2,5\n"
    (tmp_path / "IBM.csv").write_text(text)
    source = open_source("csv", {"path": ".", "profile": "alphavantage"}, tmp_path)
    assert only(source.read(["IBM"], *EVER, ONE_MINUTE))["ts"] == utc(
        "2018-02-20 14:30"
    )


def test_massives_flat_files_are_read_as_they_are_compressed(tmp_path):
    text = (
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "A,4930,27.5,27.52,27.6,27.4,1519137000000000000,12\n"
        "AA,100,40,40,40,40,1519137060000000000,1\n"
    )
    with gzip.open(tmp_path / "2018-02-20.csv.gz", "wt") as file:
        file.write(text)
    source = open_source("csv", {"path": ".", "profile": "massive"}, tmp_path)
    assert source.symbols() == ["A", "AA"]
    bars = source.read(["A", "AA"], *EVER, ONE_MINUTE)
    assert list(bars["ts"]) == [utc("2018-02-20 14:30"), utc("2018-02-20 14:31")]
    assert list(bars["trade_count"]) == [12, 1]


def test_firstrates_files_have_no_header_and_start_in_new_york(tmp_path):
    file = tmp_path / "AAPL_full_1min_UNADJUSTED.txt"
    file.write_text("2018-02-20 09:30:00,1,2,1,2,5\n")
    source = open_source("csv", {"path": ".", "profile": "firstrate"}, tmp_path)
    assert only(source.read(["AAPL"], *EVER, ONE_MINUTE))["ts"] == utc(
        "2018-02-20 14:30"
    )


def test_only_the_trades_of_finspace_are_read(tmp_path):
    """Rows of quotes have no prices; they are skipped before prices are checked."""
    text = (
        "date,ticker,eventtype,start,end,open,high,low,close,volume,vwap,count\n"
        "2018-02-20,AAPL,QUOTE,2018-02-20T14:30:00.000Z,2018-02-20T14:31:00.000Z,"
        ",,,,,,\n"
        "2018-02-20,AAPL,TRADE NB,2018-02-20T14:30:00.000Z,2018-02-20T14:31:00.000Z,"
        "1,2,1,2,5,1.5,3\n"
    )
    (tmp_path / "bars.csv").write_text(text)
    source = open_source("csv", {"path": ".", "profile": "finspace"}, tmp_path)
    bar = only(source.read(["AAPL"], *EVER, ONE_MINUTE))
    assert bar["ts"] == utc("2018-02-20 14:30")
    assert list(bar[["close", "volume", "vwap"]]) == [2.0, 5.0, 1.5]


def made(folder, text, bar_size=ONE_MINUTE, **options):
    """Return the bars built from the trades in a file."""
    (folder / "AAA.csv").write_text(text)
    options = {"path": ".", "stamp": "start", "timezone": "UTC", **options}
    source = open_source("csv", {"ticks": True, **options}, folder)
    return load_bars(source, None, MARKET, bar_size, MARKET.first, MARKET.last)[0]


def test_trades_become_bars_with_exact_vwap_and_count(tmp_path):
    text = HEADER + (
        "2018-02-20 14:30:00.100,10,10,10,10,100\n"
        "2018-02-20 14:30:59.999,12,12,12,12,300\n"
        "2018-02-20 14:31:00.000,9,9,9,9,0\n"
    )
    bars = made(tmp_path, text, stamp="end")
    assert list(bars["ts"]) == [utc("2018-02-20 14:30"), utc("2018-02-20 14:31")]
    first = bars.iloc[0]
    assert list(first[["open", "high", "low", "close"]]) == [10.0, 12.0, 10.0, 12.0]
    assert (first["volume"], first["vwap"], first["trade_count"]) == (400, 11.5, 2)
    assert list(bars["vwap_is_typical"]) == [False, True]


def test_a_trade_without_price_is_named_with_its_line(tmp_path):
    text = HEADER + "2018-02-20 14:30:00.1,10,10,10,10,1\n"
    text += "2018-02-20 14:30:00.2,nan,nan,nan,nan,1\n"
    with pytest.raises(BadInput, match=r"AAA.csv, line 3\), has open nan"):
        made(tmp_path, text)
