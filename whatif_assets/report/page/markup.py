"""HTML building blocks; they escape all text from studies and markets."""

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
        Heading, as plain text.
    anchor
        Id of the section in the page.
    html
        HTML below the heading.
    """

    title: str
    anchor: str
    html: str


def escaped(value: Any) -> str:
    """Convert a value to text, and escape it for HTML."""
    return html.escape(str(value))


def paragraph(text: str, kind: str = "") -> str:
    """Write a paragraph of plain text; ``kind`` is its CSS class."""
    return f"<p{_class(kind)}>{escaped(text)}</p>"


def listed(items: Iterable[str]) -> str:
    """Write a list of plain texts."""
    return "<ul>" + "".join(f"<li>{escaped(item)}</li>" for item in items) + "</ul>"


def folded(summary: str, content: str) -> str:
    """Hide HTML below a summary line that opens it with a click."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    texts: int = 1,
    kind: str = "",
    caption: str = "",
) -> str:
    """Write a table that scrolls sideways where the screen is narrow.

    Parameters
    ----------
    head
        Headings of the columns.
    rows
        Cells, already formatted; they are escaped here.
    texts
        Number of columns with text, aligned left; the columns after them are figures,
        aligned right.
    kind
        CSS class of the table.
    caption
        What the table shows, for screen readers; by default its columns.
    """
    named = escaped(caption or ", ".join(filter(None, head)))
    return (
        f'{scrolled(named)}<table{_class(kind)}><caption class="spoken">{named}'
        f"</caption><thead>{_row(head, 'th', texts)}</thead><tbody>"
        + "".join(_row(row, "td", texts) for row in rows)
        + "</tbody></table></div>"
    )


def scrolled(named: str, kind: str = "scroll") -> str:
    """Begin a part that scrolls by itself, which the keyboard reaches too."""
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="{named}">'


def _row(cells: Sequence[Any], tag: str, texts: int) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    kinds = ["" if number < texts else "n" for number in range(len(cells))]
    return (
        "<tr>"
        + "".join(
            f"<{tag}{_class(kind)}{scope}>{escaped(cell)}</{tag}>"
            for kind, cell in zip(kinds, cells)
        )
        + "</tr>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
