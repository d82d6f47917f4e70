"""Portfolios in vectorbt and RaptorBT; runs in an environment of its own for each.

Called by ``portfolio.py`` with the engine's name, the file of the task and the file for
the answer. Scores, ranks and weights are computed here, with NumPy, and timed.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Answer = tuple[Floats, float]

LOOKBACK = 60


def momentum(close: Floats) -> Floats:
    """Return over the last bars of one symbol; NaN where there are too few."""
    score = np.full(len(close), np.nan)
    score[LOOKBACK:] = close[LOOKBACK:] / close[:-LOOKBACK] - 1
    return score


def weights_of(task: Any) -> Iterator[tuple[int, npt.NDArray[np.int64], Floats]]:
    """Weights of each variant: bars between rebalances, their times, and the weights.

    A symbol without a bar at a rebalance has no weight there (NaN). The ranks are
    computed once for all variants.
    """
    close, present, gross = task["close"], task["present"], float(task["gross"])
    score = np.full(close.shape, np.nan)
    for number in range(close.shape[1]):
        rows = np.flatnonzero(present[:, number])
        score[rows, number] = momentum(close[rows, number])
    every = task["every"]
    rebalances = np.unique(
        np.concatenate([np.arange(0, len(close), step) for step in np.unique(every)])
    )
    known = np.isfinite(score[rebalances])
    keys = np.where(known, -score[rebalances], np.inf)
    order = np.argsort(keys, axis=1, kind="stable")
    ranked = known.sum(axis=1)
    for step, count, by_rank in zip(every, task["count"], task["by_rank"]):
        times = np.arange(0, len(close), step)
        rows = np.searchsorted(rebalances, times)
        weights = np.where(present[times], 0.0, np.nan)
        held = np.minimum(count, ranked[rows])[:, None]
        place = np.arange(count)[None, :]
        parts = np.where(place < held, held - place if by_rank else 1.0, 0.0)
        total = np.maximum(parts.sum(axis=1, keepdims=True), 1.0)
        chosen, some = np.nonzero(parts)
        symbols = order[rows][chosen, some]
        weights[chosen, symbols] = (gross * parts / total)[chosen, some]
        yield int(step), times, weights


def vectorbt(task: Any) -> Answer:
    """Run all variants in vectorbt, with three metrics.

    Returns
    -------
    tuple
        Profit of each variant, and the seconds of the simulation alone.
    """
    import pandas as pd
    import vectorbt as vbt  # type: ignore[import-not-found]

    has_rust = importlib.util.find_spec("vectorbt_rust") is not None
    index = pd.to_datetime(task["ts"], unit="us")
    close, start = task["close"], task["open"]
    before = np.vstack([np.full((1, close.shape[1]), np.nan), close[:-1]])
    profits, alone = [], 0.0
    for _, times, weights in weights_of(task):
        size = np.full(close.shape, np.nan)
        inside = times + 1 < len(close)
        size[times[inside] + 1] = weights[inside]  # filled at the next open
        began = time.perf_counter()
        portfolio = vbt.Portfolio.from_orders(
            pd.DataFrame(close, index),
            size=size,
            size_type="targetpercent",
            price=start,
            val_price=before,
            fees=float(task["fees"]),
            init_cash=float(task["cash"]),
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            freq="1D",
            engine="rust" if has_rust else "numba",
        )
        profits.append(portfolio.total_profit())
        portfolio.sharpe_ratio()
        portfolio.max_drawdown()
        alone += time.perf_counter() - began
    return np.array(profits, dtype=np.float64), alone


def raptorbt(task: Any) -> Answer:
    """Run all variants in RaptorBT's simulation of rebalancing; as in vectorbt."""
    import raptorbt  # type: ignore[import-not-found]

    cash, close = float(task["cash"]), task["close"]
    profits, alone = [], 0.0
    # It knows no missing price: a symbol has its first close before it is listed.
    first = np.argmax(np.isfinite(close), axis=0)
    listed = np.arange(len(close))[:, None] >= first
    close = np.where(listed, close, close[first, np.arange(close.shape[1])])
    target = np.zeros(close.shape)
    for step, times, weights in weights_of(task):
        target[times] = np.nan_to_num(weights)
        began = time.perf_counter()
        done = raptorbt.simulate_rebalance_policy(
            close, target, cash, "calendar", float(step)
        )
        profits.append(done.equity_curve()[-1] - cash)
        alone += time.perf_counter() - began
    return np.array(profits), alone


ENGINES: dict[str, Callable[[Any], Answer]] = {
    "vectorbt": vectorbt,
    "raptorbt": raptorbt,
}


def main() -> None:
    """Read the task, compile on one variant of it, time it, and write the answer."""
    engine, file, answer = ENGINES[sys.argv[1]], sys.argv[2], sys.argv[3]
    with np.load(file) as arrays:
        task = dict(arrays)
    settings = ("every", "count", "by_rank")
    engine(task | {name: task[name][:1] for name in settings})
    start = time.perf_counter()
    profits, alone = engine(task)
    seconds = time.perf_counter() - start
    found = {"seconds": seconds, "alone": alone, "pnl": profits.tolist()}
    Path(answer).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
