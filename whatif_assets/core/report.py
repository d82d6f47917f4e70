"""The report of a home: winners, finalists in detail, and the DuckDB file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from whatif_assets.core.errors import BadInput
from whatif_assets.core.evaluation import long_form
from whatif_assets.core.home import Home
from whatif_assets.core.lake import DATA, combined_hash, read_parquet, write_parquet
from whatif_assets.core.leaderboard import (
    configurations_of,
    finalists,
    outcome,
    stacked,
)
from whatif_assets.core.report_db import build_database, configurations_table

SHOWN = ("rank", "configuration", "variant", "role")
EQUITY = {
    "study": "str",
    "configuration": "str",
    "variant": "str",
    "session": "datetime64[us]",
    "equity": "float64",
    "pnl": "float64",
}
FILLS = {
    "study": "str",
    "configuration": "str",
    "variant": "str",
    "symbol": "str",
    "ts": "datetime64[us, UTC]",
    "size": "float64",
    "price": "float64",
    "commission": "float64",
}


@dataclass(frozen=True)
class Report:
    """What the report holds of every study: its outcome, and finalists' equity."""

    best: pd.DataFrame
    equity: pd.DataFrame
    data_version: str


def table_path(home: Home, table: str) -> Path:
    """Where a table without partitions is stored."""
    return home.lake.folder(table) / DATA


def write_table(home: Home, table: str, frame: pd.DataFrame) -> str:
    """Write a table without partitions, atomically; return its content hash."""
    if frame.empty:
        raise BadInput(
            f"{table}: no study has results yet. Materialise backtest_results of "
            "some configurations first (in the UI, or with 'whatif run')."
        )
    return write_parquet(table_path(home, table), frame)


def read_table(home: Home, table: str) -> pd.DataFrame:
    """Read a table without partitions; BadInput where it was never written."""
    path = table_path(home, table)
    if not path.exists():
        raise BadInput(
            f"{table} has not been materialised yet; materialise it in the UI, or "
            "use 'whatif run'."
        )
    return read_parquet(path)


def report(home: Home) -> Report:
    """Choose the winners, collect the finalists' detail and build the DuckDB file.

    Raises
    ------
    BadInput
        There is no leaderboard yet.
    """
    ranking = read_table(home, "leaderboard")
    studies = home.studies()
    ranked = {
        name: ranking[ranking["study"] == name].reset_index(drop=True)
        for name in studies
    }
    ranked = {name: rows for name, rows in ranked.items() if len(rows)}
    winners = stacked({n: outcome(rows, studies[n]) for n, rows in ranked.items()})
    chosen = stacked({n: finalists(rows, studies[n]) for n, rows in ranked.items()})
    equity = _detail(home, chosen, "daily_pnl", EQUITY)
    keys = home.lake.keys("backtest_results")
    tables = {
        "configurations": configurations_table(
            home,
            {n: [c.key for c in configurations_of(home, s, keys)]
             for n, s in studies.items()},
        ),
        "leaderboard": ranking,
        "best_configuration": winners,
        "equity": equity,
        "fills": _detail(home, chosen, "fills", FILLS),
    }  # fmt: skip
    version = write_parquet(table_path(home, "best_configuration"), winners)
    build_database(home, tables)
    return Report(winners, equity, combined_hash([version]))


def _with_equity(daily: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Add the value of the account to profits since the start."""
    start = rows.set_index("variant")["start_cash"]
    return daily.assign(equity=daily["variant"].map(start) + daily["pnl"])


def _detail(
    home: Home, chosen: pd.DataFrame, table: str, columns: dict[str, str]
) -> pd.DataFrame:
    """Rows of a detail table that belong to the finalists, in their order."""
    parts = []
    for (study, key), rows in chosen.groupby(["study", "configuration"], sort=False):
        frame = home.lake.read(table, str(key))
        frame = frame[frame["variant"].isin(rows["variant"])]
        if table == "daily_pnl":
            frame = _with_equity(long_form(frame), rows)
        parts.append(frame.assign(study=str(study), configuration=str(key)))
    parts = [part for part in parts if not part.empty]
    if not parts:
        return pd.DataFrame({k: pd.Series(dtype=v) for k, v in columns.items()})
    return pd.concat(parts, ignore_index=True)[list(columns)]
