"""Terminal output of all commands: progress, errors, and the output of ``check``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
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

from whatif_assets.orchestration.progress import Progress, listen

if TYPE_CHECKING:
    from whatif_assets.settings.study import Study

WIDTH_OF_A_FILE = 110  # in characters, if the output is not a terminal
MARKET = ("market",)  # path of the market in a study file, to find its line
# No markup: the printed text comes from studies, data and libraries.
console = Console(
    width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE, markup=False, emoji=False
)
errors = Console(stderr=True, markup=False, emoji=False)


@contextlib.contextmanager
def progress_display() -> Iterator[None]:
    """Show a progress bar per piece of work, with the remaining time."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # Drawing takes time from the work, so draw less often than rich's default of ten
    # times a second.
    with Bars(*columns, console=console, refresh_per_second=4) as bars:
        tasks: dict[int, Any] = {}

        def _show(progress: Progress) -> None:
            task = tasks.get(id(progress))
            if task is None:
                task = bars.add_task(progress.what, total=progress.total)
                tasks[id(progress)] = task
                kept.append(progress)
            bars.update(task, completed=progress.done, total=progress.total)

        # References, so that no later object gets the `id` of an earlier one.
        kept: list[Progress] = []
        stop = listen(_show)
        try:
            yield
        finally:
            stop()


def say(sentence: str) -> None:
    """Print a sentence about a run, without wrapping it."""
    console.print(Text(sentence), soft_wrap=True)


def show_problem(message: str) -> None:
    """Print an error message on standard error, without wrapping its lines."""
    errors.print(Text(message), style="red", soft_wrap=True)


def print_check(home_path: Path, study: str) -> bool:
    """Check a study and print its configurations.

    Parameters
    ----------
    study
        A study file, or the name of a study of the home.

    Raises
    ------
    BadInput
        The study, its market, its code or its data has an error.
    """
    # Imported here, because the other functions of this module need no home.
    from whatif_assets.domain.base.errors import BadInput
    from whatif_assets.home.creation import check_study
    from whatif_assets.home.home import Home, code_base
    from whatif_assets.settings.entries import expand
    from whatif_assets.settings.market import MARKET_FILE
    from whatif_assets.settings.resolving import check_members
    from whatif_assets.settings.study import read_study, study_market
    from whatif_assets.steps.data_check import check_data, size_of
    from whatif_assets.steps.rehearsal import rehearse

    path = Path(study)
    if study.endswith((".yaml", ".yml")):
        document = read_study(path)[1]
        market, of_market, where = study_market(document), path, document.where(MARKET)
        if market is None:
            market, of_market = Home.open(home_path).market, home_path / MARKET_FILE
            where = str(of_market)
        checked = check_study(path, market)
        base = code_base(path)
    else:
        home = Home.open(home_path)
        market, of_market = home.market, home.path / MARKET_FILE
        where = str(of_market)
        checked = check_study(home.file_of(home.study(study)), home.market)
        base = home.code_base(study)
    configurations = expand(checked, base, market.bar_size)
    if findings := rehearse(configurations):
        raise BadInput("\n".join(findings))
    try:
        symbols = check_data(checked, market, of_market.parent)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    for configuration in configurations:
        check_members(configuration, symbols)
    console.print(_configurations(checked, base))
    console.print(str(size_of(checked, market, symbols, configurations)))
    return True


def _configurations(study: Study, base: Path) -> Table:
    from whatif_assets.settings.entries import expand

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
