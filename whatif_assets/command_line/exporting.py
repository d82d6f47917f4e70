"""The commands ``whatif export``: what was written, and how to use it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whatif_assets.command_line.terminal import console
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.atomic import atomic_path
from whatif_assets.home.home import Home
from whatif_assets.python.opened import open_home
from whatif_assets.steps.model_export import SCRIPT, export_model

FEATURES_SHOWN = 5


def print_export(home: Path, key: str, to: Path, fold: int | None) -> bool:
    """Export a model, and print its files and the command that forecasts.

    Raises
    ------
    BadInput
        The folder is not a home, or the configuration has no model to export.
    """
    found = export_model(Home.open(home), key, to, fold)
    names = [name.upper() for name in found.features[:FEATURES_SHOWN]]
    more = ["..."] * (len(found.features) > FEATURES_SHOWN)
    model = "" if len(found.models) == 1 else f" --model {found.models[0]}"
    console.print(
        f"{found.folder}: {len(found.models)} model(s), model_card.json and {SCRIPT}.",
        highlight=False,
    )
    console.print(
        f"Forecast a bar from its {len(found.features)} features:\n"
        f"  python {found.folder / SCRIPT}{model} {' '.join([*names, *more])}",
        highlight=False,
        soft_wrap=True,
    )
    return True


def print_exported_table(home: Path, table: str, name: str, to: Path) -> bool:
    """Write a table of results to a file, and print how many rows it has.

    Parameters
    ----------
    home
        Folder of the home.
    table
        A method of `whatif_assets.python.opened.OpenedHome` that returns a frame.
    name
        Its argument: a study, an entry, or the key of a configuration.
    to
        The file. In CSV, times are UTC in ISO format and what is undefined is empty.

    Raises
    ------
    BadInput
        The ending of the file is neither ``.csv`` nor ``.parquet``, there are no such
        results, or the file cannot be written.
    """
    if to.suffix not in (".csv", ".parquet"):
        raise BadInput(f"--to: found {to}; write a name ending in .csv or .parquet.")
    rows = pd.DataFrame(getattr(open_home(home), table)(name))
    try:
        with atomic_path(to) as file:
            if to.suffix == ".csv":
                rows.to_csv(file, index=False, date_format="%Y-%m-%dT%H:%M:%S%z")
            else:
                rows.to_parquet(file, index=False)
    except OSError as error:
        raise BadInput(f"{to}: cannot be written ({error.strerror}).") from None
    console.print(f"{to}: {len(rows):,} rows of {table}.", highlight=False)
    return True
