"""The command line: ``whatif run``, ``report``, ``check`` and ``diff``."""

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

FAILED, BAD_INPUT = 1, 2


class Backend(str, enum.Enum):
    """Where models are fitted, whatever the configurations say."""

    local = "local"
    spark = "spark"


HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="WHATIF_HOME", help="Folder of the home."),
]
BackendOption = Annotated[
    Optional[Backend],  # noqa: UP045 - typer on Python 3.10 reads no other form
    typer.Option("--backend", help="Fit every model there, whatever the study says."),
]
SealedOption = Annotated[
    bool,
    typer.Option("--sealed", help="Do not open a holdout; each opening is counted."),
]
OpenOption = Annotated[
    bool,
    typer.Option("--open", help="Open the report's page in the browser instead."),
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
    """Materialise everything that a study needs and print the best configuration.

    Without a study, every study of the home is run.
    """
    from whatif_assets.command_line.studies import run_studies
    from whatif_assets.steps.backend import BACKEND

    # Libraries are many objects: each look for garbage among all of them is long.
    gc.set_threshold(20_000)

    def work() -> bool:
        if backend:
            os.environ[BACKEND] = backend.value
        return run_studies(home, study, sealed)

    _guarded(work)


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
    b: Annotated[str, typer.Argument(help="What to compare it to.")],
    home: HomeOption = DEFAULT_HOME,
    everything: Annotated[
        bool, typer.Option("--all", help="List every row, not the largest ten.")
    ] = False,
    json_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--json", help="Write the whole comparison to this file, too."),
    ] = None,
) -> None:
    """Compare two results: settings, metrics, and where the difference comes from.

    A and B are a study (its best configuration is meant), a configuration (its best
    variant), or a configuration and a variant as the leaderboard writes them, such as
    demo.ema:fastperiod=20~slowperiod=90. Differences are B less A.
    """
    from whatif_assets.command_line.comparison_display import print_comparison

    _guarded(
        lambda: print_comparison(home, a, b, everything=everything, json_file=json_file)
    )


def _guarded(work: Callable[[], bool]) -> None:
    """Turn outcomes into exit statuses: 0 done, 1 failed, 2 bad input."""
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
