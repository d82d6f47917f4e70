"""What the command line shows: progress, leaderboards, problems."""

from __future__ import annotations

import contextlib
import sys
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home, check_study, check_symbols
from whatif_assets.core.leaderboard.ranking import VIOLATES
from whatif_assets.core.leaderboard.rows import short_name
from whatif_assets.core.number_format import format_metric
from whatif_assets.core.study import Study, read_study, study_market
from whatif_assets.progress import Progress, listen

WIDTH_OF_A_FILE = 110
console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
errors = Console(stderr=True)
ROWS_SHOWN = 20
METRICS_SHOWN = ("pnl", "total_return", "sharpe", "max_drawdown", "trades")


@contextlib.contextmanager
def progress_display() -> Iterator[None]:
    """Show a bar per piece of work, with the time that is left."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # Drawn by a thread that takes time from the work: rich's ten times a second is
    # more than anybody reads.
    with Bars(*columns, console=console, refresh_per_second=4) as bars:
        tasks: dict[int, Any] = {}

        def show(progress: Progress) -> None:
            task = tasks.get(id(progress))
            if task is None:
                task = bars.add_task(progress.what, total=progress.total)
                tasks[id(progress)] = task
                kept.append(progress)
            bars.update(task, completed=progress.done, total=progress.total)

        # Held, so that no later piece of work takes the identity of an earlier one.
        kept: list[Progress] = []
        stop = listen(show)
        try:
            yield
        finally:
            stop()


def show_problem(message: str) -> None:
    """Print what is wrong with the input, as it is, on standard error."""
    errors.print(Text(message), style="red", soft_wrap=True)


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
    for winner in winners.to_dict("records"):
        console.print(_winner(winner, study, home))


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


def print_check(home_path: Path, study: str) -> bool:
    """Check a study and print its configurations."""
    path = Path(study)
    if study.endswith((".yaml", ".yml")):
        market = study_market(read_study(path)[1])
        if market is None:
            market = Home.open(home_path).market
        else:
            check_symbols(market, path)
        checked = check_study(path, market)
        base = path.parent
    else:
        home = Home.open(home_path)
        checked, base = home.study(study), home.studies_folder
    console.print(_configurations(checked, base))
    return True


def _configurations(study: Study, base: Path) -> Table:
    from whatif_assets.core.configuration import expand

    title = f"Study {study.name} is valid"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("configuration", "strategy", "algorithm", "variants"):
        table.add_column(column)
    for configuration in expand(study, base):
        table.add_row(
            configuration.key,
            configuration.strategy,
            configuration.algorithm or "-",
            str(len(configuration.variants())),
        )
    return table
