"""The impact scale: known before the session, from volatility and value traded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.impact import (
    SESSIONS,
    impact_scale,
    slippage_of_market_orders,
)
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Variant, run_backtests
from whatif_assets_tests.sleeves_for_tests import sleeve


def daily(closes: Sequence[float], sessions: Sequence[int] | None = None) -> Sleeve:
    """Build one bar a session, in which 1,000 units are traded."""
    return sleeve(closes, sessions=sessions or list(range(len(closes))))


def test_the_scale_is_volatility_over_the_root_of_the_value_traded() -> None:
    scale = impact_scale(daily([100, 110, 99, 99, 50]))
    # Nothing is known before two returns are: +10 % and -10 %.
    assert scale[:3].tolist() == [0, 0, 0]
    volatility, value = np.std([0.1, -0.1], ddof=1), 1000 * (100 + 110 + 99) / 3
    assert scale[3] == pytest.approx(volatility / np.sqrt(value))
    volatility = np.std([0.1, -0.1, 0.0], ddof=1)
    value = 1000 * (100 + 110 + 99 + 99) / 4
    assert scale[4] == pytest.approx(volatility / np.sqrt(value))


def test_all_bars_of_a_session_have_the_same_scale_and_values_add_up() -> None:
    whole = impact_scale(daily([100, 110, 99, 99]))
    bars = sleeve([100, 100, 110, 110, 99, 99, 99], sessions=[0, 0, 1, 1, 2, 2, 3])
    bars = replace(bars, volume=np.array([500.0] * 6 + [1000.0]))
    scale = impact_scale(bars)
    assert scale[-1] == pytest.approx(whole[-1])
    assert len(set(scale[bars.session == 2])) == 1


def test_a_contract_is_worth_its_multiplier() -> None:
    bars = daily([100, 110, 99, 99])
    ten = impact_scale(replace(bars, multiplier=10.0))
    assert ten[-1] == pytest.approx(impact_scale(bars)[-1] / np.sqrt(10))


def test_sessions_before_the_backtest_count() -> None:
    closes = [100, 110, 99, 99, 120, 80, 81]
    whole = impact_scale(daily(closes))
    before, rest = daily(closes[:4]), daily(closes[4:])
    assert impact_scale(rest, before, 4).tolist() == whole[4:].tolist()
    assert impact_scale(rest)[0] == 0


def test_sessions_without_bars_keep_the_latest_scale() -> None:
    closes = [100, 110, 99, 99]
    late = daily([*closes, 99], [0, 1, 2, 3, 3 + 2 * SESSIONS])
    assert impact_scale(late)[-1] > 0


def test_without_volume_there_is_no_scale() -> None:
    bars = daily([100, 110, 99, 99])
    for volume in (0.0, np.nan):
        silent = replace(bars, volume=np.full(len(bars), volume))
        assert impact_scale(silent).tolist() == [0, 0, 0, 0]


@given(
    closes=st.lists(st.floats(1, 100), min_size=4, max_size=60),
    cut=st.integers(1, 59),
    factor=st.floats(0.1, 10),
)
def test_the_scale_of_a_session_does_not_depend_on_it_or_on_later_ones(
    closes: list[float], cut: int, factor: float
) -> None:
    bars, cut = daily(closes), min(cut, len(closes) - 1)
    later = np.arange(len(closes)) >= cut
    changed = replace(
        bars,
        close=np.where(later, bars.close * factor, bars.close),
        volume=np.where(later, bars.volume * factor, bars.volume),
    )
    assert impact_scale(changed)[: cut + 1].tolist() == (
        impact_scale(bars)[: cut + 1].tolist()
    )


@given(st.lists(st.floats(1, 100), min_size=4, max_size=60))
def test_a_scale_is_never_negative_or_unknown(closes: list[float]) -> None:
    scale = impact_scale(daily(closes))
    assert np.isfinite(scale).all()
    assert (scale >= 0).all()


@pytest.mark.parametrize("reference", [False, True])
def test_costs_with_impact_need_the_scale(reference: bool) -> None:
    bars = replace(daily([10, 11, 12]), columns={"forecast": np.ones(3)})
    variant = Variant("-", {}, Costs(impact=1))
    with pytest.raises(BadInput, match="need the impact scale of each bar"):
        run_backtests([bars], "forecast_threshold", [variant], reference=reference)


def test_market_orders_slip_as_in_the_engine() -> None:
    bars = replace(daily([100, 110, 99, 99, 98]), columns={"forecast": np.ones(5)})
    bars = replace(bars, impact=impact_scale(bars) + 1e-5)
    costs = Costs(slippage_bps=3, impact=0.7)
    variant = Variant("-", {"size": 1234}, costs)
    fills = run_backtests([bars], "forecast_threshold", [variant]).fills
    slipped = slippage_of_market_orders(bars, costs, np.array([1]), np.array([1234.0]))
    assert fills["slippage"].tolist() == slipped.tolist()
    assert fills["price"].tolist() == [110 * (1 + slipped[0])]
