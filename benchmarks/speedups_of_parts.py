"""Time parts of the work without a trick for speed: ``speedups_of_parts.py``.

Each trick helps a part that the demo has little of, so that `speedups.py` cannot show
it. Runs with and without a trick alternate in one process; figures are medians.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from measuring import ROOT
from rich.console import Console
from rich.table import Table

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.features.indicators import across
from whatif_assets.engines import reference
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.home import parquet
from whatif_assets.home.creation import set_up
from whatif_assets.home.lake import Lake
from whatif_assets.steps import ingest

SESSIONS, BARS = 1_000, 12_000


class AtOnce:
    """An executor that works in the thread of its caller."""

    def __init__(self, _: int | None) -> None:
        """Take the number of threads, and use none."""

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Do the work now."""
        done: Future[Any] = Future()
        done.set_result(work(*arguments))
        return done


def short_files(folder: Path) -> tuple[Callable[[], object], Any]:
    """Read a thousand sessions of one row each, with one thread or several."""
    lake = Lake(folder)
    days = [date(2015, 1, 1) + timedelta(days=n) for n in range(SESSIONS)]
    for day in days:
        frame = pd.DataFrame({"symbol": ["AAA"], "why": ["absent"]}, dtype="string")
        lake.write("left_out", day.isoformat(), frame)
    without = mock.patch.object(parquet, "ROWS_OF_A_THREAD", -1)
    return lambda: lake.stacked("left_out", days), without


def garbage(_: Path) -> tuple[Callable[[], object], Any]:
    """Run Backtrader with many orders, with or without looking for garbage."""
    draw = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 1e-3, BARS)))
    flat: dict[str, Any] = dict.fromkeys(
        ("open", "high", "low", "close", "volume", "vwap"), close
    )
    sleeve = Sleeve(
        "AAA",
        np.arange(BARS, dtype=np.int64) * 60_000_000,
        np.zeros(BARS, dtype=np.int32),
        **flat,
        columns={"forecast": draw.normal(0, 1, BARS)},
    )
    variant = Variant("-", {"threshold": 0.3}, Costs(commission_bps=1))

    def _run() -> object:
        return run_backtests(
            [sleeve], "forecast_threshold", [variant], reference=True, processes=1
        )

    lazy = contextlib.nullcontext
    return _run, mock.patch.object(reference, "no_garbage_collection", lazy)


def encoding(folder: Path) -> tuple[Callable[[], object], Any]:
    """Read real minutes and encode them as Parquet, in threads or one by one."""
    home, study = set_up(folder / "home", ROOT / "docs/studies/us_minutes.yaml")
    keys = [day.isoformat() for day in study.sessions(home.market)]

    def _run() -> object:
        bars = ingest.SessionBars(home, keys)
        return [bars.of(key).content for key in keys]

    return _run, mock.patch.object(ingest, "ThreadPoolExecutor", AtOnce)


def cross_sections(_: Path) -> tuple[Callable[[], object], Any]:
    """Rank 500 symbols at each minute of twenty sessions."""
    draw = np.random.default_rng(1)
    values, times = draw.normal(0, 1, 500 * 390), np.tile(np.arange(390), 500)

    def _by_two_keys(values: Any, sections: Any) -> Any:
        sizes = np.bincount(sections)
        order = np.lexsort((values, sections))
        return order, np.cumsum(sizes) - sizes, sizes

    def _run() -> object:
        return [across.rank(values, times) for _ in range(20)]

    return _run, mock.patch.object(across, "_ordered", _by_two_keys)


PARTS = {
    "short files are read in one thread": short_files,
    "garbage is not collected in a run of Backtrader": garbage,
    "bars are encoded as Parquet in threads": encoding,
    "cross-sections are sorted by counting": cross_sections,
}


def main() -> None:
    """Measure each part with and without its trick, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    rows = []
    for name, part in PARTS.items():
        with tempfile.TemporaryDirectory() as folder:
            work, without = part(Path(folder))
            rows.append({"trick": name, **compared(work, without, arguments.runs)})
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def compared(work: Callable[[], object], without: Any, runs: int) -> dict[str, float]:
    """Medians of the seconds with and without a trick, and their ratio."""
    seconds: tuple[list[float], list[float]] = ([], [])
    work()
    for _ in range(runs):
        seconds[0].append(_seconds(work))
        with without:
            seconds[1].append(_seconds(work))
    with_trick, plain = map(statistics.median, seconds)
    return {
        "seconds": round(with_trick, 2),
        "without": round(plain, 2),
        "ratio": round(plain / with_trick, 2),
    }


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
