"""Measure how a whole run grows with its data: time, memory of all processes, disk.

Run ``python benchmarks/growth.py --json FILE`` with the package installed, on Linux;
``--sizes small`` takes minutes instead of hours, and ``--axis bars`` measures one axis.

A market is simulated and written as Parquet. A study on it is run from an empty home by
``whatif run``, with report and page, in a process of its own. Each axis grows alone:

- ``bars``: millions of one-minute bars of 250 symbols, times 1,000 variants;
- ``sessions``: daily bars of 5 symbols;
- ``configurations``: of daily bars of 5 symbols in 250 sessions;
- ``symbols``: daily bars of 250 sessions.

A row has ``axis``, ``size``, ``seconds`` of the run, ``cpu_seconds`` of all its
processes, ``peak_mb`` (the largest sum of their memory, with what they share counted
once), ``lake_mb``,
``records_mb`` (the storage of Dagster), and the ``slope`` between this size and the one
before it: seconds grow with the size to this power, and 1 is proportional.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from measuring import ROOT, show

SECONDS_BETWEEN_LOOKS = 0.1
MINUTES = 390
SESSIONS_PER_FILE = 20
FIRST = {"1min": date(2018, 1, 2), "1day": date(1999, 1, 4)}

VARIANTS = {
    "fastperiod": [5, 8, 10, 12, 15],
    "slowperiod": [20, 30, 40, 60],
    "max_holding": [0, 15, 30, 60, 120],
    "stop_loss": [0, 0.2, 0.5, 1, 2],
    "direction": ["both", "long"],
}  # 1,000


@dataclass(frozen=True)
class Market:
    """A simulated market: a random walk of each symbol.

    Attributes
    ----------
    symbols, sessions
        How many of each.
    bar
        ``1min`` or ``1day``.
    """

    symbols: int
    sessions: int
    bar: str = "1day"

    @property
    def days(self) -> pd.DatetimeIndex:
        """The sessions, as the exchange has them."""
        calendar = exchange_calendars.get_calendar(
            "XNYS", start=FIRST[self.bar].isoformat()
        )
        return calendar.sessions[: self.sessions]

    def write(self, folder: Path) -> None:
        """Write the bars, a file for each `SESSIONS_PER_FILE` sessions."""
        folder.mkdir()
        draw = np.random.default_rng(0)
        names = [f"S{number:04}" for number in range(self.symbols)]
        last = 50 * np.exp(draw.normal(0, 0.5, len(names)))
        for start in range(0, self.sessions, SESSIONS_PER_FILE):
            with _file(folder / f"{start:05}.parquet") as file:
                for day in self.days[start : start + SESSIONS_PER_FILE]:
                    table, last = self._session(day, names, last, draw)
                    file.write_table(table)

    def _session(
        self, day: pd.Timestamp, names: list[str], last: Any, draw: np.random.Generator
    ) -> tuple[pa.Table, Any]:
        """Simulate the bars of a session, and the last price of each symbol."""
        times = self._times(day)
        shape = len(names), len(times)
        spread = 0.01 / math.sqrt(len(times))
        close = last[:, None] * np.exp(np.cumsum(draw.normal(0, spread, shape), 1))
        start = np.concatenate([last[:, None], close[:, :-1]], axis=1)
        wick = 1 + np.abs(draw.normal(0, spread / 2, shape))
        prices = {
            "open": start,
            "high": np.maximum(start, close) * wick,
            "low": np.minimum(start, close) / wick,
            "close": close,
            "volume": np.round(draw.uniform(100, 10_000, shape)),
        }
        columns = {name: values.ravel() for name, values in prices.items()}
        symbol = np.repeat(names, len(times))
        table = pa.table(
            {"symbol": symbol, "ts": np.tile(times, len(names)), **columns}
        )
        return table.cast(SCHEMA), close[:, -1]

    def _times(self, day: pd.Timestamp) -> Any:
        if self.bar == "1day":
            return np.array([day.to_datetime64()]).astype("datetime64[us]")
        opened = day.tz_localize("America/New_York") + pd.Timedelta(hours=9.5)
        start = np.datetime64(opened.tz_convert(None), "us")
        return start + np.arange(MINUTES) * np.timedelta64(1, "m")

    def settings(self, path: Path) -> dict[str, Any]:
        """Return the block ``market`` of a study."""
        days = self.days
        return {
            "source": "parquet",
            "path": str(path),
            "calendar": "XNYS",
            "first_session": days[0].date(),
            "last_session": days[-1].date(),
            "base_bar": self.bar,
        }


_PRICES = ("open", "high", "low", "close", "volume")
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("ts", pa.timestamp("us", "UTC")),
        *((name, pa.float64()) for name in _PRICES),
    ]
)


@contextlib.contextmanager
def _file(path: Path) -> Iterator[pq.ParquetWriter]:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        yield writer


@dataclass(frozen=True)
class Case:
    """A market, the configurations that are run on it, and fields of their study."""

    market: Market
    configurations: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)


HOLD: dict[str, dict[str, Any]] = {"hold": {"strategy": "buy_and_hold", "size": 100}}


def _bars(millions: int) -> Case:
    sessions = max(round(millions * 1e6 / (250 * MINUTES)), 2)
    rule = {"strategy": "ema_cross", "sweep": VARIANTS}
    return Case(Market(250, sessions, "1min"), {"ema": rule, **HOLD})


def _rules(number: int) -> dict[str, dict[str, Any]]:
    periods = [5 + n for n in range(number - 1)]
    rules = {
        f"ema_{n}": {"strategy": "ema_cross", "fastperiod": 2, "slowperiod": n}
        for n in periods
    }
    return {**rules, **HOLD}


AXES: dict[str, Callable[[int], Case]] = {
    "bars": _bars,
    "sessions": lambda size: Case(Market(5, size), _rules(4)),
    "configurations": lambda size: Case(Market(5, 250), _rules(size)),
    "symbols": lambda size: Case(Market(size, 250), _rules(4)),
}
SIZES = {
    "full": {
        "bars": (1, 3, 10),
        "sessions": (20, 100, 500, 2_500, 5_000),
        "configurations": (4, 20, 100, 500),
        "symbols": (5, 50, 500, 2_000),
    },
    "small": {
        "bars": (1,),
        "sessions": (250, 1_000),
        "configurations": (4, 20),
        "symbols": (5, 50),
    },
}


def measure(case: Case, folder: Path) -> dict[str, float]:
    """Run a case from an empty home; seconds, peak memory and disk in MB."""
    case.market.write(folder / "bars")
    study = {
        "market": case.market.settings(folder / "bars"),
        "evaluation": {"method": "split", "train": 0.5},
        "cash": 1_000_000,
        "configurations": case.configurations,
        **case.settings,
    }
    (folder / "growth.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    home, records = folder / "home", folder / "records"
    records.mkdir()
    shutil.copy(ROOT / "dagster.yaml", records)
    command = [
        sys.executable,
        "-m",
        "whatif_assets",
        "run",
        str(folder / "growth.yaml"),
    ]
    started, used = time.perf_counter(), _cpu_of_children()
    with (folder / "log").open("w") as log:
        run = subprocess.Popen(
            [*command, "--home", str(home)],
            env={**os.environ, "DAGSTER_HOME": str(records)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        peak = _peak_until_end(run)
    if run.returncode:
        sys.exit((folder / "log").read_text())
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": _cpu_of_children() - used,
        "peak_mb": peak,
        "lake_mb": _size(home / "lake"),
        "records_mb": _size(records),
    }


def _cpu_of_children() -> float:
    """Return the processor time of all child processes that have ended, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_until_end(run: subprocess.Popen[bytes]) -> float:
    """Look at the memory of a process and its descendants until it ends; MB."""
    peak, ended = 0.0, threading.Event()

    def _look() -> None:
        nonlocal peak
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            peak = max(peak, sum(map(_memory, _family(run.pid))))

    watcher = threading.Thread(target=_look)
    watcher.start()
    run.wait()
    ended.set()
    watcher.join()
    return peak


def _family(pid: int) -> list[int]:
    """List a process and its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                text = (task / "children").read_text()
                found.extend(map(int, text.split()))
    return found


def _memory(pid: int) -> float:
    """Return the memory of a process in MB; a page of n processes counts 1/n."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _size(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / 1e6


def growth(axis: str, sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Measure an axis at some sizes."""
    before: dict[str, Any] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            row = {
                "axis": axis,
                "size": size,
                **measure(AXES[axis](size), Path(folder)),
            }
        if before:
            ratios = (row[name] / before[name] for name in ("seconds", "size"))
            more, larger = map(math.log, ratios)
            row["slope"] = more / larger
        before = row
        print(json.dumps(row), file=sys.stderr, flush=True)
        yield row


def main() -> None:
    """Measure all axes, or one, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--sizes", choices=SIZES, default="full")
    parser.add_argument("--axis", choices=AXES, help="measure this axis alone")
    parser.add_argument("--size", type=int, help="measure this size of --axis alone")
    chosen = parser.parse_args()
    if chosen.size and not chosen.axis:
        parser.error("--size needs --axis")
    sizes = SIZES[chosen.sizes]
    axes = {chosen.axis: sizes[chosen.axis]} if chosen.axis else sizes
    if chosen.size:
        axes = {chosen.axis: (chosen.size,)}
    rows = [row for axis, some in axes.items() for row in growth(axis, some)]
    show(rows, chosen.json, digits=3)


if __name__ == "__main__":
    main()
