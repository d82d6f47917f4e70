"""Measure what a person waits for: ``python benchmarks/waiting.py --json FILE``.

Each row has ``what``, its ``seconds`` by the clock, and the ``floor_seconds`` in the
same run: what Python, typer or Dagster take to do nothing of the kind, and the fit
itself where a model is trained. Every row is a process of its own, from its start to
its end, so that imports are part of it.

``--market index_daily`` (the default) has two daily series in 2,479 sessions, or in the
last ``--sessions`` of them; it needs no data. ``--market us_minutes`` has one-minute
bars of 29 symbols in 29 sessions, which are read from ``$WHATIF_MARKET_DATA``.

A home is made first, without the last session, and that is not measured. What leaves
the home as it was is measured three times, and the shortest time counts.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import exchange_calendars
import yaml
from measuring import ROOT, parquet_file, seconds_of
from rich.console import Console
from rich.table import Table

from whatif_assets.home.home import Home

TIMES = 3
MODELS = "trained_models"
MARKETS = ("index_daily", "us_minutes")
SESSIONS_OF_INDEX = 2_479

NOTHING = "pass"
TYPER = """
import typer
app = typer.Typer()
app.command()(lambda: None)
app(["--help"])
"""
DAGSTER = "import dagster"
DEFINITIONS = "import whatif_assets.definitions"
EMPTY_RUN = """
import dagster as dg
@dg.asset
def nothing() -> None: ...
quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
with dg.DagsterInstance.local_temp() as instance:
    dg.materialize([nothing], instance=instance, run_config=quiet)
"""
REPORT = """
import sys
from pathlib import Path
from whatif_assets.home.home import Home
from whatif_assets.report.write import report
from whatif_assets.steps.freshness import Freshness
home = Home.open(Path(sys.argv[1]))
report(home, Freshness(home))
"""


@dataclass(frozen=True)
class Wait:
    """What a person waits for, and for how long."""

    what: str
    seconds: float
    floor_seconds: float


@dataclass(frozen=True)
class Desk:
    """A home that a person works with.

    Attributes
    ----------
    home
        Its folder, without any run at first.
    study
        The study file that it is made of.
    last
        The last session, which the first run does not have.
    """

    home: Path
    study: Path
    last: date

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands on the home."""
        kept = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
        further = {"WHATIF_HOME": str(self.home), "DAGSTER_DISABLE_TELEMETRY": "1"}
        return kept | further

    def command(self, *words: str) -> float:
        """Run a command of the package on the home; return its seconds."""
        command = [sys.executable, "-m", "whatif_assets", *words]
        return seconds_of(command, self.environment)

    def script(self, code: str, *words: str) -> float:
        """Run some Python; return the seconds."""
        return seconds_of([sys.executable, "-c", code, *words], self.environment)

    def reveal_last_session(self) -> None:
        """Let the market have its last session."""
        path = self.home / "market.yaml"
        market = yaml.safe_load(path.read_text(encoding="utf-8"))
        text = yaml.safe_dump({**market, "last_session": self.last}, sort_keys=False)
        path.write_text(text, encoding="utf-8")


def desk(market: str, sessions: int, folder: Path) -> Desk:
    """Write the study of a market, whose last session is not revealed yet."""
    path = ROOT / "docs/studies" / f"{market}.yaml"
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    described: dict[str, Any] = study["market"]
    if "path" in described:
        described["path"] = str(parquet_file("us1m_2018_av").resolve())
    days = days_of(described)[-sessions:]
    described |= {"first_session": days[0], "last_session": days[-2]}
    study["dates"] = {"first": days[0]}
    copy = folder / path.name
    copy.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return Desk(folder / "home", copy, days[-1])


def days_of(market: Mapping[str, Any]) -> list[date]:
    """List the sessions of a market."""
    first, last = market["first_session"], market["last_session"]
    calendar = exchange_calendars.get_calendar(market["calendar"], start=str(first))
    return [day.date() for day in calendar.sessions_in_range(str(first), str(last))]


def waits(own: Desk) -> Iterator[Wait]:
    """Measure everything, in the order in which a person meets it."""
    again = functools.partial(_repeated, own)
    study, home = own.study.stem, str(own.home)
    dagster, empty_run = again(DAGSTER), again(EMPTY_RUN)
    yield Wait("definitions are loaded", again(DEFINITIONS), dagster)
    shown = min(own.command("--help") for _ in range(TIMES))
    yield Wait("whatif --help", shown, again(TYPER))
    unchanged = min(own.command("run", study) for _ in range(TIMES))
    yield Wait("a run with nothing changed", unchanged, empty_run)
    yield Wait("the report is written again", again(REPORT, home), again(NOTHING))
    asked = own.command("ask", f"{study}.ema", "direction=long")
    yield Wait("a what-if that trains nothing", asked, empty_run)
    trained = own.command("ask", f"{study}.linear", "l2=0.001")
    fit = Home.open(own.home).lake.manifest(MODELS, f"{study}.linear~l2=0.001")
    floor = empty_run + (fit.seconds if fit else 0.0)
    yield Wait("a what-if that trains a local model", trained, floor)
    own.reveal_last_session()
    yield Wait("one session more", own.command("run", study), empty_run)


def _repeated(own: Desk, code: str, *words: str) -> float:
    return min(own.script(code, *words) for _ in range(TIMES))


def main() -> None:
    """Measure one market, print the rows and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--market", choices=MARKETS, default=MARKETS[0])
    parser.add_argument("--sessions", type=int, default=SESSIONS_OF_INDEX)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own = desk(arguments.market, arguments.sessions, Path(folder))
        own.command("run", str(own.study), "--home", str(own.home))
        rows = list(waits(own))
    show(rows)
    if arguments.json:
        told = {"rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(told, indent=1) + "\n")


def show(rows: Sequence[Wait]) -> None:
    """Print the rows as a table."""
    table = Table("what", "seconds", "floor, seconds")
    for row in rows:
        table.add_row(row.what, f"{row.seconds:.1f}", f"{row.floor_seconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
