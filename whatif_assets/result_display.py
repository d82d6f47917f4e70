"""What ``whatif report`` and ``whatif run`` show of a study's results."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from rich import box
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from whatif_assets.core.errors import BadInput
from whatif_assets.core.evaluation.evaluate import NOTES
from whatif_assets.core.home import Home
from whatif_assets.core.leaderboard.ranking import VIOLATES
from whatif_assets.core.leaderboard.rows import short_name
from whatif_assets.core.number_format import format_metric
from whatif_assets.core.study import Study
from whatif_assets.terminal import console

ROWS_SHOWN = 20
METRICS_SHOWN = ("pnl", "total_return", "sharpe", "max_drawdown", "trades")


def print_report(home_path: Path, study: str | None) -> bool:
    """Print the last result of one study or of all; False where there is none."""
    home = Home.open(home_path)
    studies = [home.study(study)] if study else list(home.studies().values())
    if not home.database.exists():
        raise _no_report(home.database)
    for one in studies:
        print_study(home, one)
    return True


def open_report(home_path: Path, study: str | None) -> bool:
    """Open the page of one study, or of all that have one, in the browser."""
    home = Home.open(home_path)
    names = [home.study(study).name] if study else list(home.studies())
    pages = [home.page(name) for name in names]
    found = [page for page in pages if page.exists()]
    if not found:
        raise _no_report(pages[0] if pages else home.path)
    for page in found:
        console.print(str(page.resolve()), soft_wrap=True, highlight=False)
        if not webbrowser.open(page.resolve().as_uri()):
            console.print("No browser was found; open the file in one.")
    return True


def _no_report(path: Path) -> BadInput:
    return BadInput(f"{path}: there is no report yet; use 'whatif run' first.")


def print_study(home: Home, study: Study) -> None:
    """Print the leaderboard and the best configuration of a study."""
    if not home.database.exists():
        return
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = _rows_of(connection, "leaderboard", study.name)
        winners = _rows_of(connection, "best_configuration", study.name)
    if rows.empty:
        console.print(f"Study {study.name}: no results yet.")
        return
    console.print(_leaderboard(rows, study, home))
    for note in _notes(home, rows["configuration"]):
        console.print(Text(note))
    for winner in winners.to_dict("records"):
        console.print(_winner(winner, study, home))


def _notes(home: Home, keys: Iterable[str]) -> Iterator[str]:
    """What configurations say of their results, each once."""
    for key in dict.fromkeys(keys):
        manifest = home.lake.manifest("backtest_results", key)
        for note in manifest.details.get(NOTES, ()) if manifest else ():
            yield f"{key}: {note}"


def _rows_of(
    connection: duckdb.DuckDBPyConnection, table: str, study: str
) -> pd.DataFrame:
    query = f"SELECT * FROM {table} WHERE study = ? ORDER BY rank"  # noqa: S608
    return connection.execute(query, [study]).df()


def _leaderboard(rows: pd.DataFrame, study: Study, home: Home) -> Table:
    synthetic = " (synthetic market)" if home.market.source == "sample" else ""
    table = Table(
        title=f"Leaderboard of {study.name}{synthetic}, by {study.ranking.label}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("configuration", overflow="fold", min_width=24)
    shown = list(dict.fromkeys([study.ranking.column, *METRICS_SHOWN]))
    for metric in shown:
        table.add_column(metric.replace("_", " "), justify="right", no_wrap=True)
    # One row a configuration: neighbours on a grid would fill the screen.
    leaders = rows.drop_duplicates("configuration")
    for row in leaders.head(ROWS_SHOWN).to_dict("records"):
        note = "" if row["role"] == "candidate" else f" ({row['role']})"
        note += f" violates {row[VIOLATES]}" if row[VIOLATES] else ""
        table.add_row(
            str(row["rank"]),
            short_name(row) + note,
            *(format_metric(metric, row[metric]) for metric in shown),
            style="" if row["role"] == "candidate" else "dim",
        )
    table.caption = (
        f"The best variant of each configuration; all {len(rows):,} are in the table "
        "leaderboard."
    )
    table.caption_justify = "left"
    return table


def _winner(winner: Mapping[Any, Any], study: Study, home: Home) -> Panel:
    text = winner["why_none"] or _praise(winner, study, home)
    return Panel(text, title="Best configuration", title_align="left", expand=False)


def _praise(winner: Mapping[Any, Any], study: Study, home: Home) -> str:
    """What made the winner the winner, and where to look further."""
    column = study.ranking.column
    value = format_metric(column, winner[column])
    variant = winner["variant"].strip("-").replace("~", " ")
    held = format_metric("pnl", winner["buy_and_hold_pnl"])
    lines = [
        f"{winner['configuration']}  {variant}".rstrip(),
        f"{winner['ranked_by']}: {value}, the best of {winner['variants_tried']:,} "
        f"variants; buy and hold made {held}.",
    ]
    if winner["ranked_above"]:
        lines.append(f"Ranked above it: {winner['ranked_above']}.")
    if isinstance(winner["verdict"], str):
        lines += ["", f"Verdict: {winner['verdict']}."]
        lines += [f"- {reason}" for reason in winner["reasons"].split("\n")]
        lines.append("")
    lines.append(f"Query it: duckdb {home.database}")
    return "\n".join(lines)
