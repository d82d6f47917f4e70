"""A rule on a frame of bars has the figures that the chain has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import whatif_assets as wi
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets_tests.python.conftest import GRID

FIRST = "2026-01-09"  # after the four sessions of training

DAILY = pd.DataFrame(
    {
        "Open": [10.0, 11, 12, 13],
        "High": [12.0, 12, 13, 14],
        "Low": [9.0, 10, 11, 12],
        "Close": [11.0, 12, 13, 13],
        "Volume": 1e5,
    },
    index=pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"]),
)


def test_figures_equal_those_of_the_chain(rules_home):
    home = wi.open(rules_home)
    found = wi.backtest(home.bars(), "ema_cross", GRID, start=FIRST)
    chain = home.leaderboard().query("configuration == 'rules.cross'")
    assert found.table["variant"].tolist() == chain["variant"].tolist()
    beside = {name for name in METRICS if name.endswith(("beta", "alpha"))}
    for name in METRICS.keys() - beside:
        np.testing.assert_array_equal(found.table[name], chain[name], err_msg=name)
    best = home.equity("rules.cross")
    assert found.equity()["pnl"].tolist() == pytest.approx(best["pnl"].tolist())
    assert len(found.trades()) == len(home.trades("rules.cross"))


def test_a_frame_of_one_symbol_needs_neither_symbol_nor_ts():
    found = wi.backtest(DAILY, "buy_and_hold", {"size": 100})
    # Bought at the second open, 11, and valued at the last close, 13.
    assert found.best["pnl"] == pytest.approx(200.0)
    (line,) = found.plot().data
    assert list(line.y) == pytest.approx([0.0, 100.0, 200.0, 200.0])
    assert "the best of 1 variants over 4 sessions" in str(found)


def test_a_grid_takes_arrays():
    found = wi.backtest(DAILY, "ema_cross", {"slowperiod": np.array([3, 4])})
    assert set(found.table["slowperiod"]) == {3, 4}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"strategy": "ema_crss"}, "Did you mean 'ema_cross'?"),
        ({"grid": {"fast": [3]}}, "sweep.fast: unknown field"),
        ({"grid": {"each": {"size": [1]}}}, "one rule without a model"),
        ({"strategy": "forecast_threshold"}, "one rule without a model"),
        ({"bars": DAILY.drop(columns="Open")}, "bars: open is missing; found"),
        ({"bars": DAILY.iloc[:0]}, "bars: there are no rows"),
        ({"bars": [1]}, "bars: found list"),
        ({"bars": DAILY.assign(High=1.0)}, "high"),
        ({"start": "2027-01-01"}, "the bars end on 2026-01-08"),
        ({"start": "soon"}, "start: found 'soon'"),
        ({"rank_by": "sharp"}, "rank_by: found 'sharp'"),
        ({"calendar": "NYSE?"}, "not a known exchange calendar"),
    ],
)
def test_bad_input_is_said_in_plain_words(arguments, says):
    given = {"bars": DAILY, "strategy": "ema_cross", "grid": {}} | arguments
    with pytest.raises(wi.BadInput) as error:
        wi.backtest(**given)
    assert says in str(error.value)


def test_an_unknown_variant_is_named():
    with pytest.raises(wi.BadInput, match="variant: found 'x'; the backtest has -"):
        wi.backtest(DAILY, "buy_and_hold").equity("x")
