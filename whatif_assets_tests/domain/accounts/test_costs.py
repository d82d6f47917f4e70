"""Costs by hand: rates by symbol, commissions, and how they are written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.costs import (
    MOST,
    BySymbol,
    Costs,
    slippage_with_impact,
    units_for_money,
)

RATES = {"default": 30.0, "GME": 2000.0}


def test_a_symbol_has_its_own_rate_or_the_default() -> None:
    costs = Costs(
        slippage_bps=2,
        half_spread_bps=BySymbol.of({"default": 1.0, "GME": 8.0}),
        borrow_bps=BySymbol.of(RATES),
    )
    assert costs.slippage("GME") == pytest.approx(10e-4)
    assert costs.slippage("AAPL") == pytest.approx(3e-4)
    assert costs.borrow("GME") == pytest.approx(0.2)
    assert costs.borrow("AAPL") == pytest.approx(30e-4)
    assert costs.symbols == ["GME"]
    assert costs.differ_by_symbol
    assert not Costs(borrow_bps=30).differ_by_symbol


def test_what_is_borrowed_may_cost_something_in_one_symbol_alone() -> None:
    assert Costs(borrow_bps=BySymbol(0.0, (("GME", 5.0),))).borrows
    assert not Costs(borrow_bps=BySymbol(0.0, (("GME", 0.0),))).borrows


def test_costs_that_an_earlier_version_lacked_are_written_only_where_they_are_set() -> (
    None
):
    """Otherwise each trial of an earlier version would count as a new one."""
    assert list(Costs(commission_bps=1, borrow_bps=3).as_settings()) == [
        "commission_bps",
        "slippage_bps",
        "commission_per_share",
        "commission_minimum",
        "borrow_bps",
    ]
    costs = Costs(borrow_bps=BySymbol.of(RATES), impact=0.5, commission_per_order=1)
    assert costs.as_settings() == {
        "commission_bps": 0.0,
        "slippage_bps": 0.0,
        "commission_per_share": 0.0,
        "commission_minimum": 0.0,
        "borrow_bps": RATES,
        "commission_per_order": 1,
        "impact": 0.5,
    }


def test_rates_do_not_depend_on_the_order_in_which_they_are_written() -> None:
    one = BySymbol.of({"default": 1.0, "A": 2.0, "B": 3.0})
    assert one == BySymbol.of({"B": 3.0, "A": 2.0, "default": 1.0})
    assert hash(Costs(borrow_bps=one)) == hash(Costs(borrow_bps=one))


def test_the_commission_has_four_parts_and_nothing_is_nothing() -> None:
    costs = Costs(
        commission_bps=10,
        commission_per_share=0.01,
        commission_per_order=2,
        commission_minimum=5,
    )
    units, prices = np.array([0.0, 10.0, 1000.0]), np.array([50.0, 50.0, -50.0])
    # 1,000 units: 50 by value, 10 by share, 2 by order.
    charged = costs.commission(units, prices, np.ones(3))
    assert charged.tolist() == pytest.approx([0, 5, 62])


FALLING = ((0, 0.01), (500, 0.006))  # as of a broker: 0.6 cents a share above 500
RISING = ((0, 0.0), (10_000, 0.005))  # 10,000 shares without commission
THREE = ((0, 0.02), (3, 0.5), (8, 0.001))


def test_each_share_pays_the_rate_of_its_tier() -> None:
    units, ones = np.array([0.0, 100, 500, 1500]), np.ones(4)
    falling = Costs(commission_tiers=FALLING)
    expected = [0, 1, 5, 5 + 6]
    assert falling.commission(units, ones, ones).tolist() == pytest.approx(expected)
    rising = Costs(commission_tiers=RISING, commission_per_order=1)
    units = np.array([0.0, 100, 10_000, 11_000])
    expected = [0, 1, 1, 6]
    assert rising.commission(units, ones, ones).tolist() == pytest.approx(expected)
    added = Costs(commission_tiers=FALLING, commission_per_share=0.001)
    assert added.commission(units, ones, ones)[1] == pytest.approx(1.1)


@settings(max_examples=100, deadline=None)
@given(
    money=st.integers(0, 4_000).map(lambda cents: cents / 100),
    paid=st.sampled_from([0.25, 1.0, 3.0]),
    tiers=st.sampled_from([(), FALLING, RISING, THREE, ((0, 0.5), (3, 0.0))]),
)
def test_money_buys_as_many_units_as_it_pays_for(
    money: float, paid: float, tiers: tuple[tuple[float, float], ...]
) -> None:
    costs = Costs(commission_tiers=tiers)

    def spent(units: int) -> float:
        charged = costs.commission(np.array([float(units)]), np.ones(1), np.ones(1))
        return units * paid + float(charged[0])

    found = units_for_money(money, paid + costs.per_share, *costs.tier_steps)
    assert spent(int(found)) <= money + 1e-9
    assert spent(int(found) + 1) > money - 1e-9


def test_tiers_are_written_as_a_study_has_them() -> None:
    costs = Costs(commission_tiers=FALLING)
    assert costs.are_charged
    assert costs.depend_on_size
    assert not Costs(commission_tiers=FALLING[:1]).depend_on_size
    assert costs.as_settings()["commission_tiers"] == [
        {"from": 0, "per_share": 0.01},
        {"from": 500, "per_share": 0.006},
    ]


def test_impact_grows_with_the_square_root_of_the_order() -> None:
    # Volatility 2 %, 1 million traded a session, an order of 40,000: a fifth of 2 %.
    scale = 0.02 / np.sqrt(1e6)
    small = slippage_with_impact(0.001, 1.0, scale, 400, 100, 1.0)
    assert small == pytest.approx(0.001 + 0.02 * 0.2)
    large = slippage_with_impact(0.001, 1.0, scale, -4 * 400, 100, 1.0)
    assert large - 0.001 == pytest.approx(2 * (small - 0.001))
    assert slippage_with_impact(0.001, 1.0, scale, 40, 100, 10.0) == small


def test_impact_leaves_a_sale_a_price_and_slippage_what_it_is() -> None:
    assert slippage_with_impact(0.0, 1.0, 1.0, 1e9, 100, 1.0) == MOST < 1
    assert slippage_with_impact(2.0, 1.0, 1.0, 1e9, 100, 1.0) == 2.0
    assert slippage_with_impact(2.0, 0.0, 1.0, 1e9, 100, 1.0) == 2.0


def test_a_trade_may_cost_something_in_many_ways() -> None:
    assert not Costs(participation=0.1, cash_bps=100).are_charged
    for name in ("slippage_bps", "borrow_bps", "impact", "commission_per_order"):
        assert Costs(**{name: 1.0}).are_charged


def test_what_depends_on_the_size_of_an_order() -> None:
    assert not Costs(
        commission_bps=1, slippage_bps=1, commission_per_share=1
    ).depend_on_size
    for name in ("impact", "commission_minimum", "commission_per_order"):
        assert Costs(**{name: 1.0}).depend_on_size
