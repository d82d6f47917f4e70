"""Time the demo from an empty home: ``python benchmarks/demo.py``.

The home contains only the demo's market and study. Numba starts with an empty cache, as
after an installation; the archive of Spark's classes, which the installation makes, is
kept. The seconds of an asset are the sum over its partitions in the table ``runs``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from measuring import seconds_of
from rich.console import Console
from rich.table import Table

DATA = Path(__file__).parents[1] / "data"
IMPORTS = "import whatif_assets.orchestration.runs"

STAGES = """
SELECT CASE WHEN asset = 'trained_models' AND partition IN ({spark})
            THEN 'trained_models, what is left of the three on Spark'
            WHEN asset = 'trained_models' THEN 'trained_models, fitted here'
            ELSE asset END AS stage,
       sum(seconds) AS seconds
FROM runs WHERE status = 'computed' GROUP BY stage ORDER BY min(finished_at)
"""
ON_SPARK = "SELECT DISTINCT partition FROM runs WHERE partition LIKE 'demo.rf_%'"


def main() -> None:
    """Run the demo once and print the seconds of each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = new_home(Path(folder))
        environment = empty_caches(Path(folder))
        start = seconds_of([sys.executable, "-c", IMPORTS], environment)
        command = [
            sys.executable,
            "-m",
            "whatif_assets",
            "run",
            "demo",
        ]
        total = seconds_of([*command, "--home", str(home)], environment)
        rows = stages(home, start, total)
    show(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def new_home(folder: Path) -> Path:
    """Copy the market and the study of the demo, without any results."""
    home = folder / "data"
    (home / "studies").mkdir(parents=True)
    shutil.copy(DATA / "market.yaml", home)
    shutil.copy(DATA / "studies" / "demo.yaml", home / "studies")
    return home


def empty_caches(folder: Path) -> dict[str, str]:
    """Return the environment of a first run after the installation."""
    kept = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    return kept | {"NUMBA_CACHE_DIR": str(folder / "numba")}


def stages(home: Path, start: float, total: float) -> list[dict[str, Any]]:
    """Return the seconds of each stage; the last but one row is the remaining time."""
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        found = connection.execute(STAGES.format(spark=ON_SPARK)).fetchall()
    rows = [("start of Python, imports", start), *found]
    rest = total - sum(seconds for _, seconds in rows)
    rows.append(("Dagster's records, checks against Backtrader, ranking, report", rest))
    return [{"stage": s, "seconds": v} for s, v in [*rows, ("whole demo", total)]]


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    table = Table("stage", "seconds")
    for row in rows:
        table.add_row(row["stage"], f"{row['seconds']:.1f}")
    Console().print(table)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    Console().print(f"{used.ru_utime + used.ru_stime:.1f} s of Python's processor time")


if __name__ == "__main__":
    main()
