"""Time the sweep engine: next to other engines, and at growing size.

Run ``python benchmarks/engine.py`` with the package installed and real one-minute bars
in ``$WHATIF_MARKET_DATA`` (or ``../shared/market_data``). vectorbt and RaptorBT get
environments of their own beside this file at first use.

Every engine trades the same rule on the same bars: 100 shares, long if the average of
20 closes is further above the close than a threshold, short if it is further below,
filled at the next open, with 1 basis point of commission. A rate is bars times variants
divided by seconds, from arrays in memory to the metrics. Compilation is done before the
measurement, also for vectorbt. RaptorBT uses all cores, the others one. A run of it is
long or short, so that it needs two runs for a variant; ``engine_peers.py`` says how
both have the same profit.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import environment, parquet_file, peak_memory, show

from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.features import compute
from whatif_assets.engines.backtest import (
    Costs,
    Sleeve,
    Variant,
    sleeves_of,
    sweep,
)

HERE = Path(__file__).parent
PEERS = {
    "vectorbt": ("vectorbt-rust", "vectorbt[rust]==1.2.0"),
    "vectorbt-rust": ("vectorbt-rust", "vectorbt[rust]==1.2.0"),
    "raptorbt": ("raptorbt", "raptorbt==0.13.4", "numpy"),
}

COSTS = Costs(commission_bps=1)
CASH = 1_000_000.0
RULE = "forecast_threshold"

GROWTH_VARIANTS = (1, 10, 100, 1_000, 10_000)
GROWTH_SYMBOLS = (1, 8, 29, 109)


@functools.cache
def minutes(symbols: int) -> list[Sleeve]:
    """Read the one-minute bars of some symbols, AAPL first, with a forecast."""
    names = ["us1m_2018_av", "us1m_2018_av_bench"][: 2 if symbols > 29 else 1]
    bars = pd.concat([pd.read_parquet(parquet_file(name)) for name in names])
    order = sorted(bars["symbol"].unique(), key=lambda s: (s != "AAPL", s))
    bars = bars[bars["symbol"].isin(order[:symbols])]
    bars = bars.sort_values(["symbol", "ts"], ignore_index=True)
    bars["ts"] = bars["ts"].astype("datetime64[us, UTC]")
    bars["vwap"] = (bars["high"] + bars["low"] + bars["close"]) / 3
    local = bars["ts"].dt.tz_convert("America/New_York")
    bars["session"] = local.dt.normalize().dt.tz_localize(None)
    bars["forecast"] = compute(bars, "ema", timeperiod=20, relative_to="close")
    sessions = sorted(bars["session"].dt.date.unique())
    return sleeves_of(bars, sessions, ["forecast"])


def thresholds(sleeves: Sequence[Sleeve], number: int) -> list[float]:
    """Spread thresholds evenly from 0 to the 99.9 % quantile of absolute forecasts."""
    forecasts = np.concatenate([sleeve.columns["forecast"] for sleeve in sleeves])
    top = float(np.nanquantile(np.abs(forecasts), 0.999))
    return [float(value) for value in np.linspace(0, top, number)]


def variants_of(
    sleeves: Sequence[Sleeve], number: int, **settings: Any
) -> list[Variant]:
    """Make variants that differ in their thresholds."""
    return [
        Variant(f"{t}-{n}", {"threshold": t, "size": 100, **settings}, COSTS, CASH)
        for n, t in enumerate(thresholds(sleeves, number))
    ]


def bars_in(sleeves: Sequence[Sleeve]) -> int:
    """Count the bars of all sleeves."""
    return sum(len(sleeve) for sleeve in sleeves)


def best_of(times: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Run the work several times; return the shortest time and the last result."""
    shortest, result = float("inf"), None
    for _ in range(times):
        gc.collect()
        start = time.perf_counter()
        result = work()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest, result


def ours(
    sleeves: Sequence[Sleeve], variants: Sequence[Variant], threads: int, times: int = 3
) -> tuple[float, np.ndarray[Any, Any]]:
    """Time the sweep engine; return seconds and the profit of every variant."""

    def _work() -> list[pd.DataFrame]:
        blocks = sweep(sleeves, RULE, variants, processes=threads)
        return [measure(block, 252) for block in blocks]

    seconds, tables = best_of(times, _work)
    return seconds, pd.concat(tables)["pnl"].to_numpy()


def by_kernel(sleeves: Sequence[Sleeve], variants: Sequence[Variant]) -> float:
    """Time only the compiled part on one thread, including equity and counts."""
    from whatif_assets.engines.compiled import run as engine
    from whatif_assets.engines.strategies import find_strategy

    batch = engine.Batch.of(find_strategy(RULE), variants)
    days = 1 + max(int(sleeve.session[-1]) for sleeve in sleeves)
    seconds, _ = best_of(
        3, lambda: engine.run(sleeves, batch, days, by_sleeve=False, threads=1)
    )
    return seconds


def by_backtrader(
    sleeves: Sequence[Sleeve], variants: Sequence[Variant]
) -> tuple[float, np.ndarray[Any, Any]]:
    """Time Backtrader with four analyzers in one process, fed from arrays."""
    from whatif_assets.domain.accounts._backtrader import bt
    from whatif_assets.engines.reference import prepare
    from whatif_assets.engines.strategies import find_strategy

    kind, profits = find_strategy(RULE), []
    start = time.perf_counter()
    for variant in variants:
        total = 0.0
        for sleeve in sleeves:
            cerebro = prepare(sleeve, kind, variant)
            for name in ("DrawDown", "SharpeRatio", "SQN", "TradeAnalyzer"):
                cerebro.addanalyzer(getattr(bt.analyzers, name))
            cerebro.run()
            total += cerebro.broker.getvalue() - variant.cash
        profits.append(total)
    return time.perf_counter() - start, np.array(profits)


def by_peer(
    engine: str, sleeves: Sequence[Sleeve], variants: Sequence[Variant]
) -> tuple[float, np.ndarray[Any, Any]]:
    """Time vectorbt, with one thread, or RaptorBT in an environment of its own."""
    python = environment(*PEERS[engine])
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "task.npz", Path(folder) / "answer.json"
        arrays = {
            f"{name}{number}": values
            for number, sleeve in enumerate(sleeves)
            for name, values in {
                **sleeve.prices(),
                "forecast": sleeve.columns["forecast"],
                "ts": sleeve.ts,
            }.items()
        }
        settings = np.array([variant.settings["threshold"] for variant in variants])
        np.savez(task, thresholds=settings, cash=CASH, fees=1e-4, size=100, **arrays)
        command = [python, HERE / "engine_peers.py", engine, task, answer]
        subprocess.run([str(part) for part in command], check=True)
        done = json.loads(answer.read_text())
    return done["seconds"], np.array(done["pnl"])


def compare(name: str, sleeves: list[Sleeve], cores: int) -> list[dict[str, Any]]:
    """Run every engine on the same sleeves; return one row per engine."""
    bars = bars_in(sleeves)
    many = variants_of(sleeves, 10_000)
    ours(sleeves[:1], many[:100], 1, times=1)  # compile
    seconds, _ = ours(sleeves, many, 1)
    rate = bars * len(many) / seconds
    rows = [_row(name, "whatif_assets, 1 thread", bars, len(many), seconds, rate)]

    def _add(engine: str, number: int, taken: float, difference: float) -> None:
        row = _row(name, engine, bars, number, taken, rate)
        rows.append({**row, "pnl_difference": difference})

    _add(f"whatif_assets, {cores} threads", len(many), ours(sleeves, many, cores)[0], 0)
    _add("whatif_assets, kernel alone", len(many), by_kernel(sleeves, many), 0)
    stopped = variants_of(sleeves, 1_000, stop_loss=0.5, take_profit=1)
    ours(sleeves[:1], stopped[:10], 1, times=1)
    for threads in (1, cores):
        taken = ours(sleeves, stopped, threads)[0]
        _add(f"whatif_assets, stops, {threads} thread(s)", len(stopped), taken, 0)
    alone = len(sleeves) == 1
    peers = {name: functools.partial(by_peer, name) for name in PEERS}
    for engine, run, number in (
        ("Backtrader, 4 analyzers", by_backtrader, 4 if alone else 1),
        ("vectorbt, numba", peers["vectorbt"], 1_000 if alone else 200),
        ("vectorbt, Rust", peers["vectorbt-rust"], 1_000 if alone else 200),
        (f"RaptorBT, {cores} threads", peers["raptorbt"], 1_000 if alone else 200),
    ):
        # Use the same range of thresholds, because a high threshold trades less.
        places = (np.arange(number) + 0.5) / number * len(many)
        some = [many[n] for n in places.astype(int)]
        taken, theirs = run(sleeves, some)
        _, mine = ours(sleeves, some, 1, times=1)
        apart = np.abs(theirs - mine) / np.maximum(np.abs(mine), 1.0)
        _add(engine, number, taken, float(apart.max()))
    return rows


def _row(
    data: str, engine: str, bars: int, variants: int, seconds: float, rate: float
) -> dict[str, Any]:
    own = bars * variants / seconds
    return {
        "data": data,
        "engine": engine,
        "bars": bars,
        "variants": variants,
        "seconds": seconds,
        "rate": own,
        "ratio": rate / own,
        "pnl_difference": 0.0,
    }


def growth() -> list[dict[str, Any]]:
    """Time sweeps of growing size, each in its own process to measure its memory."""
    rows = []
    for symbols in GROWTH_SYMBOLS:
        for variants in GROWTH_VARIANTS:
            command = [sys.executable, __file__, "--one", f"{symbols},{variants}"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout))
            print(_line(rows[-1]), flush=True)
    return rows


def one(symbols: int, variants: int) -> dict[str, Any]:
    """Time one sweep on all cores, and measure the peak memory of this process."""
    sleeves = minutes(symbols)
    ours(sleeves[:1], variants_of(sleeves[:1], 64), 1, times=1)  # compile
    before = peak_memory(reset=True)
    some = variants_of(sleeves, variants)
    seconds, _ = ours(sleeves, some, os.cpu_count() or 1, times=1)
    bars = bars_in(sleeves)
    return {
        "symbols": symbols,
        "variants": variants,
        "bars": bars,
        "seconds": seconds,
        "rate": bars * variants / seconds,
        "start_mb": before,
        "peak_mb": peak_memory(),
    }


def _line(row: dict[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:,.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    )


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Plot seconds and peak memory over bars times variants."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    table = pd.DataFrame(rows).assign(work=lambda t: t["bars"] * t["variants"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for symbols, some in table.groupby("symbols"):
        left.loglog(some["work"], some["seconds"], "o-", label=f"{symbols} symbols")
        right.semilogx(some["work"], some["peak_mb"], "o-", label=f"{symbols} symbols")
    left.set(xlabel="bars x variants", ylabel="seconds", title="Time")
    right.set(xlabel="bars x variants", ylabel="MB", title="Peak memory")
    right.set_ylim(0)
    right.legend()
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
        cores = os.cpu_count() or 1
        rows = [*compare("AAPL", minutes(1), cores)]
        rows += compare("29 symbols", minutes(29), cores)
    show(rows, chosen.json, digits=4)
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
