"""Measure how often a forward record is called, with and without its edge.

Run ``python benchmarks/forward.py`` with the package installed; ``--json FILE`` writes
the counts. Each draw simulates a backtest, takes the promise from it, and continues the
same market: the edge lasts, was never there, or dies after 100 sessions. Returns have
fat tails (Student, 5 degrees of freedom) or volatility that clusters.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.forward import HORIZON, Promise, Standing, compare

DRAWS = 100
SESSIONS_PER_YEAR = 252
DIES_AFTER = 100
# Annual Sharpe ratio that is promised, and sessions of the backtest.
MARKETS = ((2.0, 500), (3.0, 250), (5.0, 120))


def main() -> None:
    """Simulate all markets, print the counts and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the counts to")
    options = parser.parse_args()
    rows = [
        measure(sharpe, sessions, clusters)
        for sharpe, sessions in MARKETS
        for clusters in (False, True)
    ]
    for row in rows:
        print(json.dumps(row))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(sharpe: float, sessions: int, clusters: bool) -> dict[str, Any]:
    """Count what happens to the records of one kind of market, in percent."""
    edge = sharpe / SESSIONS_PER_YEAR**0.5
    false_alarms = inside = luck = died = told = 0
    needed = []
    for draw in range(DRAWS):
        noise = returns_of(np.random.default_rng([draw, sessions]), sessions, clusters)
        backtest, following = noise[:sessions], noise[sessions:]
        promise = Promise.of(backtest - backtest.mean() + edge, edge, seed=draw)
        lasts = compare(promise, following + edge)
        false_alarms += lasts.standing is Standing.WORSE
        at = HORIZON // 4
        inside += bool(lasts.low[at] <= lasts.cumulative[at] <= lasts.high[at])
        within = promise.sessions_needed
        if within is None:
            continue
        told += 1
        needed.append(within)
        luck += compare(promise, following[:within]).called_after is not None
        alive = np.arange(HORIZON) < DIES_AFTER
        late = compare(promise, (following + edge * alive)[: DIES_AFTER + within])
        died += late.called_after is not None
    return {
        "sharpe": sharpe,
        "backtest_sessions": sessions,
        "volatility": "clusters" if clusters else "constant",
        "lasts_but_called": 100 * false_alarms / DRAWS,
        "lasts_and_inside_the_band": 100 * inside / DRAWS,
        "sessions_needed": float(np.median(needed)) if needed else None,
        "luck_called_in_time": 100 * luck / told if told else None,
        "death_called_in_time": 100 * died / told if told else None,
    }


def returns_of(draw: np.random.Generator, backtest: int, clusters: bool) -> FloatArray:
    """Draw returns without an edge of a backtest and `HORIZON` sessions, deviation 1.

    Volatility that clusters follows a GARCH(1,1) with coefficients 0.05 and 0.9.
    """
    n = backtest + HORIZON
    shocks = draw.standard_t(5, n) / np.sqrt(5 / 3)
    if not clusters:
        return np.asarray(shocks)
    found, variance = np.empty(n), 1.0
    for at, shock in enumerate(shocks):
        found[at] = np.sqrt(variance) * shock
        variance = 0.05 + 0.05 * found[at] ** 2 + 0.9 * variance
    return found


if __name__ == "__main__":
    main()
