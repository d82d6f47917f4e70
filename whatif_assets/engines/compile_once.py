"""Compile what numba compiles, once after an installation, so that no run waits for it.

``python -m whatif_assets.engines.compile_once`` trades a few simulated bars with a rule
of each compiled engine. numba stores what it compiles beside the code.
"""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.backtest import run_backtests, sweep

MINUTE = 60_000_000  # microseconds
BARS, SESSIONS, VARIANTS = 60, 2, 16
# A rule of symbols by themselves, and one that ranks them, with their settings.
RULES = {
    "forecast_threshold": {"threshold": 0.5},
    "rank_long_short": {"quantile": 0.5},
}


def simulated_sleeves() -> list[Sleeve]:
    """Return random bars of two symbols, the same each time."""
    draw = np.random.default_rng(0)
    session = np.repeat(np.arange(SESSIONS, dtype=np.int32), BARS // SESSIONS)
    ts = MINUTE * np.arange(BARS, dtype=np.int64)
    found = []
    for symbol in ("A", "B"):
        close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, BARS)))
        prices = (close, close, close, close)
        volume, columns = np.full(BARS, 1e3), {"forecast": draw.normal(size=BARS)}
        found.append(Sleeve(symbol, ts, session, *prices, volume, close, columns))
    return found


def compile_engines() -> None:
    """Run each compiled engine with many variants, and one of them with its fills."""
    sleeves = simulated_sleeves()
    for rule, settings in RULES.items():
        variants = [Variant(str(number), settings) for number in range(VARIANTS)]
        list(sweep(sleeves, rule, variants))
        run_backtests(sleeves, rule, variants[:1])


if __name__ == "__main__":
    compile_engines()
