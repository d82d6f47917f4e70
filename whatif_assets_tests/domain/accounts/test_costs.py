"""Costs by hand: rates by symbol, commissions, and how they are written down."""

from __future__ import annotations

import numpy as np
import pytest

from whatif_assets.domain.accounts.costs import (
    MOST,
    BySymbol,
    Costs,
    slippage_with_impact,
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
