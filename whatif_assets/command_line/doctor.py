"""The command ``whatif doctor``: what this machine and a home lack."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pandas as pd

from whatif_assets.command_line.tables import print_table
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.spark.java import find_java
from whatif_assets.home.home import Home
from whatif_assets.report.database import opened
from whatif_assets.sources.online import Online

GIGABYTE = 1e9
FREE_GIGABYTES = 1.0
PACKAGES = ("whatif_assets", "dagster", "duckdb", "pandas", "pyspark", "numba")


def print_doctor(home_path: Path, *, as_json: bool) -> bool:
    """Examine this machine and a home; return whether everything is in order."""
    checks: dict[str, Callable[[], str]] = {
        "Python": lambda: sys.version.split()[0],
        "packages": _packages,
        "Java, for Spark": lambda: str(find_java()),
        "DAGSTER_HOME": _dagster_home,
        "free disk": lambda: _free_disk(home_path),
        "home": lambda: f"{Home.open(home_path).path}",
        "studies": lambda: _studies(Home.open(home_path)),
        "source": lambda: _source(Home.open(home_path)),
        "database": lambda: _database(Home.open(home_path)),
    }
    rows = [_examined(name, check) for name, check in checks.items()]
    print_table(pd.DataFrame(rows), "Examination", as_json=as_json)
    return all(row["state"] == "good" for row in rows)


def _examined(name: str, check: Callable[[], str]) -> dict[str, str]:
    try:
        return {"what": name, "state": "good", "found": check()}
    except BadInput as error:
        return {"what": name, "state": "problem", "found": str(error)}


def _packages() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)


def _dagster_home() -> str:
    folder = os.environ.get("DAGSTER_HOME", "")
    if folder and not Path(folder).is_dir():
        raise BadInput(f"The folder {folder} does not exist; create it.")
    return folder or "not set: each home keeps the history of its runs"


def _free_disk(home: Path) -> str:
    folder = next(f for f in (home.absolute(), *home.absolute().parents) if f.exists())
    free = shutil.disk_usage(folder).free / GIGABYTE
    if free < FREE_GIGABYTES:
        raise BadInput(f"{free:.1f} GB are free at {folder}; make room for results.")
    return f"{free:,.0f} GB"


def _studies(home: Home) -> str:
    wrong = [*home.faults().values()]
    for study in home.studies().values():
        wrong += home.resolve(study).faults.values()
    if wrong:
        raise BadInput("\n".join(wrong))
    return ", ".join(home.studies()) or "none yet"


def _source(home: Home) -> str:
    source = home.market.open_source(home.path)
    if isinstance(source, Online):
        return f"{home.market.source}, which is not asked here because it is online"
    return f"{home.market.source} with {len(source.symbols()):,} symbols"


def _database(home: Home) -> str:
    if not home.database.exists():
        return "not written yet; 'whatif run' writes it"
    with opened(home) as connection:
        tables = connection.execute("SHOW TABLES").fetchall()
    return f"{home.database} with {len(tables)} tables"
