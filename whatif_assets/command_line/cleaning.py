"""The command ``whatif clean``: what a home occupies, and what can go."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import typer

from whatif_assets.command_line.tables import print_json, print_table
from whatif_assets.command_line.terminal import console, progress_display, say
from whatif_assets.home.disk import DiskUse
from whatif_assets.home.home import Home
from whatif_assets.orchestration.studies import running
from whatif_assets.steps.cleaning import Part, parts_of_home

MEGABYTE = 1e6


def print_cleaned(
    home_path: Path, *, dry_run: bool, confirmed: bool, as_json: bool
) -> bool:
    """Print what each part of a home occupies, and remove what nothing defines.

    Parameters
    ----------
    dry_run
        Whether to remove nothing.
    confirmed
        Whether to remove without asking. JSON without it removes nothing, since there
        is nobody to ask.

    Raises
    ------
    BadInput
        The folder is not a home, or a run is writing its results.
    """
    home = Home.open(home_path)
    # Imported here, because importing Dagster takes a second or two.
    from whatif_assets.orchestration.cleaning import clean
    from whatif_assets.orchestration.runs import registered_keys

    with running(home) as instance:
        parts = parts_of_home(home, registered_keys(home, instance))
        gone = [part for part in parts if part.why_removed]
        _print(home, parts, as_json=as_json)
        if dry_run or not gone or (as_json and not confirmed):
            return True
        if not confirmed and not typer.confirm(f"Remove {_counted(gone)}?"):
            return False
        with contextlib.nullcontext() if as_json else progress_display():
            freed, failures = clean(
                home, instance, gone, say=_quiet if as_json else say
            )
    if not as_json:
        say(
            f"{_counted(gone)} removed: {freed / MEGABYTE:,.1f} MB are free. Trials "
            "stay counted, and forward records go on."
        )
    for failure in failures:
        console.print(failure, style="red", highlight=False)
    return not failures


def _print(home: Home, parts: Sequence[Part], *, as_json: bool) -> None:
    uses: list[DiskUse] = [part.use(home) for part in parts]
    rows = pd.DataFrame(
        {
            "kind": [part.kind for part in parts],
            "name": [part.name for part in parts],
            "bytes": [use.occupied for use in uses],
            "no_longer_defined": [part.why_removed for part in parts],
        }
    )
    if as_json:
        print_json(rows)
        return
    rows.insert(2, "MB", (rows.pop("bytes") / MEGABYTE).round(2))
    gone = [part for part in parts if part.why_removed]
    note = f"{_counted(gone)} no longer defined." if gone else "Everything is defined."
    print_table(rows, f"What {home.path} occupies", note=note)


def _counted(parts: Sequence[Part]) -> str:
    return f"{len(parts)} part{'s' * (len(parts) != 1)}"


def _quiet(sentence: str) -> None:
    """Print nothing, so that the output is JSON alone."""
