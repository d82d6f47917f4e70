"""The command ``whatif export``: what was written, and how to use it."""

from __future__ import annotations

from pathlib import Path

from whatif_assets.command_line.terminal import console
from whatif_assets.home.home import Home
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
