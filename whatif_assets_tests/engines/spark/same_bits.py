"""A market, variants and the comparison of accounts for the tests of sweeps on Spark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets_tests.sleeves_for_tests import sleeve


def market(symbols: int, bars: int = 200) -> list[Sleeve]:
    """Make a random walk of each symbol, with a forecast, in sessions of 20 bars."""
    draw = np.random.default_rng(7)
    return [
        sleeve(
            np.round(50 * np.exp(np.cumsum(draw.normal(0, 1e-3, bars))), 3).tolist(),
            symbol=f"S{number:02d}",
            sessions=(np.arange(bars) // 20).tolist(),
            forecast=draw.normal(0, 1e-3, bars).tolist(),
        )
        for number in range(symbols)
    ]


def variants(number: int, **settings: Any) -> list[Variant]:
    """Make variants that differ in their thresholds."""
    costs = Costs(commission_bps=0.7, slippage_bps=0.3)
    return [
        Variant(f"v{n}", {"threshold": n * 1e-5, **settings}, costs, 1e5)
        for n in range(number)
    ]


def arrays(value: Any) -> Iterator[tuple[str, Any]]:
    """List the fields of accounts, and of their parts."""
    for field in fields(value):
        found = getattr(value, field.name)
        if hasattr(found, "__dataclass_fields__"):
            yield from arrays(found)
        else:
            yield field.name, found


def assert_same_bits(these: Accounts, those: Accounts) -> None:
    """Compare all fields of accounts to the bit."""
    for (name, one), (_, other) in zip(arrays(these), arrays(those), strict=True):
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, name
            assert one.tobytes() == other.tobytes(), name
        else:
            assert repr(one) == repr(other), name
