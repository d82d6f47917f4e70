"""Time portfolios, one account over many symbols: next to other engines, and growing.

Run ``python benchmarks/portfolio.py`` with the package installed and real one-minute
bars in ``$WHATIF_MARKET_DATA`` (or ``../shared/market_data``). vectorbt and RaptorBT
get environments of their own beside this file at first use.

Every engine holds the symbols with the highest return over the last 60 bars: 2 to 40
of them, in equal parts or by rank, rebalanced every 30 to 390 minutes or 5 to 63 days,
with bands from 0 to 2 % of the account around the targets; 1,000 combinations, with 1
basis point of commission. Cells are the bars that the symbols really have. A rate is
cells times variants divided by seconds, on one thread, from arrays in memory to the
metrics; scores and ranks are part of it. A ratio is the rate of our 1,000 variants
divided by that of the row. Compilation is done before. The other engines run fewer
variants, drawn from the same combinations.

What differs:

- All take the account's value at each bar. Ours follows its drawdown there, and keeps
  the values at the ends of sessions, from which the other metrics are computed.
- Backtrader runs the strategy's own class and its own broker, fed from arrays, with
  four analyzers. Profits are those of the same variants, refused orders included.
- vectorbt gets target weights, made with NumPy and shifted by a bar. It fills at the
  open, values at the close before, and sells first. It cannot have a band, so it runs
  variants without one, and holds parts of units, so that its profits are compared with
  ours in lots of a billionth. It drops an order at a bar without an open instead of
  waiting for the next one, and fills what the cash is enough for instead of refusing:
  profits are compared only where all symbols have all bars, and over the variants whose
  orders were all accepted.
- RaptorBT follows the same weights by its ``simulate_rebalance_policy``: without bands,
  at the close that decides, in parts of units, with India's costs, and with the equity
  as its only result. Profits are not compared.
- *Simulation alone* leaves out scores, ranks and weights of vectorbt and RaptorBT.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from engine import PEERS, best_of
from measuring import environment, peak_memory, show
from portfolio_data import (
    cells_in,
    drawn,
    real_minutes,
    simulated_days,
    task_of,
    variants_of,
    with_scores,
    with_settings,
)

from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.rebalancing import rebalance_times
from whatif_assets.engines.backtest import Sleeve, Variant, sweep

Floats = npt.NDArray[np.float64]

HERE = Path(__file__).parent
RULE = "rank_long_short"

GROWTH_VARIANTS = (1, 10, 100, 1_000, 10_000)
GROWTH_SYMBOLS = (8, 29, 109, 500, 2_000)
GROWTH_DAYS = 500


def ours(
    sleeves: Sequence[Sleeve], variants: Sequence[Variant], times: int = 3
) -> tuple[float, pd.DataFrame]:
    """Time a sweep on one thread; return seconds, and metrics and refused orders."""

    def _work() -> pd.DataFrame:
        scored = with_scores(sleeves)
        blocks = sweep(scored, RULE, variants, processes=1)
        return pd.concat(
            [measure(block, 252).assign(refused=block.rejected) for block in blocks]
        )

    return best_of(times, _work)


def by_backtrader(
    sleeves: Sequence[Sleeve], variants: Sequence[Variant]
) -> tuple[float, Floats]:
    """Time Backtrader with a feed for each symbol and four analyzers."""
    from whatif_assets.domain.accounts._backtrader import Cerebro, bt, date_numbers
    from whatif_assets.engines.reference import add_feed, set_costs
    from whatif_assets.engines.strategies import find_strategy

    kind, profits = find_strategy(RULE), []
    start = time.perf_counter()
    scored = with_scores(sleeves)
    panel = Panel.of(scored)
    for variant in variants:
        settings: Any = kind.settings(variant.settings)
        cerebro = Cerebro(stdstats=False, preload=True, runonce=True)
        for sleeve in scored:
            add_feed(cerebro, sleeve, kind.lines_of(sleeve, settings))
            set_costs(cerebro.broker, variant.costs, sleeve, shared=True)
        cerebro.broker.setcash(variant.cash)
        places = rebalance_times(panel, settings.rebalance, settings.every, settings.at)
        times = frozenset(date_numbers(panel.ts[places]))
        cerebro.addstrategy(kind.strategy, settings=settings, times=times)
        for name in ("DrawDown", "SharpeRatio", "SQN", "TradeAnalyzer"):
            cerebro.addanalyzer(getattr(bt.analyzers, name))
        cerebro.run()
        profits.append(cerebro.broker.getvalue() - variant.cash)
    return time.perf_counter() - start, np.array(profits)


def by_peer(
    engine: str, sleeves: Sequence[Sleeve], variants: Sequence[Variant]
) -> tuple[float, float, Floats]:
    """Time vectorbt or RaptorBT in an environment of its own, with one thread.

    Returns
    -------
    tuple
        Seconds, those of the simulation alone, and the profit of each variant.

    Raises
    ------
    subprocess.CalledProcessError
        It cannot be installed, or fails.
    """
    python = environment(*PEERS[engine])
    one = dict.fromkeys(
        ("NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"), "1"
    )
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "task.npz", Path(folder) / "answer.json"
        np.savez(task, **task_of(sleeves, variants))
        command = [python, HERE / "portfolio_peers.py", engine, task, answer]
        subprocess.run(
            [str(part) for part in command], check=True, env={**os.environ, **one}
        )
        done = json.loads(answer.read_text())
    return done["seconds"], done["alone"], np.array(done["pnl"])


def compare(name: str, bars: str, sleeves: list[Sleeve]) -> list[dict[str, Any]]:
    """Run every engine on the same bars; return a row for each."""
    cells, many = cells_in(sleeves), variants_of(1_000, bars)
    dense = len(Panel.of(sleeves)) * len(sleeves) == cells
    ours(sleeves, many[:2], times=1)  # compile
    seconds, _ = ours(sleeves, many)
    rate = cells * len(many) / seconds
    rows: list[dict[str, Any]] = []

    def _add(engine: str, number: int, taken: float, apart: float | None) -> None:
        own = cells * number / taken
        rows.append(
            {
                "data": name,
                "engine": engine,
                "cells": cells,
                "variants": number,
                "seconds": taken,
                "rate": own,
                "ratio": rate / own,
                "pnl_difference": apart,
            }
        )
        print(_line(rows[-1]), file=sys.stderr, flush=True)

    _add("whatif_assets", len(many), seconds, None)
    _add("whatif_assets", 10, ours(sleeves, drawn(many, 10))[0], None)
    some = drawn(many, 6)
    taken, theirs = by_backtrader(sleeves, some)
    _, mine = ours(sleeves, some, times=1)
    _add("Backtrader, 4 analyzers", len(some), taken, _apart(theirs, mine))
    without = [variant for variant in many if not variant.settings["band"]]
    for engine, number in (("vectorbt", 10), ("raptorbt", 100)):
        some = drawn(without, number)
        try:
            taken, alone, theirs = by_peer(engine, sleeves, some)
        except subprocess.CalledProcessError as error:
            print(f"{engine} is left out: {error}", file=sys.stderr)
            continue
        apart = None
        if engine == "vectorbt" and dense:
            _, mine = ours(sleeves, with_settings(some, lot=1e-9), times=1)
            accepted = mine["refused"].to_numpy() == 0
            apart = _apart(theirs[accepted], mine[accepted])
        _add(engine, number, taken, apart)
        _add(f"{engine}, simulation alone", number, alone, apart)
    return rows


def _apart(theirs: Floats, mine: pd.DataFrame) -> float:
    """Greatest relative difference in profit."""
    profit = mine["pnl"].to_numpy()
    apart = np.abs(theirs - profit) / np.maximum(np.abs(profit), 1.0)
    return float(apart.max())


def growth() -> list[dict[str, Any]]:
    """Time sweeps of growing size, each in its own process to measure its memory."""
    rows = []
    for symbols in GROWTH_SYMBOLS:
        for variants in GROWTH_VARIANTS:
            command = [sys.executable, __file__, "--one", f"{symbols},{variants}"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout))
            print(_line(rows[-1]), file=sys.stderr, flush=True)
    return rows


def one(symbols: int, variants: int) -> dict[str, Any]:
    """Time one sweep, and measure the peak memory of this process."""
    sleeves = simulated_days(symbols, GROWTH_DAYS)
    some = variants_of(variants, "days")
    ours(sleeves[:2], some[:1], times=1)  # compile
    before = peak_memory(reset=True)
    seconds, _ = ours(sleeves, some, times=1)
    cells = cells_in(sleeves)
    return {
        "symbols": symbols,
        "variants": variants,
        "cells": cells,
        "seconds": seconds,
        "rate": cells * variants / seconds,
        "start_mb": before,
        "peak_mb": peak_memory(),
    }


def _line(row: dict[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:,.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    )


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Plot seconds over symbols and over variants, and peak memory over both."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    table = pd.DataFrame(rows)
    figure, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
    for symbols, some in table.groupby("symbols"):
        label = f"{symbols:,} symbols"
        axes[0].loglog(some["variants"], some["seconds"], "o-", label=label)
        axes[2].semilogx(some["variants"], some["peak_mb"], "o-", label=label)
    for variants, some in table.groupby("variants"):
        label = f"{variants:,} variants"
        axes[1].loglog(some["symbols"], some["seconds"], "o-", label=label)
    for axis, over, what, title in zip(
        axes,
        ("variants", "symbols", "variants"),
        ("seconds", "seconds", "MB"),
        ("Time over variants", "Time over symbols", "Peak memory"),
    ):
        axis.set(xlabel=over, ylabel=what, title=title)
    axes[1].legend()
    axes[2].legend()
    axes[2].set_ylim(0)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def main() -> None:
    """Run the comparison or the growth, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--growth", action="store_true", help="grow the sweep instead")
    parser.add_argument("--plot", type=Path, help="draw the growth into this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one(*map(int, chosen.one.split(",")))))
        return
    if chosen.growth or chosen.plot:
        rows = growth()
    else:
        rows = compare("109 symbols, minutes", "minutes", real_minutes())
        rows += compare("500 symbols, days", "days", simulated_days(500, 2_500))
    show(rows, chosen.json, digits=4)
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
