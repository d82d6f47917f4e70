"""Settings of trading costs, some of which may differ by symbol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from whatif_assets.domain.accounts.costs import (
    DEFAULT,
    MOST_TIERS,
    BySymbol,
    Costs,
)
from whatif_assets.domain.base.settings import Settings

_NEEDED = (
    "a number of 0 or more is needed, or a mapping of symbols to such numbers with a "
    f"{DEFAULT} for all others, such as {{{DEFAULT}: 30, GME: 2000}}."
)


def _number_or_mapping(value: Any) -> Any:
    """Check a rate that may differ by symbol; None passes."""
    rates = value.values() if isinstance(value, Mapping) else [value]
    for rate in rates:
        if isinstance(rate, (int, float)) and not rate >= 0:
            raise ValueError(f"found {rate}; {_NEEDED}")
    if isinstance(value, Mapping) and DEFAULT not in value:
        raise ValueError(f"found no {DEFAULT} in {dict(value)}; {_NEEDED}")
    return value


_CHECKED = BeforeValidator(_number_or_mapping)
Rate = Annotated[float | dict[str, float], _CHECKED]
OptionalRate = Annotated[float | dict[str, float] | None, _CHECKED]

_TIER = {"from", "per_share"}
_TIERS_NEEDED = (
    f"up to {MOST_TIERS} tiers are needed, such as [{{from: 0, per_share: 0.01}}, "
    "{from: 500, per_share: 0.006}]: whole numbers of units, from 0 upwards, with "
    "money per share of 0 or more."
)


def _tiers(value: Any) -> Any:
    """Check tiers of the commission; None passes."""
    if value is not None and not _are_tiers(value):
        raise ValueError(f"found {value!r}; {_TIERS_NEEDED}")
    return value


def _are_tiers(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) > MOST_TIERS:
        return False
    if not all(isinstance(tier, Mapping) and {*tier} == _TIER for tier in value):
        return False
    numbers = [number for tier in value for number in tier.values()]
    if not all(type(n) in (int, float) and 0 <= n < math.inf for n in numbers):
        return False
    starts = [tier["from"] for tier in value]
    whole = all(start == int(start) for start in starts)
    return whole and starts[:1] in ([], [0]) and starts == sorted({*starts})


Tiers = Annotated[list[dict[str, float]], BeforeValidator(_tiers)]
OptionalTiers = Annotated[list[dict[str, float]] | None, BeforeValidator(_tiers)]

# What the fields of costs mean, beside their names.
PER_ORDER = "Money per order, added to the commission by value and by share."
HALF_SPREAD = (
    "Half of the spread between bid and ask, added to slippage_bps. A number, or a "
    "mapping of symbols with a default."
)
HALF_SPREAD_FACT = (
    "Name of a fact of the market with the half spread in basis points of the price, "
    "such as from quotes. Its latest value known at the close before a fill is added "
    "to half_spread_bps."
)
BORROW = (
    "Yearly rate for borrowed shares. A number, or a mapping of symbols with a "
    "default, such as {default: 30, GME: 2000}."
)
IMPACT = (
    "Market impact: an order of value Q moves its price by this many daily "
    "volatilities, times the square root of Q over the value traded in a session."
)
PARTICIPATION = (
    "For strategies of portfolios: the largest part of a bar's volume that an order "
    "may fill, such as 0.05; its rest waits for the next bars. 0: no limit."
)
TIERS = (
    "Money per share that depends on the size of the order, added to the other "
    "commission: up to 3 tiers, such as [{from: 0, per_share: 0.01}, {from: 500, "
    "per_share: 0.006}]. Each share pays the rate of its own tier."
)
CASH = "Yearly rate in basis points that cash above 0 earns."
DEBIT = "Yearly rate in basis points that cash below 0 costs."


class CostSettings(Settings):
    """Trading costs, defined in `whatif_assets.domain.accounts.costs.Costs`."""

    commission_bps: float = Field(default=0.0, ge=0)
    slippage_bps: float = Field(default=0.0, ge=0)
    commission_per_share: float = Field(default=0.0, ge=0)
    commission_minimum: float = Field(default=0.0, ge=0)
    commission_per_order: float = Field(default=0.0, ge=0, description=PER_ORDER)
    half_spread_bps: Rate = Field(default=0.0, description=HALF_SPREAD)
    borrow_bps: Rate = Field(default=0.0, description=BORROW)
    impact: float = Field(default=0.0, ge=0, description=IMPACT)
    participation: float = Field(default=0.0, ge=0, le=1, description=PARTICIPATION)
    cash_bps: float = Field(default=0.0, ge=0, description=CASH)
    debit_bps: float = Field(default=0.0, ge=0, description=DEBIT)
    commission_tiers: Tiers = Field(default=[], description=TIERS)
    half_spread_fact: str = Field(default="", description=HALF_SPREAD_FACT)


def costs_of(values: Mapping[str, Any]) -> Costs:
    """Make costs from checked settings, by name."""
    made: dict[str, Any] = {
        name: BySymbol.of(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
    }
    tiers = made.pop("commission_tiers")
    rates = tuple((tier["from"], tier["per_share"]) for tier in tiers)
    return Costs(**made, commission_tiers=rates)
