"""Output of ``whatif report`` and ``whatif run``: the results of a study."""

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

from whatif_assets.command_line.tables import print_json
from whatif_assets.command_line.terminal import console
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.probe_findings import questions
from whatif_assets.report.database import opened
from whatif_assets.report.front_page import front_page
from whatif_assets.report.leaders import leaders
from whatif_assets.report.overview import (
    named_study,
    no_report,
    outdated_note,
    why_outdated,
)
from whatif_assets.settings.study import Study
from whatif_assets.steps.evaluation import NOTES
from whatif_assets.steps.leaderboard import CANDIDATE

LEADERBOARD = "leaderboard"
WIDE = 100  # characters of a terminal in which headings need one line


def print_report(home_path: Path, study: str | None, *, as_json: bool = False) -> bool:
    """Print the last result of one study or of all, and warn if it is out of date.

    As JSON, the whole leaderboard of the studies is printed, and nothing else.

    Raises
    ------
    BadInput
        The folder is not a home, or has no such study or no report.
    """
    home = Home.open(home_path)
    studies = [named_study(home, study)] if study else list(home.studies().values())
    if not home.database.exists():
        raise no_report(home.database)
    if as_json:
        with opened(home) as connection:
            every = [_rows_of(connection, LEADERBOARD, one.name) for one in studies]
        print_json(pd.concat(every).sort_values(["study", "rank"]))
        return True
    for chosen in studies:
        if note := outdated_note(home, chosen):
            console.print(note, style="yellow", highlight=False)
        _print_results(home, chosen)
    return True


def print_result(home: Home, study: Study) -> None:
    """Print the result of a study after a run, or why there is no new result."""
    why = why_outdated(home, study)
    if why:
        console.print(
            f"Study {study.name} has no result to show: {why}.",
            style="red",
            highlight=False,
        )
    else:
        _print_results(home, study)


def open_report(home_path: Path, study: str | None) -> bool:
    """Open the page of a study, or the front page of a home of several studies.

    Raises
    ------
    BadInput
        The folder is not a home, or has no such study or no page.
    """
    home = Home.open(home_path)
    names = [named_study(home, study).name] if study else list(home.studies())
    pages = [home.page(name) for name in names]
    if len(pages) > 1 and front_page(home).exists():
        pages = [front_page(home)]
    found = [page for page in pages if page.exists()]
    if not found:
        raise no_report(pages[0] if pages else home.path)
    for page in found:
        console.print(str(page.resolve()), soft_wrap=True, highlight=False)
        if not webbrowser.open(page.resolve().as_uri()):
            console.print("No browser was found; open this file in a browser.")
    return True


def _print_results(home: Home, study: Study) -> None:
    """Print a study's leaderboard, the configurations left out, and its conclusion."""
    with opened(home) as connection:
        rows = _rows_of(connection, LEADERBOARD, study.name)
        outcomes = _rows_of(connection, "best_configuration", study.name)
        known = _rows_of(connection, "configurations", study.name)
    if len(outcomes) and "conclusion" not in outcomes:
        raise BadInput(
            f"{home.database} was written by an earlier version; use 'whatif run "
            f"{study.name}' to write it again."
        )
    if len(rows):
        console.print(_leaderboard(rows, study, home))
    for note in (*_left_out(known), *_notes(home, rows["configuration"])):
        console.print(note, style="yellow", highlight=False)
    for row in outcomes.to_dict("records"):
        console.print(_conclusion(row, home))
    if outcomes.empty:
        console.print(f"Study {study.name} has no results yet.")


def _left_out(known: pd.DataFrame) -> Iterator[str]:
    """List the configurations that are not in the leaderboard, and why."""
    out = known[known["state"] != "fresh"]
    for (state, because), rows in out.groupby(["state", "because"], sort=False):
        keys = ", ".join(rows["configuration"])
        yield f"Not in the leaderboard, {state} ({because}): {keys}"


def _notes(home: Home, keys: Iterable[str]) -> Iterator[str]:
    """List the notes on the results of configurations."""
    for key in dict.fromkeys(keys):
        manifest = home.lake.manifest("backtest_results", key)
        notes = manifest.details.get(NOTES, ()) if manifest else ()
        for note in (*notes, *questions(home.lake, key)):
            yield f"{key}: {note}"


def _rows_of(
    connection: duckdb.DuckDBPyConnection, table: str, study: str
) -> pd.DataFrame:
    query = f"FROM {table} WHERE study = ?"
    return connection.execute(query, [study]).df()


def _leaderboard(rows: pd.DataFrame, study: Study, home: Home) -> Table:
    synthetic = " (synthetic market)" if home.market.source == "sample" else ""
    table = Table(
        title=f"Leaderboard of {study.name}{synthetic}, by {study.ranking.label}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    ranked = rows.sort_values("rank")
    shown = leaders(ranked, study)
    is_narrow = console.width < WIDE
    for name in shown.columns:
        if name == "configuration":
            table.add_column(name, overflow="fold", min_width=20 if is_narrow else 24)
        else:
            heading = name.replace(" ", "\n") if is_narrow else name
            table.add_column(heading, justify="right", no_wrap=True)
    roles = ranked.drop_duplicates("configuration")["role"]
    for cells, role in zip(shown.itertuples(index=False), roles):
        table.add_row(*cells, style="" if role == CANDIDATE else "dim")
    table.caption = (
        f"The best variant of each configuration; all {len(rows):,} variants are in "
        "the table leaderboard."
    )
    table.caption_justify = "left"
    return table


def _conclusion(row: Mapping[Any, Any], home: Home) -> Panel:
    """Show a study's conclusion, with the same words as the page, the UI and DuckDB."""
    lines = row["conclusion"].split("\n")
    if isinstance(row["reasons"], str):
        lines += [f"- {reason}" for reason in row["reasons"].split("\n")]
    lines += ["", f"Query it: duckdb {home.database}"]
    title = Text(f"Result of {row['study']}")
    return Panel("\n".join(lines), title=title, title_align="left", expand=False)
