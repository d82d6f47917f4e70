"""Tables that fit the terminal, or the same rows as JSON."""

from __future__ import annotations

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from whatif_assets.command_line.terminal import console


def print_table(
    rows: pd.DataFrame, title: str, *, as_json: bool = False, note: str = ""
) -> None:
    """Print rows as a table, whose long texts wrap, or as JSON.

    Parameters
    ----------
    rows
        The rows; a column that is empty in all of them is left out of the table.
    title, note
        What is printed above the table and below it; not in JSON.
    as_json
        Whether to print a list of objects instead.
    """
    if as_json:
        print_json(rows)
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    texts = rows.astype(object).where(rows.notna(), "").astype(str)
    shown = [name for name in texts if (texts[name] != "").any()]
    for name in shown:
        is_number = pd.api.types.is_numeric_dtype(rows[name])
        table.add_column(
            str(name).replace("_", " "),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=is_number,
        )
    for cells in texts[shown].itertuples(index=False):
        table.add_row(*(Text(cell) for cell in cells))
    table.caption, table.caption_justify = note or None, "left"
    console.print(table)


def print_json(rows: pd.DataFrame) -> None:
    """Print rows as a list of JSON objects, dates and times in ISO format."""
    text = rows.to_json(orient="records", date_format="iso", indent=1)
    console.print(text, soft_wrap=True, highlight=False)
