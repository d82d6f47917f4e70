"""Months, rolling figures and distributions of the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.report.page.content import CURVES
from whatif_assets.report.page.distributions import binned
from whatif_assets.report.page.periods import month_returns, periods
from whatif_assets_tests.report.page import example
from whatif_assets_tests.report.page.test_sections import cells, read


def test_months_compound_and_a_year_is_their_product():
    days = pd.to_datetime(["2025-12-31", "2026-01-02", "2026-01-30", "2026-03-02"])
    curve = pd.DataFrame({"session": days, "before": [100.0, 110.0, 121.0, 110.0]})
    found = month_returns(curve.assign(equity=[110.0, 121.0, 110.0, 132.0]))
    assert found.loc[2025, 12] == pytest.approx(0.1)
    assert found.loc[2026, 1] == pytest.approx(0.0)
    assert found.loc[2026, 3] == pytest.approx(0.2)
    assert found.loc[2026, 0] == pytest.approx(132 / 110 - 1)
    assert np.isnan(found.loc[2026, 2])


def test_drawdowns_have_dates_and_money():
    rows = cells(periods(example.content()).html)
    assert ["2026-01-06", "2026-01-07", "2026-01-08", "0.495%", "5.00", "2"] in rows


def test_rolling_figures_are_drawn_where_the_history_is_long_enough():
    days = pd.bdate_range("2026-01-05", periods=24)
    rng = np.random.default_rng(3)
    parts = [
        (line, kind, "out_of_sample", day.date(), pnl, 1000.0)
        for line, kind in (("one", "winner"), ("buy-and-hold", "hold"))
        for day, pnl in zip(days, rng.normal(size=24).cumsum())
    ]
    curves = pd.DataFrame(parts, columns=list(CURVES))
    html = periods(example.content(curves=curves)).html
    assert "computed from the 10 latest sessions" in read(html)
    for name in ("sharpe", "volatility", "beta"):
        assert f'id="chart-rolling-{name}"' in html
    assert "chart-rolling" not in periods(example.content()).html


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_every_profit_is_in_a_bin_and_no_bin_has_both_signs(profits):
    left, width, counts = binned(np.array(profits))
    assert counts.sum() == len(profits)
    crosses = (left < -1e-6 * width) & (left + width > 1e-6 * width)
    assert not crosses.any()
