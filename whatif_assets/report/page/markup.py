"""HTML: everything that comes from a study or a market is escaped here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    title
        Its heading, as plain text.
    anchor
        Its id in the page.
    html
        What is below the heading.
    """

    title: str
    anchor: str
    html: str


def escaped(value: Any) -> str:
    """Write a value so that nothing in it is taken for HTML."""
    return html.escape(str(value))


def paragraph(text: str, kind: str = "") -> str:
    """Write a paragraph of plain text; ``kind`` is its class in the style sheet."""
    return f"<p{_class(kind)}>{escaped(text)}</p>"


def listed(items: Iterable[str]) -> str:
    """Write a list of plain texts."""
    return "<ul>" + "".join(f"<li>{escaped(item)}</li>" for item in items) + "</ul>"


def folded(summary: str, content: str) -> str:
    """Fold HTML away below a line that opens it."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def table(
    head: Sequence[str], rows: Iterable[Sequence[Any]], texts: int = 1, kind: str = ""
) -> str:
    """Write a table that scrolls sideways where the screen is narrow.

    Parameters
    ----------
    head
        Headings of the columns.
    rows
        Cells, as they are to be read.
    texts
        How many columns hold text; those after them are figures, on the right.
    kind
        Class of the table in the style sheet.
    """
    return (
        f'<div class="scroll"><table{_class(kind)}><thead>'
        f"{_row(head, 'th', texts)}</thead><tbody>"
        + "".join(_row(row, "td", texts) for row in rows)
        + "</tbody></table></div>"
    )


def _row(cells: Sequence[Any], tag: str, texts: int) -> str:
    kinds = ["" if number < texts else "n" for number in range(len(cells))]
    return (
        "<tr>"
        + "".join(
            f"<{tag}{_class(kind)}>{escaped(cell)}</{tag}>"
            for kind, cell in zip(kinds, cells)
        )
        + "</tr>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
