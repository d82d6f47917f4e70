"""LEAN's folders: scales, zones, dates in names, renamed tickers, factors."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from whatif_assets.domain.bars.adjustments import Action
from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import load_bars, open_source
from whatif_assets_tests.sources.instants import EVER, utc


def zipped(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{file.stem}.csv", text)


def mapped(folder: Path, symbol: str, text: str) -> None:
    (folder / "map_files").mkdir(exist_ok=True)
    (folder / "map_files" / f"{symbol}.csv").write_text(text)


def lean(folder: Path, **options: object):
    return open_source("lean", {"path": ".", **options}, folder)


def test_minutes_count_milliseconds_of_the_day_in_the_name(tmp_path):
    """Midnight in New York was 05:00 UTC on 2018-03-09 and 04:00 UTC on 03-12."""
    for day in ("20180309", "20180312"):
        text = "34200000,1000000,1020000,990000,1010000,500\n"
        zipped(tmp_path / f"minute/spy/{day}_trade.zip", text)
    bars = lean(tmp_path).read(["SPY"], *EVER, ONE_MINUTE)
    assert list(bars["ts"]) == [utc("2018-03-09 14:30"), utc("2018-03-12 13:30")]
    assert list(bars.loc[0, ["open", "high", "low", "close"]]) == [100, 102, 99, 101]
    assert bars.loc[0, "volume"] == 500


def test_an_evening_has_the_utc_date_of_the_day_after(tmp_path):
    """20:00 in New York was 00:00 UTC; only the zip of that day is opened."""
    text = "34200000,1,1,1,1,1\n71940000,1,1,1,1,1\n72000000,1,1,1,1,1\n"
    zipped(tmp_path / "minute/spy/20180404_trade.zip", text)
    for day in ("20180403", "20180405"):
        zipped(tmp_path / f"minute/spy/{day}_trade.zip", "broken\n")
    evening = utc("2018-04-04 23:59"), utc("2018-04-05 04:00")
    bars = lean(tmp_path).read(["SPY"], *evening, ONE_MINUTE)
    assert list(bars["ts"]) == [utc("2018-04-04 23:59"), utc("2018-04-05 00:00")]


def test_crypto_has_decimals_and_the_time_of_utc(tmp_path):
    zipped(
        tmp_path / "minute/btcusd/20180404_trade.zip",
        "0,7424.91,7424.91,7422,7422,7.143\n",
    )
    bar = lean(tmp_path, security="crypto").read(["BTCUSD"], *EVER, ONE_MINUTE).iloc[0]
    assert (bar["ts"], bar["open"]) == (utc("2018-04-04"), 7424.91)


def test_scale_and_zone_can_be_overridden(tmp_path):
    zipped(tmp_path / "minute/fdax/20180404_trade.zip", "32400000,100,100,100,100,1\n")
    options = {"price_scale": 100, "timezone": "Europe/Berlin"}
    bar = lean(tmp_path, **options).read(["FDAX"], *EVER, ONE_MINUTE).iloc[0]
    assert (bar["ts"], bar["open"]) == (utc("2018-04-04 07:00"), 1.0)


def test_hours_and_days_are_in_one_zip_per_ticker(tmp_path):
    row = "1000000,1000000,1000000,1000000,1\n"
    zipped(tmp_path / "hour/spy.zip", f"20180404 10:00,{row}")
    zipped(tmp_path / "daily/spy.zip", f"20180404 00:00,{row}20180405 00:00,{row}")
    hours = lean(tmp_path, resolution="hour").read(["SPY"], *EVER, BarSize.parse("1h"))
    assert list(hours["ts"]) == [utc("2018-04-04 14:00")]
    days = lean(tmp_path, resolution="daily").read(["SPY"], *EVER, ONE_DAY)
    assert list(days["ts"]) == [utc("2018-04-04"), utc("2018-04-05")]


@pytest.mark.parametrize("bar_size", [ONE_MINUTE, BarSize.parse("5min"), ONE_DAY])
def test_ticks_become_bars_of_any_length(tmp_path, bar_size):
    text = "34200000,1000000,100,P,0,0\n34259999,1020000,300,P,0,0\n"
    zipped(tmp_path / "tick/spy/20180404_trade.zip", text)
    market = Sessions("XNYS", date(2018, 4, 4), date(2018, 4, 4))
    source = lean(tmp_path, resolution="tick")
    bars, _ = load_bars(source, ["SPY"], market, bar_size, market.first, market.first)
    (bar,) = bars.to_dict("records")
    start = "2018-04-04" if bar_size.daily else "2018-04-04 13:30"
    assert (bar["ts"], bar["vwap"], bar["trade_count"]) == (utc(start), 101.5, 2)


def test_quotes_may_lack_a_side(tmp_path):
    text = "34200000,,,,,,1000100,1000100,1000100,1000100,300\n"
    zipped(tmp_path / "minute/spy/20180404_quote.zip", text)
    quotes = lean(tmp_path).quotes(["SPY"], *EVER)
    assert list(quotes["ts"]) == [utc("2018-04-04 13:30")]
    start = quotes["ts"].iloc[0]
    assert len(lean(tmp_path).quotes(["SPY"], start, start + pd.Timedelta("1min"))) == 1
    assert lean(tmp_path).quotes(["SPY"], EVER[0], start).empty
    assert quotes["bid_close"].isna().all()
    assert list(quotes.loc[0, ["ask_close", "ask_size"]]) == [100.01, 300.0]


def test_a_base_bar_other_than_the_resolution_is_refused(tmp_path):
    with pytest.raises(BadInput, match="has 1day bars, and base_bar is 1min"):
        lean(tmp_path, resolution="daily").read(["SPY"], *EVER, ONE_MINUTE)


# Symbols and tickers


@pytest.fixture
def reused(tmp_path) -> Path:
    """BAC was NB until 1998-09-30, when another bank gave up the ticker."""
    row = "00:00,{0}0000,{0}0000,{0}0000,{0}0000,1\n"
    theirs = "19980929 " + row.format(1) + "19980930 " + row.format(2)
    ours = "19981001 " + row.format(3)
    zipped(tmp_path / "daily/bac.zip", theirs + ours)
    nations = "19980929 " + row.format(7) + "19980930 " + row.format(8)
    zipped(tmp_path / "daily/nb.zip", nations + "19981001 " + row.format(9))
    mapped(tmp_path, "bac", "19980102,nb,N\n19980930,nb,N\n20501231,bac,N\n")
    return tmp_path


def test_a_symbol_is_followed_through_its_tickers(reused):
    """The other bank's prices, 1 and 2, are not among those of the symbol."""
    bars = lean(reused, resolution="daily").read(["BAC"], *EVER, ONE_DAY)
    bars = bars.sort_values("ts")
    assert list(bars["close"]) == [7.0, 8.0, 3.0]
    assert bars["symbol"].eq("BAC").all()


def test_a_former_ticker_is_not_a_symbol(reused):
    assert lean(reused, resolution="daily").symbols() == ["BAC"]


def test_a_ticker_without_map_is_the_symbol(tmp_path):
    zipped(tmp_path / "daily/xyz.zip", "20180404 00:00,1,1,1,1,1\n")
    source = lean(tmp_path, resolution="daily")
    assert source.symbols() == ["XYZ"]
    assert len(source.read(["XYZ"], *EVER, ONE_DAY)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("19980102\n", "line 1: must have a date and a ticker"),
        ("1998,bac\n", "line 1: '1998' is not a date"),
        ("20501231,bac\n19980102,nb\n", "rows are needed, with dates in asc"),
        ("", "rows are needed, with dates in asc"),
        ("20501231,../bac\n", "line 1: must have a date and a ticker"),
    ],
)
def test_a_malformed_map_is_named_with_its_line(tmp_path, text, words):
    zipped(tmp_path / "daily/bac.zip", "20180404 00:00,1,1,1,1,1\n")
    mapped(tmp_path, "bac", text)
    with pytest.raises(BadInput, match=rf"map_files/bac.csv.*{words}"):
        lean(tmp_path, resolution="daily").symbols()


# Factors


def factors(folder: Path, text: str) -> list[Action]:
    (folder / "factor_files").mkdir(exist_ok=True)
    (folder / "factor_files/aaa.csv").write_text(text)
    return lean(folder).actions(["AAA"])


def test_a_factor_applies_up_to_its_date_and_changes_on_the_next_day(tmp_path):
    rows = "20180402,0.9,0.25,10\n20180403,0.9,0.25,10\n20180405,0.9,0.5,20\n"
    split, both = factors(tmp_path, rows + "20501231,1,1,0\n")
    assert (split.ex_date, split.split, split.dividend_factor) == (
        date(2018, 4, 4),
        2.0,
        None,
    )
    assert (both.ex_date, both.split, both.dividend_factor) == (
        date(2018, 4, 6),
        2.0,
        0.9,
    )


@pytest.mark.parametrize(
    ("earlier", "later", "shares"),
    [
        ("0.0357143", "0.25", 7.0),
        ("0.6666667", "1", 1.5),
        ("0.3333333", "1", 3.0),
        ("8", "1", 0.125),
        (
            "0.9756098",
            "1",
            1.0249999,
        ),  # a spin-off, not a ratio of small numbers of shares
    ],
)
def test_a_rounded_factor_means_a_ratio_of_shares(tmp_path, earlier, later, shares):
    text = f"20180403,1,{earlier},10\n20501231,1,{later},0\n"
    (action,) = factors(tmp_path, text)
    assert action.split == pytest.approx(shares, rel=1e-7)
    if shares != 1.0249999:
        assert action.split == shares


def test_a_symbol_without_factors_has_no_action(tmp_path):
    assert lean(tmp_path).actions(["BBB"]) == []


@pytest.mark.parametrize("row", ["20180403,0,1", "20180403,x,1", "20180403,1", "1,1,1"])
def test_a_malformed_factor_is_named_with_its_line(tmp_path, row):
    (tmp_path / "factor_files").mkdir()
    (tmp_path / "factor_files/aaa.csv").write_text(f"20180402,1,1,1\n{row}\n")
    with pytest.raises(BadInput, match=r"factor_files/aaa.csv, line 2: "):
        lean(tmp_path).actions(["AAA"])


# Errors


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("20180404_trade.zip", "34200000,1,1,1,1\n", "line 1: 5 fields where 6"),
        ("20180404_trade.zip", "34200000,1,1,,1,1\n", "line 1: low '' is not a number"),
        ("20180404_trade.zip", "99999999,1,1,1,1,1\n", "not a millisecond of a day"),
        ("20180404_trade.zip", "-1,1,1,1,1,1\n", "not a millisecond of a day"),
        ("20180404_trade.zip", "", "has no row"),
        ("20181304_trade.zip", "0,1,1,1,1,1\n", "must begin with a date"),
        ("20180311_trade.zip", "9000000,1,1,1,1,1\n", "occurs never in America/New"),
    ],
)
def test_a_malformed_zip_is_named(tmp_path, name, text, words):
    zipped(tmp_path / "minute/spy" / name, text)
    with pytest.raises(BadInput, match=f"{name}.*{words}"):
        lean(tmp_path).read(["SPY"], *EVER, ONE_MINUTE)


def test_a_file_that_is_not_a_zip_is_named(tmp_path):
    file = tmp_path / "minute/spy/20180404_trade.zip"
    file.parent.mkdir(parents=True)
    file.write_text("0,1,1,1,1,1\n")
    with pytest.raises(BadInput, match=r"20180404_trade.zip cannot be read as text"):
        lean(tmp_path).read(["SPY"], *EVER, ONE_MINUTE)


def test_a_folder_without_zips_is_refused(tmp_path):
    with pytest.raises(BadInput, match="there is no zip of trades in"):
        lean(tmp_path).symbols()
    with pytest.raises(BadInput, match="There is no folder 'nowhere'"):
        open_source("lean", {"path": "nowhere"}, tmp_path).symbols()


def test_state_of_days_changes_only_with_their_zips(tmp_path):
    for day in ("20180220", "20180221"):
        zipped(tmp_path / f"minute/aaa/{day}_trade.zip", "34200000,1,1,1,1,1\n")
    evening = [utc("2018-02-21 00:30"), utc("2018-02-21 04:30")]  # 20th, New York
    next_day = [utc("2018-02-21 14:30"), utc("2018-02-22 05:00")]
    (of_evening,), (of_next,) = (
        lean(tmp_path).state(*span) for span in (evening, next_day)
    )
    assert "20180220_trade" in of_evening
    assert "20180221_trade" in of_next
    zipped(tmp_path / "minute/aaa/20180221_trade.zip", "34200000,2,2,2,2,2\n" * 9)
    assert lean(tmp_path).state(*evening) == [of_evening]
    assert lean(tmp_path).state(*next_day) != [of_next]
