"""The commands ``whatif export ...``: results as files for use outside the platform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import typer

from whatif_assets.command_line.options import DEFAULT_HOME, HomeOption, guarded

export = typer.Typer(
    help="Write a result to files for use outside the platform.", no_args_is_help=True
)
EntryArgument = Annotated[
    str,
    typer.Argument(
        help="A study, a configuration, or one:variant; for the leaderboard a study, "
        "for forecasts a configuration."
    ),
]
FileOption = Annotated[
    Path, typer.Option("--to", help="The file, ending in .csv or .parquet.")
]
TABLES = {
    "leaderboard": "the variants of a study, the best first,",
    "equity": "the equity of a finalist at the end of each session",
    "trades": "the closed trades of a finalist",
    "forecasts": "the forecasts of a configuration",
}


@export.command("model")
def export_model(
    key: Annotated[str, typer.Argument(help="Key of a configuration with a model.")],
    home: HomeOption = DEFAULT_HOME,
    to: Annotated[
        Path, typer.Option("--to", help="Folder in which a folder KEY is made.")
    ] = Path(),
    fold: Annotated[
        Optional[int],  # noqa: UP045 - typer on Python 3.10 reads no other form
        typer.Option(
            "--fold",
            help="Number of a fold; by default one that knows the latest sessions.",
        ),
    ] = None,
) -> None:
    """Write a model, its card, and a script that forecasts a new bar with NumPy."""
    from whatif_assets.command_line.exporting import print_export

    guarded(lambda: print_export(home, key, to, fold))


def _command(table: str) -> Callable[[str, Path, Path], None]:
    def _export(
        name: EntryArgument, to: FileOption, home: HomeOption = DEFAULT_HOME
    ) -> None:
        from whatif_assets.command_line.exporting import print_exported_table

        guarded(lambda: print_exported_table(home, table, name, to))

    return _export


for _table, _what in TABLES.items():
    export.command(_table, help=f"Write {_what} to a file.")(_command(_table))
