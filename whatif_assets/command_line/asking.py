"""The commands ``whatif ask``, ``questions`` and ``forget``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import typer
from rich import box
from rich.table import Table

from whatif_assets.command_line.terminal import console, progress_display, say
from whatif_assets.home.home import Home
from whatif_assets.home.questions import find_question, read_questions
from whatif_assets.orchestration.studies import running
from whatif_assets.report.answer import Answer
from whatif_assets.settings.keys import overrides_in
from whatif_assets.steps.freshness import Freshness


def print_answer(
    home_path: Path,
    base: str,
    overrides: Sequence[str],
    note: str,
    author: str,
    *,
    sealed: bool,
) -> bool:
    """Ask a question, compute what it needs, and print the answer.

    Parameters
    ----------
    overrides
        Texts ``field=value``.

    Raises
    ------
    BadInput
        The folder is not a home, or the question is wrong.
    """
    home, values = Home.open(home_path), overrides_in(base, overrides)
    # Imported here, because importing Dagster takes a second or two.
    from whatif_assets.orchestration.asking import ask, read_question

    read_question(home, base, values)  # before anything starts, the display included
    with running(home, progress_display()) as instance:
        answer = ask(
            home,
            instance,
            base,
            values,
            note=note,
            author=author,
            sealed=sealed,
            say=say,
        )
    _print(answer)
    return not answer.failures


def _print(answer: Answer) -> None:
    for sentence in answer.sentences:
        say(sentence)
    if len(answer.changed_settings):
        console.print(_table("Settings that differ", answer.changed_settings))
    title = f"Metrics, compared with {answer.base}" if answer.base else "Metrics"
    console.print(_table(title, answer.changed_metrics))
    for failure in answer.failures:
        console.print(failure, style="red", highlight=False)


def _table(title: str, frame: pd.DataFrame) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in frame:
        table.add_column(str(column))
    for row in frame.itertuples(index=False):
        table.add_row(*map(str, row))
    return table


def print_questions(home_path: Path) -> bool:
    """Print the questions that were asked of a home, and whether they have an answer.

    Raises
    ------
    BadInput
        The folder is not a home.
    """
    home = Home.open(home_path)
    asked, fresh = read_questions(home), Freshness(home)
    if not asked:
        say(
            "No question was asked yet. Ask one with "
            "'whatif ask CONFIGURATION FIELD=VALUE'."
        )
        return True
    rows = [
        (
            question.key,
            str(fresh.of("backtest_results", question.key)),
            question.asked_at[:16].replace("T", " "),
            question.author,
            question.note,
        )
        for question in asked
    ]
    columns = ["question", "answer", "asked (UTC)", "author", "note"]
    console.print(_table("Questions", pd.DataFrame(rows, columns=columns)))
    return True


def print_forgotten(home_path: Path, key: str, *, confirmed: bool) -> bool:
    """Forget a question after asking whether that is meant, and print what is freed.

    Raises
    ------
    BadInput
        The folder is not a home, or the question was not asked.
    """
    home = Home.open(home_path)
    name = find_question(home, key)
    if not confirmed and not typer.confirm(f"Remove {name} and its results?"):
        return False
    from whatif_assets.orchestration.asking import forget

    with running(home, progress_display()) as instance:
        freed, failures = forget(home, instance, name, say=say)
    say(
        f"{name} is forgotten: {freed / 1e6:,.1f} MB are free. Its trials stay counted."
    )
    for failure in failures:
        console.print(failure, style="red", highlight=False)
    return not failures
