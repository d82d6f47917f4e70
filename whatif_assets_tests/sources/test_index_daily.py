"""The two indices in the package arch."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import arch.data.nasdaq
import arch.data.sp500
import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import load_bars, open_source
from whatif_assets_tests.sources.instants import EVER

FIRST, LAST = date(1999, 1, 4), date(2018, 12, 31)
MARKET = Sessions("XNYS", FIRST, LAST)


@pytest.fixture(scope="module")
def loaded():
    source = open_source("index_daily", {}, Path())
    return load_bars(source, None, MARKET, ONE_DAY, FIRST, LAST)


@pytest.mark.parametrize(
    ("symbol", "package"), [("SP500", arch.data.sp500), ("NASDAQ", arch.data.nasdaq)]
)
def test_bars_equal_those_of_arch(loaded, symbol, package):
    expected = package.load()
    bars = loaded[0][loaded[0]["symbol"] == symbol]
    assert list(bars["session"]) == list(expected.index)
    assert list(bars["ts"]) == list(expected.index.tz_localize("UTC"))
    for name in ("open", "high", "low", "close", "volume"):
        assert (bars[name].to_numpy() == expected[name.title()].to_numpy()).all()


def test_all_sessions_of_new_york_from_1999_to_2018_exist(loaded):
    """The exchange calendar and the data agree over twenty years."""
    _, report = loaded
    assert report.sessions == len(MARKET.dates()) == 5031
    assert report.missing == report.outside_sessions == {}


def test_the_report_lists_the_missing_vwap(loaded):
    bars, report = loaded
    assert report.vwap_from_typical_price == len(bars) == 10_062
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3
    pd.testing.assert_series_equal(bars["vwap"], typical, check_names=False)


def test_sessions_without_volume_are_kept(loaded):
    bars, _ = loaded
    assert list(bars.loc[bars["volume"] == 0, "symbol"]) == ["NASDAQ"] * 2


def test_minutes_are_refused():
    source = open_source("index_daily", {}, Path())
    with pytest.raises(BadInput, match="daily bars, and base_bar is 1min"):
        source.read(["SP500"], *EVER, ONE_MINUTE)
