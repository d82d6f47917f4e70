"""LEAN's own files against their tidy bars, and its published buy-and-hold."""

from __future__ import annotations

import shutil
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.bars.adjustments import Steps, adjusted
from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE
from whatif_assets.domain.bars.schema import PRICES
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.engines.backtest import run_backtests, sleeves_of
from whatif_assets.sources import load_bars, open_source
from whatif_assets.sources.lean_files import FACTORS, read_factors
from whatif_assets_tests.sources.instants import whole_days

pytestmark = pytest.mark.data
PLAIN = ["symbol", "ts", *PRICES, "volume", "session"]


def loaded(folder, source, options, symbols, days, bar_size=ONE_MINUTE, **how):
    opened = open_source(source, options, folder)
    first, last = map(date.fromisoformat, days)
    calendar = how.pop("calendar", "XNYS")
    market = Sessions(calendar, first, last)
    return load_bars(opened, symbols, market, bar_size, first, last, **how)[0]


@pytest.mark.parametrize(
    ("symbol", "days", "beside"),
    [
        ("SPY", ("2013-10-04", "2013-10-08"), "us1m_201310_lean"),
        ("AAPL", ("2014-06-05", "2014-06-09"), "us1m_201406_lean_aapl_split"),
    ],
)
def test_minutes_equal_the_tidy_bars(market_data, symbol, days, beside):
    """The tidy bars add a vwap from ticks, which these files do not have."""
    found = loaded(market_data, "lean", {"path": "raw/lean"}, [symbol], days)
    other = {"path": f"{beside}.parquet"}
    expected = loaded(market_data, "parquet", other, [symbol], days)
    assert len(found) > 2000
    pd.testing.assert_frame_equal(found[PLAIN], expected[PLAIN], check_exact=True)


@pytest.mark.parametrize("symbol", ["AAPL", "SPY", "QQQ"])
def test_days_equal_the_tidy_bars(market_data, symbol):
    """QQQ traded as QQQQ from 2004-12 to 2011-03; there is no file for QQQQ."""
    options = {"path": "raw/lean", "resolution": "daily"}
    days = ("1998-01-02", "2021-03-31")
    found = loaded(market_data, "lean", options, [symbol], days, ONE_DAY)
    other = {"path": "us1d_lean.parquet"}
    expected = loaded(market_data, "parquet", other, [symbol], days, ONE_DAY)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_ticks_make_the_vwap_and_count_of_the_tidy_bars(market_data):
    options = {"path": "raw/lean", "resolution": "tick"}
    days = ("2013-10-07", "2013-10-07")
    found = loaded(market_data, "lean", options, ["BAC"], days)
    other = {"path": "us1m_201310_lean.parquet"}
    expected = loaded(market_data, "parquet", other, ["BAC"], days)
    assert list(found["ts"]) == list(expected["ts"])
    assert list(found["trade_count"]) == list(expected["trade_count"])
    # LEAN excludes odd trades, such as crosses, from its minutes. A minute whose
    # range contains all trades has the same vwap, up to the last bit.
    whole = (found[["high", "low"]] == expected[["high", "low"]]).all(axis=1)
    assert (len(found), (~whole).sum()) == (595, 13)
    close = np.isclose(found["vwap"], expected["vwap"], rtol=1e-12, atol=0)
    assert close[whole].all()


def test_quotes_equal_their_tidy_table(market_data):
    day = date(2013, 10, 7)
    source = open_source("lean", {"path": "raw/lean"}, market_data)
    found = source.quotes(["SPY"], *whole_days(day, date(2013, 10, 8)))
    expected = pd.read_parquet(market_data / "us1m_201310_lean_quotes.parquet")
    local = expected["ts"].dt.tz_convert("America/New_York").dt.date
    expected = expected[(expected["symbol"] == "SPY") & (local == day)]
    expected = expected.reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)


def test_crypto_minutes_are_decimals_of_a_utc_day(market_data):
    """Check scale and zone: the first row has 7424.91 at midnight."""
    options = {"path": "raw/lean/crypto", "security": "crypto"}
    days = ("2018-04-04", "2018-04-04")
    bars = loaded(market_data, "lean", options, ["BTCUSD"], days, calendar="24/7")
    assert bars["ts"].iloc[0] == pd.Timestamp("2018-04-04", tz="UTC")
    assert bars["open"].iloc[0] == 7424.91
    assert len(bars) > 1000


def steps_of(source, symbol: str) -> Steps:
    """Return the days after the rows of the factor file, sessions or not."""
    return Steps.of(
        (a.ex_date, {symbol: a.step(None)}) for a in source.actions([symbol])
    )


@pytest.mark.parametrize("symbol", ["AAPL", "BAC", "QQQ", "SPY"])
def test_factors_equal_their_tidy_table(market_data, symbol):
    file = market_data / f"raw/lean/factor_files/{symbol.lower()}.csv"
    expected = pd.read_parquet(market_data / "us_factors_lean.parquet")
    expected = expected[expected["symbol"] == symbol].reset_index(drop=True)
    expected = expected.assign(date=pd.to_datetime(expected["date"]))
    names = list(FACTORS[:-1])
    found = read_factors(symbol, file)[names]
    pd.testing.assert_frame_equal(found, expected[names], check_exact=True)


@pytest.mark.parametrize("symbol", ["AAPL", "BAC", "QQQ", "SPY"])
def test_the_product_of_steps_is_the_published_factor(market_data, symbol):
    """LEAN accumulates its factors over 20 years, rounded to seven decimals."""
    source = open_source("lean", {"path": "raw/lean"}, market_data)
    table = pd.read_parquet(market_data / "us_factors_lean.parquet")
    table = table[table["symbol"] == symbol]
    price, _ = steps_of(source, symbol).factors(
        table["symbol"], table["date"], date(2050, 12, 31)
    )
    published = (table["price_factor"] * table["split_factor"]).to_numpy()
    np.testing.assert_allclose(price, published, rtol=6e-6)
    assert len(table) > 40


def test_splits_of_apple_are_whole_shares(market_data):
    source = open_source("lean", {"path": "raw/lean"}, market_data)
    splits = {a.ex_date: a.split for a in source.actions(["AAPL"]) if a.split}
    assert splits == {
        date(2000, 6, 21): 2,
        date(2005, 2, 26): 2,
        date(2014, 6, 7): 7,
        date(2020, 8, 29): 4,
    }


def test_the_split_of_apple_is_in_the_steps_and_not_in_the_prices(market_data):
    """7:1 after 2014-06-06: 645.57 raw is 92.22 as of the next session."""
    days = ("2014-06-05", "2014-06-09")
    source = open_source("lean", {"path": "raw/lean"}, market_data)
    options = {"path": "raw/lean"}
    raw = loaded(market_data, "lean", options, ["AAPL"], days, hours="regular")
    seen = adjusted(raw, steps_of(source, "AAPL"), date(2014, 6, 9))
    closes = [bars.groupby("session")["close"].last() for bars in (raw, seen)]
    assert closes[0].iloc[1] == 645.57
    assert closes[1].iloc[1] == pytest.approx(645.57 / 7, rel=1e-15)
    assert closes[1].iloc[2] == closes[0].iloc[2]
    assert abs(closes[1].pct_change()).max() < 0.02


# LEAN's BasicTemplateAlgorithm

FACTOR = 0.8646266  # of SPY on those days, from its factor file
WEEK = ("2013-10-07", "2013-10-11")


@pytest.fixture
def week(market_data, tmp_path) -> Path:
    """LEAN's folder with the rest of the week, written from the tidy bars."""
    shutil.copytree(market_data / "raw/lean", tmp_path / "lean", copy_function=_link)
    bars = pd.read_parquet(market_data / "us1m_201310_lean.parquet")
    bars = bars[bars["symbol"] == "SPY"]
    local = bars["ts"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    folder = tmp_path / "lean/minute/spy"
    folder.chmod(0o755)
    for day, rows in bars.groupby(local.dt.normalize()):
        file = folder / f"{day:%Y%m%d}_trade.zip"
        text = _lean_rows(rows, local[rows.index] - day)
        if file.exists():
            with zipfile.ZipFile(file) as archive:
                written = archive.read(archive.namelist()[0]).decode()
            assert (
                text.split() == written.split()
            )  # so the other files are equal to those of LEAN
        else:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("trades.csv", text)
    return tmp_path


def _link(source: str, target: str) -> None:
    Path(target).symlink_to(Path(source).resolve())


def _lean_rows(rows: pd.DataFrame, since_midnight: pd.Series) -> str:
    table = (rows[list(PRICES)] * 10_000).round().astype("int64")
    table.insert(0, "ms", since_midnight // pd.Timedelta(1, "ms"))
    table["volume"] = rows["volume"].astype("int64")
    return table.to_csv(index=False, header=False)


def test_published_buy_and_hold_of_lean_is_equal_to_the_cent(week):
    """LEAN published 101,691.92.

    It decides on the first bar and buys at that bar's last ask, which is the first
    ask of the next bar: where an order of ours fills.
    """
    options = {"path": "lean"}
    source = open_source("lean", options, week)
    raw = loaded(week, "lean", options, ["SPY"], WEEK, hours="regular")
    day = date(2013, 10, 7)
    asks = source.quotes(["SPY"], *whole_days(day, day))
    ask = raw["ts"].map(asks.set_index("ts")["ask_open"])
    buyable = raw.assign(open=ask.fillna(raw["open"]))
    bars = adjusted(buyable, steps_of(source, "SPY"), date(2050, 12, 31))
    assert list(bars["close"]) == pytest.approx(list(raw["close"] * FACTOR))

    days = Sessions("XNYS", *map(date.fromisoformat, WEEK)).dates()
    variant = Variant(
        "lean", {"size": 688}, Costs(commission_per_share=0.005), 100_000.0
    )
    result = run_backtests(sleeves_of(bars, days), "buy_and_hold", [variant])
    assert result.fills["commission"].sum() == pytest.approx(3.44)
    assert result.fills["price"].iloc[0] == pytest.approx(167.45 * FACTOR)
    assert round(float(result.total_equity[0, -1]), 2) == 101_691.92
