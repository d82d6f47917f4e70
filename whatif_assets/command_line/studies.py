"""The command ``whatif run``: run studies, and print their results."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from whatif_assets.command_line.result_display import print_new_results
from whatif_assets.command_line.terminal import console, progress_display, say
from whatif_assets.orchestration.studies import run_home


def run_studies(
    path: Path, study: str | None, sealed: bool = False, *, confirmed: bool = False
) -> bool:
    """Run one study, or every study of a home, and print the result.

    Parameters
    ----------
    path
        Folder of the home; a study file with a market sets up a new home.
    study
        A study file, a study's name, or None for all studies of the home.
    sealed
        Whether to leave holdouts unopened.
    confirmed
        Whether to run very large studies without asking.

    Returns
    -------
    bool
        Whether everything succeeded.

    Raises
    ------
    BadInput
        The folder is not a home and cannot become one, or there is no such study.
    """
    ended = run_home(
        path,
        study,
        sealed=sealed,
        say=say,
        display=progress_display(),
        agreed=lambda concern: confirmed or _agreed(concern),
    )
    print_new_results(ended.home, ended.studies)
    for fault in ended.left_out:
        console.print(f"Left out: {fault}", highlight=False)
    for failure in ended.failures:
        console.print(failure, style="red", highlight=False)
    return not ended.failures


def _agreed(concern: str) -> bool:
    """Ask somebody at a terminal; nobody else agrees."""
    return sys.stdin.isatty() and typer.confirm(f"{concern} Run it?")
