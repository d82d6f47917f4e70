"""The command line: ``whatif run``, ``ask``, ``report``, ``diff`` and others."""

from __future__ import annotations

import enum
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import typer

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.orchestration.interruption import interrupted

app = typer.Typer(
    help="What-if analysis of trading strategies: which configuration was best?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

export = typer.Typer(
    help="Write a result to files for use outside the platform.", no_args_is_help=True
)
app.add_typer(export, name="export")

FAILED, BAD_INPUT = 1, 2


class Backend(str, enum.Enum):
    """Where all models are fitted; overrides the configurations."""

    local = "local"
    spark = "spark"


HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="WHATIF_HOME", help="Folder of the home."),
]
BackendOption = Annotated[
    Optional[Backend],  # noqa: UP045 - typer on Python 3.10 reads no other form
    typer.Option("--backend", help="Fit every model there; overrides the study."),
]
SealedOption = Annotated[
    bool,
    typer.Option("--sealed", help="Do not open holdouts; each opening is counted."),
]
OpenOption = Annotated[
    bool,
    typer.Option("--open", help="Open the report in the browser instead of printing."),
]
StudyArgument = Annotated[
    Optional[str],  # noqa: UP045
    typer.Argument(help="A study of the home by name, or a study file."),
]
DEFAULT_HOME = Path("data")


@app.command()
def run(
    study: StudyArgument = None,
    home: HomeOption = DEFAULT_HOME,
    backend: BackendOption = None,
    sealed: SealedOption = False,
) -> None:
    """Compute everything that a study needs and print the best configuration.

    Without a study, every study of the home is run.
    """
    from whatif_assets.command_line.studies import run_studies
    from whatif_assets.steps.backend import BACKEND

    # Garbage collection is slow among the many objects of libraries: do it less often.
    gc.set_threshold(20_000)

    def _run() -> bool:
        if backend:
            os.environ[BACKEND] = backend.value
        return run_studies(home, study, sealed)

    _guarded(_run)


@app.command()
def report(
    study: StudyArgument = None,
    home: HomeOption = DEFAULT_HOME,
    in_browser: OpenOption = False,
) -> None:
    """Print the leaderboard and the best configuration of the last run."""
    from whatif_assets.command_line.result_display import open_report, print_report

    _guarded(lambda: (open_report if in_browser else print_report)(home, study))


@app.command()
def check(
    study: Annotated[str, typer.Argument(help="A study file, or a study's name.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Check a study without running it, and list its configurations."""
    from whatif_assets.command_line.terminal import print_check

    _guarded(lambda: print_check(home, study))


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="A study, a configuration, or one:variant.")],
    b: Annotated[str, typer.Argument(help="The same, to compare A with.")],
    home: HomeOption = DEFAULT_HOME,
    everything: Annotated[
        bool, typer.Option("--all", help="List all rows, not only the largest ten.")
    ] = False,
    json_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--json", help="Also write the whole comparison to this file."),
    ] = None,
) -> None:
    """Compare two results: settings, metrics, and the sources of the difference.

    A and B are each a study (its best configuration is compared), a configuration (its
    best variant), or a configuration and a variant, written as in the leaderboard, such
    as demo.ema:fastperiod=20~slowperiod=90. Differences are B minus A.
    """
    from whatif_assets.command_line.comparison_display import print_comparison

    _guarded(
        lambda: print_comparison(home, a, b, everything=everything, json_file=json_file)
    )


@app.command()
def ask(
    base: Annotated[str, typer.Argument(help="Configuration, such as demo.rf_small.")],
    overrides: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Other values of its fields, such as max_depth=8."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    note: Annotated[str, typer.Option(help="Why you ask; kept with it.")] = "",
    author: Annotated[str, typer.Option(help="Who asks; kept with it.")] = "",
    sealed: SealedOption = False,
) -> None:
    """Ask how a result changes with other settings, and whether the winner does.

    Everything up to the verdict and the report is computed. A question that was asked
    before is answered by what exists, and makes no new trial.
    """
    from whatif_assets.command_line.asking import print_answer

    _guarded(
        lambda: print_answer(home, base, overrides or [], note, author, sealed=sealed)
    )


@app.command()
def questions(home: HomeOption = DEFAULT_HOME) -> None:
    """List the questions that were asked, with their notes."""
    from whatif_assets.command_line.asking import print_questions

    _guarded(lambda: print_questions(home))


@app.command()
def forget(
    key: Annotated[str, typer.Argument(help="Key of a question, as listed.")],
    home: HomeOption = DEFAULT_HOME,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation.")
    ] = False,
) -> None:
    """Remove a question with its results from disk; its trials stay counted."""
    from whatif_assets.command_line.asking import print_forgotten

    _guarded(lambda: print_forgotten(home, key, confirmed=yes))


@export.command("model")
def export_model(
    key: Annotated[str, typer.Argument(help="Key of a configuration with a model.")],
    home: HomeOption = DEFAULT_HOME,
    to: Annotated[
        Path, typer.Option("--to", help="Folder in which a folder KEY is made.")
    ] = Path(),
    fold: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--fold", help="Number of a fold; the last one by default."),
    ] = None,
) -> None:
    """Write a model, its card, and a script that forecasts a new bar with NumPy."""
    from whatif_assets.command_line.exporting import print_export

    _guarded(lambda: print_export(home, key, to, fold))


def _guarded(work: Callable[[], bool]) -> None:
    """Exit with a status: 0 success, 1 failure, 2 bad input, or that of a signal."""
    try:
        succeeded = work()
    except BadInput as error:
        from whatif_assets.command_line.terminal import show_problem

        show_problem(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        raise typer.Exit(interrupted()) from None
    if not succeeded:
        raise typer.Exit(FAILED)
