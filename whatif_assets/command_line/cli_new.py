"""The commands ``whatif new ...``: starts for something of your own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from whatif_assets.command_line.options import guarded

new = typer.Typer(help="Write a start for something of your own.", no_args_is_help=True)
ToOption = Annotated[
    Path, typer.Option("--to", help="Folder in which the files are written.")
]
KINDS = {
    "strategy": "a strategy of Backtrader",
    "algorithm": "a learning algorithm",
    "feature": "a feature of bars",
    "source": "a source of bars",
    "metric": "a metric to rank by",
    "check": "a check of bars",
    "section": "a section of the report's page",
}


@new.command("study")
def new_study(
    name: Annotated[str, typer.Argument(help="Name of the study and of its file.")],
    to: ToOption = Path(),
    demo: Annotated[
        bool, typer.Option("--demo", help="Write the demo of the documentation.")
    ] = False,
) -> None:
    """Write a study file that runs as it is, as a start."""
    from whatif_assets.command_line.new_study import print_new_study

    guarded(lambda: print_new_study(name, to, is_demo=demo))


def _command(word: str) -> Callable[[str, Path], None]:
    def _new(
        name: Annotated[str, typer.Argument(help="Its name, and that of its file.")],
        to: ToOption = Path(),
    ) -> None:
        from whatif_assets.command_line.new_plugin import print_new_plugin

        guarded(lambda: print_new_plugin(word, name, to))

    return _new


for _word, _what in KINDS.items():
    new.command(_word, help=f"Write {_what} with its test, as a start.")(
        _command(_word)
    )
