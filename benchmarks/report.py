"""Time the report on one-minute bars: ``python benchmarks/report.py BARS.parquet``.

The script runs ``docs/studies/us_minutes.yaml`` from an empty home and prints the
seconds of each asset and of each part of the page. The seconds of an asset are the sum
over its partitions in the table ``runs``; those of the page's parts are measured by the
page itself.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb
import yaml
from rich.console import Console
from rich.table import Table

from whatif_assets.home.home import Home
from whatif_assets.report.write import report
from whatif_assets.steps.freshness import Freshness

STUDY = Path(__file__).parents[1] / "docs/studies/us_minutes.yaml"
ASSETS = """
SELECT asset, sum(seconds) AS seconds FROM runs WHERE status = 'computed'
GROUP BY asset ORDER BY min(finished_at)
"""


def main() -> None:
    """Run the study, write its report again, and print the seconds of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bars", type=Path, help="bars of 2018-02-16 to 2018-03-29")
    parser.add_argument("--home", type=Path, help="keep the home in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder) / "home"
        study = study_on(arguments.bars, Path(folder))
        command = [
            sys.executable,
            "-m",
            "whatif_assets",
            "run",
            str(study),
        ]
        started = time.perf_counter()
        subprocess.run([*command, "--home", str(home)], check=True)
        total = time.perf_counter() - started
        with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as database:
            assets = database.execute(ASSETS).fetchall()
        opened = Home.open(home)
        page = report(opened, Freshness(opened)).pages[STUDY.stem]
        show("asset", [*assets, ("whole run, start of Python included", total)])
        parts = page.seconds.items()
        show("part of the page", [*parts, ("whole page", sum(page.seconds.values()))])
        Console().print(f"{page.path.stat().st_size / 1e6:.1f} MB")


def study_on(bars: Path, folder: Path) -> Path:
    """Write a copy of the documentation's study that reads these bars."""
    study = yaml.safe_load(STUDY.read_text(encoding="utf-8"))
    study["market"]["path"] = str(bars.resolve())
    path = folder / STUDY.name
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return path


def show(what: str, rows: Iterable[tuple[str, float]]) -> None:
    """Print the seconds as a table."""
    table = Table(what, "seconds")
    for name, seconds in rows:
        table.add_row(name, f"{seconds:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
