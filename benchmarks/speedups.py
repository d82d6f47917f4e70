"""Time the demo without each trick for speed: ``python benchmarks/speedups.py``.

Every run is the whole demo in a home of its own, from ``whatif run`` to its end. A
trick is switched off by a line of Python that the process runs first. Runs with all
tricks alternate with those without one, and each figure is the median of its runs.
Everything that numba compiles is compiled before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from demo import new_home
from rich.console import Console
from rich.progress import track
from rich.table import Table

RUN = "from whatif_assets.__main__ import main; main()"


@dataclass(frozen=True)
class Trick:
    """A trick for speed, and how to do without it.

    Attributes
    ----------
    name
        What it does.
    off
        Python that switches it off in the process of the run.
    """

    name: str
    off: str = ""


_STUDIES = "import whatif_assets.orchestration.studies as m"
_RUNS = "import whatif_assets.orchestration.runs as m"
_SPARK = "import whatif_assets.engines.spark.session as m"
ALL = Trick("all tricks")
TRICKS = (
    Trick("Spark starts first", off=f"{_STUDIES}; m._start_spark = lambda *_: None"),
    Trick(
        "Spark fits while others are evaluated",
        off=f"{_RUNS}; m.fit_ahead = lambda *_: None",
    ),
    Trick("Java's quick compiler alone", off=f"{_SPARK}; m.QUICK_COMPILER = ()"),
    Trick(
        "an archive of Spark's classes",
        off=f"{_SPARK}; fast = m._fast_start; m._fast_start = lambda short: "
        "[o for o in fast(short) if 'Archive' not in o]",
    ),
    Trick(
        "pictures are drawn in a process",
        off="import whatif_assets.orchestration.partition_loop as m; "
        "m.start_drawing_process = lambda: None",
    ),
    Trick(
        "garbage is collected less often in the run",
        off="import gc; gc.set_threshold = lambda *_: None",
    ),
)


@dataclass(frozen=True)
class Cost:
    """Seconds of one run: by the clock, and of the processors by all its processes."""

    seconds: float
    processor: float


def main() -> None:
    """Run the demo with and without each trick, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each kind")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    costs: dict[Trick, list[Cost]] = {one: [] for one in (ALL, *TRICKS)}
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder, "numba")
        cost_of(ALL, Path(folder, "first"), warm)
        rounds = [one for _ in range(arguments.runs) for one in costs]
        for number, one in enumerate(track(rounds, console=Console(stderr=True))):
            costs[one].append(cost_of(one, Path(folder, f"{number}"), warm))
    rows = [row_of(one, costs) for one in costs]
    show(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def cost_of(trick: Trick, folder: Path, warm: Path) -> Cost:
    """Run the demo once in a new home, without a trick."""
    home = new_home(folder)
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    environment["NUMBA_CACHE_DIR"] = str(warm)
    paths = [os.environ.get("PYTHONPATH", ""), str(Path.cwd())]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    command = [sys.executable, "-c", f"{trick.off}\n{RUN}", "run", "demo"]
    before, started = _processor_seconds(), time.perf_counter()
    subprocess.run(
        [*command, "--home", str(home)],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Cost(time.perf_counter() - started, _processor_seconds() - before)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row_of(trick: Trick, costs: dict[Trick, list[Cost]]) -> dict[str, object]:
    """Medians without a trick, and their ratios to those with all of them."""
    seconds = statistics.median(c.seconds for c in costs[trick])
    processor = statistics.median(c.processor for c in costs[trick])
    base = costs[ALL]
    return {
        "without": trick.name,
        "seconds": round(seconds, 1),
        "ratio": round(seconds / statistics.median(c.seconds for c in base), 2),
        "processor_seconds": round(processor, 1),
        "processor_ratio": round(
            processor / statistics.median(c.processor for c in base), 2
        ),
    }


def show(rows: list[dict[str, object]]) -> None:
    """Print the rows as a table."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
