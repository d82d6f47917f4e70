"""Terminal output of all commands: progress and errors."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

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
from rich.text import Text

from whatif_assets.orchestration.progress import Progress, listen

WIDTH_OF_A_FILE = 110  # in characters, if the output is not a terminal
# No markup: the printed text comes from studies, data and libraries.
console = Console(
    width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE, markup=False, emoji=False
)
errors = Console(stderr=True, markup=False, emoji=False)


SECONDS_BETWEEN_LINES = 5.0


def progress_display() -> contextlib.AbstractContextManager[None]:
    """Show the progress of work: bars in a terminal, else a line every few seconds."""
    return _progress_bars() if console.is_terminal else _progress_lines()


@contextlib.contextmanager
def _progress_lines(now: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Print a line about the work at hand every few seconds."""
    last = now()

    def _print(progress: Progress) -> None:
        nonlocal last
        if now() - last >= SECONDS_BETWEEN_LINES:
            last = now()
            say(str(progress))

    stop = listen(_print)
    try:
        yield
    finally:
        stop()


@contextlib.contextmanager
def _progress_bars() -> Iterator[None]:
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


def show_remark(sentence: str) -> None:
    """Print a sentence about a run on standard error, where output is for programs."""
    errors.print(Text(sentence), soft_wrap=True)
