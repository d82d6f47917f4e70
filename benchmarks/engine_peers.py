"""The sweep of ``engine.py`` in vectorbt and RaptorBT, in an environment of its own.

Called with the engine's name, the file of the task and the file for the answer. Signals
are computed here, with NumPy, and timed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# A matrix of bars x variants must fit into memory several times.
VARIANTS_AT_ONCE = 100


def vectorbt(task: Any, number: int, thresholds: Floats) -> Floats:
    """Backtest all thresholds on one symbol, with three metrics; return the profits."""
    return _by_vectorbt(task, number, thresholds, "numba")


def vectorbt_rust(task: Any, number: int, thresholds: Floats) -> Floats:
    """Do the same with vectorbt's engine that is written in Rust."""
    return _by_vectorbt(task, number, thresholds, "rust")


def _by_vectorbt(task: Any, number: int, thresholds: Floats, engine: str) -> Floats:
    import pandas as pd
    import vectorbt as vbt  # type: ignore[import-not-found]

    forecast = task[f"forecast{number}"]
    start, close = task[f"open{number}"], task[f"close{number}"]
    index = pd.to_datetime(task[f"ts{number}"], unit="us")
    # Decided at a close, filled at the next open.
    before = np.concatenate([[np.nan], forecast[:-1]])[:, None]
    portfolio = vbt.Portfolio.from_signals(
        pd.Series(close, index),
        entries=pd.DataFrame(before > thresholds, index),
        short_entries=pd.DataFrame(before < -thresholds, index),
        price=pd.Series(start, index),
        size=float(task["size"]),
        fees=float(task["fees"]),
        init_cash=float(task["cash"]),
        upon_opposite_entry="reverse",
        freq="1min",
        engine=engine,
    )
    profit = portfolio.total_profit()
    portfolio.sharpe_ratio()
    portfolio.max_drawdown()
    return np.asarray(profit)


def raptorbt(task: Any, number: int, thresholds: Floats) -> Floats:
    """Do the same in RaptorBT, on all cores, with all of its metrics.

    A run of it is long or short, so that there are two runs a threshold. Its size is a
    part of the equity; one and a half times the units, rounded down to lots of as many,
    are always the same number. Profits are those of its trades: the equity of its short
    runs has the gains of closed trades with the opposite sign.
    """
    import raptorbt as rbt  # type: ignore[import-not-found]

    size, cash = float(task["size"]), float(task["cash"])
    names = ("ts", "open", "high", "low", "close", "volume", "forecast")
    ts, *prices, forecast = (task[f"{name}{number}"] for name in names)
    config = rbt.BacktestConfig(
        initial_capital=cash,
        fees=float(task["fees"]),
        slippage=0.0,
        apply_slippage=False,
        fill_timing="next_bar_open",
    )
    sized = {
        "config": config,
        "position_sizes": 1.5 * size * prices[0] / cash,
        "instrument_config": rbt.InstrumentConfig(lot_size=size),
    }
    items = []
    for at, threshold in enumerate(thresholds):
        above, below = forecast > threshold, forecast < -threshold
        for side, entries, exits in ((1, above, below), (-1, below, above)):
            items.append(rbt.BatchSingleItem(f"{at}", entries, exits, side, **sized))
    profits = np.zeros(len(thresholds))
    for name, result in rbt.batch_single_backtest(ts * 1_000, *prices, items, config):
        profits[int(name)] += sum(trade.pnl for trade in result.trades())
    return profits


ENGINES: dict[str, Callable[[Any, int, Floats], Floats]] = {
    "vectorbt": vectorbt,
    "vectorbt-rust": vectorbt_rust,
    "raptorbt": raptorbt,
}


def main() -> None:
    """Read the task, compile on a small part of it, time it, and write the answer."""
    run = ENGINES[sys.argv[1]]
    with np.load(sys.argv[2]) as arrays:
        task = dict(arrays)
    thresholds = task["thresholds"]
    symbols = sum(name.startswith("open") for name in task)
    run(task, 0, thresholds[:2])
    start = time.perf_counter()
    total = np.zeros(len(thresholds))
    for number in range(symbols):
        for first in range(0, len(thresholds), VARIANTS_AT_ONCE):
            some = slice(first, first + VARIANTS_AT_ONCE)
            total[some] += run(task, number, thresholds[some])
    seconds = time.perf_counter() - start
    answer = {"seconds": seconds, "pnl": total.tolist()}
    Path(sys.argv[3]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
