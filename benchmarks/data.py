"""Time the ingest of bars and the computation of features, next to other libraries.

Run ``python benchmarks/data.py`` with the extra ``benchmarks`` installed.
One-minute bars are read from ``$WHATIF_MARKET_DATA`` (or ``../shared/market_data``).

The bars are written as one CSV file per symbol, the way vendors deliver them, stamped
with the end of the bar in New York time. Each way turns these files into one Parquet
file per session (see ``csv_ingestion.py``). DuckDB and polars use all cores and check
nothing. Then 20 indicators are computed over the bars in memory, by this project and by
TA-Lib in a loop over the symbols (see ``indicators.py``). The results of each way are
compared with those of this project: bars bit by bit, indicators to 1e-9.

The ways take turns, and the shortest time of each way counts. CPU seconds are summed
over all threads; on a machine that also does other work they are more reliable than
the seconds by the clock.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from csv_ingestion import (
    NEW_YORK,
    duckdb_csv,
    ingest_csv,
    new_home,
    polars_csv,
    sessions_of,
    write_csv,
    written,
)
from indicators import INDICATORS, by_talib, features_by_session
from measuring import parquet_file, peak_memory, show

from whatif_assets.domain.bars.tidy import with_vwap
from whatif_assets.domain.features import compute_features, parse_feature
from whatif_assets.home.home import Home

OURS = "whatif_assets"
TURNS = 3

GROWTH_SYMBOLS = (29, 69, 109)
GROWTH_SESSIONS = (1, 5, 15, 29)


@dataclass(frozen=True)
class Taken:
    """Time that a piece of work took.

    Attributes
    ----------
    seconds
        Elapsed time by the clock.
    cpu_seconds
        Processor time, summed over all threads.
    """

    seconds: float
    cpu_seconds: float


@functools.cache
def minutes() -> pd.DataFrame:
    """Read all one-minute bars, with the session of each bar."""
    names = ("us1m_2018_av", "us1m_2018_av_bench")
    bars = pd.concat([pd.read_parquet(parquet_file(name)) for name in names])
    bars["session"] = bars["ts"].dt.tz_convert(NEW_YORK).dt.date
    return bars.sort_values(["symbol", "ts"], ignore_index=True)


def some_minutes(symbols: int, sessions: int) -> pd.DataFrame:
    """Select bars of some symbols, the set of 29 first, in the first sessions."""
    bars = minutes()
    first = sorted(pd.read_parquet(parquet_file("us1m_2018_av"))["symbol"].unique())
    others = sorted(set(bars["symbol"]) - set(first))
    days = sorted(bars["session"].unique())[:sessions]
    taken = bars["symbol"].isin([*first, *others][:symbols])
    return bars[taken & bars["session"].isin(days)].reset_index(drop=True)


def in_turns(works: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Taken], Any]:
    """Run each work several times in turns; return shortest times and last results."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    cpu: dict[str, list[float]] = {name: [] for name in works}
    results = {}
    for _ in range(TURNS):
        for name, work in works.items():
            results.pop(name, None)
            gc.collect()
            start, start_cpu = time.perf_counter(), time.process_time()
            results[name] = work()
            cpu[name].append(time.process_time() - start_cpu)
            seconds[name].append(time.perf_counter() - start)
    return {n: Taken(min(seconds[n]), min(cpu[n])) for n in works}, results


def compare_ingest(bars: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """Time each way on the same CSV files, and compare the files that it wrote."""
    files = folder / "csv"
    write_csv(bars, files)
    sessions = sessions_of(files)
    turn = iter(range(1_000_000))

    def _into(way: Callable[[Path, Sequence[str], Path], None], home: bool) -> Path:
        target = folder / f"to-{next(turn)}"
        new_home(target, files) if home else target.mkdir()
        way(files, sessions, target)
        return target

    taken, targets = in_turns(
        {
            OURS: lambda: _into(ingest_csv, home=True),
            "DuckDB": lambda: _into(duckdb_csv, home=False),
            "polars": lambda: _into(polars_csv, home=False),
        }
    )
    mine = written(targets[OURS] / "lake/price_bars", sessions)
    for name in ("DuckDB", "polars"):
        pd.testing.assert_frame_equal(written(targets[name], sessions), mine)
    return rows_of("CSV to Parquet", bars, taken)


def compare_features(bars: pd.DataFrame, home: Path) -> list[dict[str, Any]]:
    """Time the indicators in this project and in TA-Lib, and compare the values."""
    features = [parse_feature(text) for text in INDICATORS]
    tidy = with_vwap(bars)[0]
    taken, results = in_turns(
        {
            OURS: lambda: compute_features(tidy, features),
            "TA-Lib in a loop": lambda: by_talib(tidy),
            f"{OURS}, session by session": lambda: features_by_session(home),
        }
    )
    mine, theirs = results[OURS], results["TA-Lib in a loop"]
    for feature, values in zip(features, theirs, strict=True):
        ours = mine[feature.column].to_numpy()
        # Where no price has moved, TA-Lib returns 0 or 100 and this project NaN.
        known = ~np.isnan(ours)
        np.testing.assert_allclose(ours[known], values[known], rtol=1e-9, atol=1e-9)
    return rows_of(f"{len(features)} indicators", bars, taken)


def rows_of(
    work: str, bars: pd.DataFrame, taken: Mapping[str, Taken]
) -> list[dict[str, Any]]:
    """Make one row per way; a ratio is our time divided by that of the row."""
    mine = taken[OURS]
    return [
        {
            "work": work,
            "symbols": bars["symbol"].nunique(),
            "bars": len(bars),
            "way": name,
            "seconds": own.seconds,
            "cpu_seconds": own.cpu_seconds,
            "bars_per_second": len(bars) / own.seconds,
            "ratio": mine.seconds / own.seconds,
            "cpu_ratio": mine.cpu_seconds / own.cpu_seconds,
        }
        for name, own in taken.items()
    ]


def compare() -> list[dict[str, Any]]:
    """Compare the ways on 29 symbols and on all 109."""
    rows = []
    for symbols in (29, 109):
        with tempfile.TemporaryDirectory() as folder:
            bars = some_minutes(symbols, 29)
            rows += compare_ingest(bars, Path(folder))
            home = new_home(Path(folder) / "home", Path(folder) / "csv")
            ingest_csv(Path(folder) / "csv", sessions_of(Path(folder) / "csv"), home)
            rows += compare_features(bars, home)
    return rows


def growth() -> list[dict[str, Any]]:
    """Time ingest and features at growing size, each in its own process."""
    rows = []
    for symbols in GROWTH_SYMBOLS:
        for sessions in GROWTH_SESSIONS:
            bars = some_minutes(symbols, sessions)
            with tempfile.TemporaryDirectory() as folder:
                write_csv(bars, Path(folder) / "csv")
                new_home(Path(folder) / "home", Path(folder) / "csv")
                for work in ("ingest", "features"):
                    command = [sys.executable, __file__, "--one", f"{work},{folder}"]
                    done = subprocess.run(
                        command, check=True, capture_output=True, text=True
                    )
                    size = {"symbols": symbols, "sessions": sessions, "bars": len(bars)}
                    rows.append({"work": work, **size, **json.loads(done.stdout)})
                    print(rows[-1], file=sys.stderr, flush=True)
    return rows


def one(work: str, folder: Path) -> dict[str, Any]:
    """Run the ingest or the features; return the time and this process's memory."""
    files, home = folder / "csv", folder / "home"
    keys = sessions_of(files)
    _ = Home.open(home).market.sessions  # builds the calendar
    before = peak_memory(reset=True)
    start, start_cpu = time.perf_counter(), time.process_time()
    ingest_csv(files, keys, home) if work == "ingest" else features_by_session(home)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - start_cpu,
        "start_mb": before,
        "peak_mb": peak_memory(),
    }


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Plot seconds and peak memory over the number of bars."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    table = pd.DataFrame(rows)
    for (work, symbols), some in table.groupby(["work", "symbols"], sort=False):
        style = "o-" if work == "ingest" else "s--"
        color = f"C{GROWTH_SYMBOLS.index(symbols)}"
        name = f"{work}, {symbols} symbols"
        left.plot(some["bars"] / 1e6, some["seconds"], style, color=color, label=name)
        right.plot(some["bars"] / 1e6, some["peak_mb"], style, color=color, label=name)
    left.set(xlabel="million bars", ylabel="seconds", title="Time")
    right.set(xlabel="million bars", ylabel="MB", title="Peak memory")
    left.set_ylim(0)
    right.set_ylim(0)
    left.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def main() -> None:
    """Run the comparison or the growth, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--growth", action="store_true", help="grow the data instead")
    parser.add_argument("--plot", type=Path, help="draw the growth into this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        work, _, folder = chosen.one.partition(",")
        print(json.dumps(one(work, Path(folder))))
        return
    rows = growth() if chosen.growth or chosen.plot else compare()
    show(rows, chosen.json, digits=3)
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
