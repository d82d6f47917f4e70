"""The sweep of ``engine.py`` in vectorbt; runs in ``benchmarks/.venv-peers``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

# A matrix of bars x variants must fit into memory several times.
VARIANTS_AT_ONCE = 100


def run(task: Any, number: int, thresholds: np.ndarray) -> np.ndarray:
    """Backtest all thresholds on one symbol, with three metrics; return the profits."""
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
    )
    profit = portfolio.total_profit()
    portfolio.sharpe_ratio()
    portfolio.max_drawdown()
    return np.asarray(profit)


def main() -> None:
    """Read the task, compile on a small part of it, time it, and write the answer."""
    task = np.load(sys.argv[1])
    thresholds = task["thresholds"]
    symbols = sum(name.startswith("open") for name in task.files)
    run(task, 0, thresholds[:2])
    start = time.perf_counter()
    total = np.zeros(len(thresholds))
    for number in range(symbols):
        for first in range(0, len(thresholds), VARIANTS_AT_ONCE):
            some = slice(first, first + VARIANTS_AT_ONCE)
            total[some] += run(task, number, thresholds[some])
    seconds = time.perf_counter() - start
    answer = {"seconds": seconds, "pnl": total.tolist()}
    Path(sys.argv[2]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
