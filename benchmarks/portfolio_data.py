"""Bars and variants of the benchmark of portfolios."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from engine import minutes
from portfolio_peers import momentum

from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.engines.backtest import Costs, Sleeve, Variant

COSTS = Costs(commission_bps=1)
CASH = 1_000_000.0
DAY = 86_400_000_000

COUNTS = tuple(range(2, 41, 2))
WEIGHTINGS = ("equal", "rank")
GREATEST_BAND = 0.02
BARS_BETWEEN = {"minutes": (30, 60, 120, 195, 390), "days": (5, 10, 21, 42, 63)}
_AT_A_BAND = len(COUNTS) * len(WEIGHTINGS) * 5


def real_minutes() -> list[Sleeve]:
    """Read the one-minute bars of 109 symbols; not all trade in each minute."""
    return [dataclasses.replace(sleeve, columns={}) for sleeve in minutes(109)]


def simulated_days(symbols: int, days: int) -> list[Sleeve]:
    """Simulate daily bars of symbols that trade on all days and move together."""
    draw = np.random.default_rng(0)
    common = draw.normal(0, 0.008, days)
    ts, session = np.arange(days) * DAY, np.arange(days, dtype=np.int32)
    sleeves = []
    for number in range(symbols):
        own = draw.normal(0.0002, 0.015, days)
        close = 50 * np.exp(np.cumsum(common + own))
        start = close * np.exp(draw.normal(0, 0.003, days))
        high, low = np.maximum(start, close), np.minimum(start, close)
        sleeves.append(
            Sleeve(
                symbol=f"S{number}",
                ts=ts,
                session=session,
                open=start,
                high=high,
                low=low,
                close=close,
                volume=np.ones(days),
                vwap=close,
            )
        )
    return sleeves


def cells_in(sleeves: Sequence[Sleeve]) -> int:
    """Count the bars of all symbols."""
    return sum(len(sleeve) for sleeve in sleeves)


def with_scores(sleeves: Sequence[Sleeve]) -> list[Sleeve]:
    """Compute each symbol's score from its closes."""
    return [
        dataclasses.replace(sleeve, columns={"forecast": momentum(sleeve.close)})
        for sleeve in sleeves
    ]


def variants_of(number: int, bars: str) -> list[Variant]:
    """Combine counts, bars between rebalances, weightings and bands.

    Of less than 1,000 variants, these are drawn from the 1,000.
    """
    whole = max(number, 5 * _AT_A_BAND)
    step = GREATEST_BAND / (whole // _AT_A_BAND - 1)
    found = []
    for n in range(whole):
        rest, count = divmod(n, len(COUNTS))
        rest, every = divmod(rest, 5)
        band, weighting = divmod(rest, len(WEIGHTINGS))
        settings = {
            "count": COUNTS[count],
            "rebalance": "bars",
            "every": BARS_BETWEEN[bars][every],
            "weighting": WEIGHTINGS[weighting],
            "band": step * band,
        }
        found.append(Variant(str(n), settings, COSTS, CASH))
    return found if number == whole else drawn(found, number)


def drawn(variants: Sequence[Variant], number: int) -> list[Variant]:
    """Draw some variants, always the same."""
    order = np.random.default_rng(0).permutation(len(variants))
    return [variants[n] for n in order[:number]]


def with_settings(variants: Sequence[Variant], **changed: Any) -> list[Variant]:
    """Change settings of variants."""
    return [
        dataclasses.replace(v, settings={**v.settings, **changed}) for v in variants
    ]


def task_of(sleeves: Sequence[Sleeve], variants: Sequence[Variant]) -> dict[str, Any]:
    """Prices by time and symbol, and variants, as ``portfolio_peers.py`` reads them."""
    panel = Panel.of(sleeves)
    settings = [variant.settings for variant in variants]
    return {
        "ts": panel.ts,
        "open": panel.spread("open"),
        "close": panel.last_close,
        "present": panel.bar >= 0,
        "every": np.array([own["every"] for own in settings]),
        "count": np.array([own["count"] for own in settings]),
        "by_rank": np.array([own["weighting"] == "rank" for own in settings]),
        "gross": 0.98,
        "cash": CASH,
        "fees": COSTS.commission_bps / 1e4,
    }
