"""Exposure of accounts by session, computed by hand."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.positions import exposures_of, positions_of
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.backtest import Variant, run_backtests
from whatif_assets_tests.sleeves_for_tests import sleeve, sleeves

SCRIPTED = "whatif_assets_tests.user_strategies:Scripted"
DAYS = [date(2018, 2, day) for day in range(1, 29)]


def exposures(bars: list[Sleeve], n: int, cash: float = 1000.0):
    """Run a script of wanted positions, and sum up what is held."""
    result = run_backtests(bars, SCRIPTED, [Variant("-", cash=cash)], n_sessions=n)
    days = DAYS[:n]
    return exposures_of(result, days, positions_of(result, days)), result


def test_an_account_that_owes_more_than_it_has_has_no_weights() -> None:
    ruined = sleeve([10, 10, 500], sessions=[0, 1, 2], wanted=[-100, 0, 0])
    _, result = exposures([ruined], 3, cash=1500.0)
    assert result.total_equity[0, -1] < 0
    with np.errstate(all="raise"):
        again = exposures_of(result, DAYS[:3], positions_of(result, DAYS[:3]))
    assert np.isnan(again["largest_weight"].iloc[-1])


def test_exposure_and_turnover_by_hand() -> None:
    # Two accounts of 1,000: 30 bought at 10, 10 sold short at 20; then all closed.
    up = sleeve([10, 10, 10, 10], sessions=[0, 0, 1, 2], wanted=[30, 0, -30, 0])
    down = sleeve(
        [20, 20, 20, 20], sessions=[0, 0, 1, 2], symbol="BBB", wanted=[-10, 0, 10, 0]
    )
    rows, _ = exposures([up, down], 3)
    assert rows["gross"].tolist() == pytest.approx([0.25, 0.25, 0.0])
    assert rows["net"].tolist() == pytest.approx([0.05, 0.05, 0.0])
    assert rows["positions"].tolist() == [2, 2, 0]
    # 0.15 and 0.1: 0.25 squared over the sum of their squares.
    assert rows["effective_positions"][0] == pytest.approx(0.0625 / 0.0325)
    assert math.isnan(rows["effective_positions"][2])
    assert rows["largest_weight"].tolist() == pytest.approx([0.15, 0.15, 0.0])
    assert rows["turnover"].tolist() == pytest.approx([0.25, 0.0, 0.25])


WANTED = {"wanted": st.sampled_from([0, 0, 0, 1, 2, 5, -1, -3, -5]).map(float)}


@settings(max_examples=40, deadline=None)
@given(bars=sleeves(WANTED))
def test_exposures_agree_with_positions_and_fills(bars: Sleeve) -> None:
    n = 1 + int(bars.session[-1])
    if n > len(DAYS):
        bars = bars.until(int(np.searchsorted(bars.session, len(DAYS))))
        n = 1 + int(bars.session[-1])
    rows, result = exposures([bars], n)
    held = positions_of(result, DAYS[:n])
    assert len(rows) == n
    assert rows["positions"].sum() == len(held)
    assert rows["net"].sum() == pytest.approx(held["weight"].sum(), abs=1e-12)
    assert (rows["gross"] + 1e-12 >= rows["net"].abs()).all()
    known = rows["positions"] > 0
    assert (rows.loc[known, "effective_positions"] > 1 - 1e-9).all()
    before = np.concatenate([[1000.0], result.total_equity[0][:-1]])
    traded = (rows["turnover"] * before).sum()
    assert traded == pytest.approx(result.traded[0], rel=1e-9, abs=1e-9)
