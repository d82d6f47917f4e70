"""The command line: the commands of ``whatif``, their arguments and their help."""

from __future__ import annotations

import enum
import gc
import os
from pathlib import Path
from typing import Annotated, Optional

import typer
from typer._completion_classes import completion_init

from whatif_assets.command_line.cli_export import export
from whatif_assets.command_line.cli_new import new
from whatif_assets.command_line.options import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    StudyArgument,
    guarded,
    home_of,
    home_with_results,
    keep_help_of_arguments,
)
from whatif_assets.domain.base.errors import BadInput

keep_help_of_arguments()
completion_init()

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(export, name="export")
app.add_typer(new, name="new")


class Shell(str, enum.Enum):
    """Shells that can complete commands."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


class Backend(str, enum.Enum):
    """Where all models are fitted; overrides the configurations."""

    local = "local"
    spark = "spark"


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
VersionOption = Annotated[
    bool,
    typer.Option("--version", is_eager=True, help="Print the version and exit."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what would be computed, and why; compute nothing."
    ),
]


@app.callback(invoke_without_command=True)
def whatif(context: typer.Context, version: VersionOption = False) -> None:
    """Find out which configuration of a trading strategy would have been best."""
    if version:
        from importlib import metadata

        typer.echo(f"whatif_assets {metadata.version('whatif_assets')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def run(
    study: StudyArgument = None,
    home: HomeOption = DEFAULT_HOME,
    backend: BackendOption = None,
    sealed: SealedOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
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
        if dry_run:
            from whatif_assets.command_line.planning import print_plan

            return print_plan(home_of(home, study), study)
        return run_studies(home_of(home, study), study, sealed, confirmed=yes)

    guarded(_run)


@app.command()
def report(
    study: StudyArgument = None,
    home: HomeOption = DEFAULT_HOME,
    in_browser: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the leaderboard and the best configuration of the last run."""
    from whatif_assets.command_line import result_display as show

    def _report() -> bool:
        means = home_with_results(home, study)
        if in_browser:
            return show.open_report(means, study)
        return show.print_report(means, study, as_json=as_json)

    guarded(_report)


@app.command()
def check(
    study: Annotated[str, typer.Argument(help="A study file, or a study's name.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Check a study without running it, and list its configurations."""
    from whatif_assets.command_line.checking import print_check

    guarded(lambda: print_check(home_of(home, study), study, as_json=as_json))


@app.command("list")
def list_studies(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the studies of a home with their state, winner and verdict."""
    from whatif_assets.command_line.overview import print_list

    guarded(lambda: print_list(home, as_json=as_json))


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="A study, a configuration, or one:variant.")
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the configurations of a study, or the settings and metrics of one."""
    from whatif_assets.command_line.overview import print_show

    guarded(lambda: print_show(home, name, as_json=as_json))


@app.command("open")
def open_page(study: StudyArgument = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Open the page of a study, or the list of all studies, in the browser."""
    from whatif_assets.command_line.result_display import open_report

    guarded(lambda: open_report(home_with_results(home, study), study))


@app.command()
def doctor(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Examine this machine and a home, and say what is missing."""
    from whatif_assets.command_line.doctor import print_doctor

    guarded(lambda: print_doctor(home, as_json=as_json))


@app.command()
def plugins(as_json: JsonOption = False) -> None:
    """List what installed packages add, and what is wrong with it."""
    from whatif_assets.command_line.plugin_list import print_plugins

    guarded(lambda: print_plugins(as_json=as_json))


@app.command()
def watch(
    study: Annotated[str, typer.Argument(help="A study file.")],
    home: HomeOption = DEFAULT_HOME,
    runs: Annotated[
        bool, typer.Option("--run", help="Run the study after each save, too.")
    ] = False,
) -> None:
    """Check a study each time that its file or code beside it is saved.

    Errors are shown with their lines, else what a run would compute. Ctrl-C ends it.
    """
    from whatif_assets.command_line.watching import watch_study

    guarded(lambda: watch_study(home_of(home, study), study, runs=runs))


@app.command()
def ui(
    home: HomeOption = DEFAULT_HOME,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Port on 127.0.0.1.")
    ] = 3000,
) -> None:
    """Start the Dagster UI of a home on this machine, with schedules and sensors."""
    from whatif_assets.command_line.dagster_ui import start_ui

    guarded(lambda: start_ui(home, port))


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that you use.")],
) -> None:
    """Print a script that lets a shell complete commands and options.

    For bash: whatif completion bash >> ~/.bashrc
    """
    from typer._completion_shared import get_completion_script

    script = get_completion_script(
        prog_name="whatif", complete_var="_WHATIF_COMPLETE", shell=shell.value
    )
    typer.echo(script)


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

    guarded(
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

    guarded(
        lambda: print_answer(home, base, overrides or [], note, author, sealed=sealed)
    )


@app.command()
def questions(home: HomeOption = DEFAULT_HOME) -> None:
    """List the questions that were asked, with their notes."""
    from whatif_assets.command_line.asking import print_questions

    guarded(lambda: print_questions(home))


@app.command()
def audit(
    study: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(help="Only what concerns this study of the home."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List who ran, asked, opened a holdout or froze a winner, and when.

    With the versions of the code and data, from the ledger and the history of runs.
    """
    from whatif_assets.command_line.overview import print_audit

    guarded(lambda: print_audit(home, study, as_json=as_json))


@app.command()
def forget(
    key: Annotated[str, typer.Argument(help="Key of a question, as listed.")],
    home: HomeOption = DEFAULT_HOME,
    yes: YesOption = False,
) -> None:
    """Remove a question with its results from disk; its trials stay counted."""
    from whatif_assets.command_line.asking import print_forgotten

    guarded(lambda: print_forgotten(home, key, confirmed=yes))


@app.command("mcp")
def mcp_server(
    home: HomeOption = DEFAULT_HOME,
    author: Annotated[
        str, typer.Option(help="Name of the agent; by default what it calls itself.")
    ] = "",
    sealed: SealedOption = False,
) -> None:
    """Serve a home to an agent, by the Model Context Protocol over stdin and stdout.

    The agent can list, check, compare, query and ask; its questions are counted trials
    under its name.
    """

    def _serve() -> bool:
        try:
            from whatif_assets.command_line.mcp_server import serve
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
                raise
            raise BadInput(
                "The package mcp is not installed; use 'pip install "
                "whatif_assets[mcp]'."
            ) from None
        return serve(home, author, sealed=sealed)

    guarded(_serve)


@app.command()
def clean(
    home: HomeOption = DEFAULT_HOME,
    yes: YesOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go; remove nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a home occupies on disk, and remove what its studies no longer define.

    That is the results of configurations and studies that were removed, and tables of
    features that no study reads. Trials and forward records stay.
    """
    from whatif_assets.command_line.cleaning import print_cleaned

    guarded(
        lambda: print_cleaned(home, dry_run=dry_run, confirmed=yes, as_json=as_json)
    )
