"""Compiled code for the price of a fill, its commission, and what the cash buys.

In the signatures ``p`` is the variant's row of parameters and ``s`` the state;
``layout`` names their columns.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from whatif_assets.domain.accounts import costs

compiled = njit(nogil=True, error_model="numpy", forceinline=True)

_with_impact = compiled(costs.slippage_with_impact)
_by_share = compiled(costs.commission_by_share)
_units_for_money = compiled(costs.units_for_money)
interest_on_cash = compiled(costs.interest_on_cash)


@compiled
def slipped(price: float, side: float, slippage: float) -> float:
    """Worsen a price by slippage for a buyer (side 1) or seller (-1).

    A negative price is worsened too. ``slippage`` is a fraction.
    """
    return price * (1 + math.copysign(side, price * side) * slippage)


@compiled
def price_of_fill(size: float, price: float, s: Any, p: Any) -> float:
    """Worsen the price of an order by its friction, and note by how much."""
    s.slippage = p.slippage + s.quoted
    if p.impact > 0:
        s.slippage = _slippage_at(size, price, s, p)
    return float(slipped(price, 1.0 if size > 0 else -1.0, s.slippage))


@compiled
def _slippage_at(size: float, price: float, s: Any, p: Any) -> float:
    plain = p.slippage + s.quoted
    return _with_impact(plain, p.impact, s.impact, size, price, s.multiplier)


@compiled
def charge(size: float, price: float, s: Any, p: Any) -> float:
    """Commission of one part of an order."""
    by_value = abs(size) * p.commission * abs(price) * s.multiplier
    by_share = _by_share(
        abs(size),
        p.per_share,
        p.tier_step,
        p.tier_start,
        p.next_tier_step,
        p.next_tier_start,
    )
    charged = by_value + by_share + p.per_order
    return float(max(charged, p.minimum))


@compiled
def shares_for_cash(s: Any, p: Any) -> float:
    """Number of whole shares that all the cash buys at this close."""
    shares = _shares_at(p.slippage + s.quoted, s, p)
    if p.impact > 0:
        # What the impact of fewer shares leaves over is not spent.
        shares = _shares_at(_slippage_at(shares, s.close, s, p), s, p)
    return shares


@compiled
def _shares_at(slippage: float, s: Any, p: Any) -> float:
    paid = s.close * (1 + slippage) * s.multiplier
    each = paid * (1 + p.commission) + p.per_share
    spent = math.trunc((s.money - p.minimum) / paid)
    bought = _units_for_money(
        s.money - p.per_order,
        each,
        p.tier_step,
        p.tier_start,
        p.next_tier_step,
        p.next_tier_start,
    )
    return float(min(bought, spent))
