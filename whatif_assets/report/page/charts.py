"""Charts of the page, all in one style, with the same colour for the same line.

Python writes what a chart shows as JSON; ``charts.js`` draws it when it comes into
view, in the colours of the light or of the dark page, and gives its data as CSV. The
colours are those of Okabe and Ito, which colour-blind readers can distinguish.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.report.page.content import (
    HOLDOUT,
    IN_SAMPLE,
    OUT_OF_SAMPLE,
    STRETCHES,
    PageContent,
)
from whatif_assets.report.page.markup import escaped

Trace = dict[str, Any]

WINNER = "#0072B2"
HOLD = "#E69F00"
PLACEBO = "#8A8A8A"
LOSS = "#D55E00"
RUNNERS_UP = ("#009E73", "#CC79A7", "#56B4E9", "#9A6B4A")
MARK = "#808080"  # lines that are read on the light and on the dark page
# From a loss or a short position, over nothing, to a profit or a long position.
DIVERGING = [[0, LOSS], [0.5, "#F4F4F4"], [1, WINNER]]
# Translucent, because they lie on the light or on the dark page.
SHADES = {
    IN_SAMPLE: "rgba(120,150,180,0.25)",
    OUT_OF_SAMPLE: "rgba(0,0,0,0)",
    HOLDOUT: "rgba(235,190,70,0.25)",
}
NAMES = {stretch: stretch.replace("_", "-") for stretch in SHADES}
HALF_A_DAY = pd.Timedelta(hours=12)


def trace(kind: str, **settings: Any) -> Trace:
    """Describe a trace of plotly, such as a ``scatter`` or a ``bar``."""
    return {"type": kind, **settings}


def chart(
    name: str,
    traces: Sequence[Trace],
    x: str,
    y: str,
    *,
    height: int = 320,
    xaxis: dict[str, Any] | None = None,
    yaxis: dict[str, Any] | None = None,
    **layout: Any,
) -> str:
    """Describe a chart, which the page draws.

    Parameters
    ----------
    name
        Id of the chart in the page.
    traces
        Traces of plotly, as :func:`trace` describes them.
    x, y
        Titles of the axes, with units.
    height
        Height in pixels; the width is that of the page.
    xaxis, yaxis, layout
        Further settings of plotly.
    """
    figure = {
        "data": list(traces),
        "layout": {
            "height": height,
            "xaxis": {**(xaxis or {}), "title": {"text": x}},
            "yaxis": {**(yaxis or {}), "title": {"text": y}},
            **layout,
        },
    }
    return canvas(name, f"Chart of {y or 'parts'} by {x}", height, figure)


def canvas(name: str, label: str, height: int, figure: Any = None) -> str:
    """Make room for a chart, whose figure may also come from a script of the page.

    ``label`` says what it shows, for screen readers; ``height`` is in pixels.
    """
    return (
        f'<div class="chart" style="min-height:{height}px">'
        f'<div id="{escaped(name)}" class="plot" tabindex="0" role="img" '
        f'aria-label="{escaped(label)}"></div>'
        + ("" if figure is None else data_script(figure))
        + "</div>"
    )


def data_script(values: Any, name: str = "") -> str:
    """Put values into the page as JSON, which no text in them can end.

    Parameters
    ----------
    values
        Lists, mappings, texts and numbers; NaN and infinity are written as null.
    name
        Id of the element, for scripts that look for it.
    """
    try:
        text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(values), separators=(",", ":"), allow_nan=False)
    for unsafe in "<>&":
        text = text.replace(unsafe, f"\\u{ord(unsafe):04x}")
    of = f' id="{escaped(name)}"' if name else ""
    return f'<script type="application/json"{of}>{text}</script>'


def _finite(values: Any) -> Any:
    """Replace the numbers that JSON does not have by None."""
    if isinstance(values, float):
        return values if math.isfinite(values) else None
    if isinstance(values, Mapping):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_finite(value) for value in values]
    return values


def packed(values: Any, kind: str) -> dict[str, str]:
    """Pack numbers as plotly does: a third of the length of text, and read faster.

    Parameters
    ----------
    values
        Numbers of any shape; they are packed one row after the other.
    kind
        Type of NumPy, such as ``f4`` (seven digits, NaN for unknown) or ``i4``.
    """
    data = np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()
    return {"dtype": kind, "bdata": base64.b64encode(data).decode("ascii")}


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """Write a legend above a chart; in plotly's own legend long names do not wrap.

    Parameters
    ----------
    entries
        Name, colour and kind of each entry; a kind is ``line`` or ``area``.
    """
    items = (
        f'<li><i class="{kind}" style="--c:{colour}"></i>{escaped(name)}</li>'
        for name, colour, kind in entries
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def colours(content: PageContent) -> dict[str, str]:
    """Return the colour of every line of the page, by name."""
    lines = content.curves.drop_duplicates("line")
    runners = lines.loc[lines["kind"] == "runner_up", "line"]
    found = dict(zip(runners, RUNNERS_UP))
    for kind, colour in (("winner", WINNER), ("hold", HOLD)):
        found |= dict.fromkeys(lines.loc[lines["kind"] == kind, "line"], colour)
    return found


def shades(content: PageContent) -> list[dict[str, Any]]:
    """Return the shapes that shade in-sample sessions and holdout on a date axis."""
    found = []
    for stretch in STRETCHES:
        days = content.stretches[stretch]
        if days and stretch != OUT_OF_SAMPLE:
            found.append(
                {
                    "type": "rect",
                    "xref": "x",
                    "yref": "paper",
                    "x0": _iso(days[0], -HALF_A_DAY),
                    "x1": _iso(days[-1], HALF_A_DAY),
                    "y0": 0,
                    "y1": 1,
                    "fillcolor": SHADES[stretch],
                    "line": {"width": 0},
                    "layer": "below",
                }
            )
    return found


def shade_entries(content: PageContent) -> list[tuple[str, str, str]]:
    """Return the legend entries of the shades."""
    return [
        (_stretch_name(stretch, content.stretches[stretch]), SHADES[stretch], "area")
        for stretch in STRETCHES
        if content.stretches[stretch]
    ]


def _stretch_name(stretch: str, days: Sequence[date]) -> str:
    return f"{NAMES[stretch]}, {len(days):,} sessions {days[0]} to {days[-1]}"


def date_range(content: PageContent) -> dict[str, Any]:
    """Return the settings of a date axis that shows all sessions."""
    days = [day for stretch in STRETCHES for day in content.stretches[stretch]]
    if not days:
        return {"type": "date"}
    ends = [_iso(min(days), -HALF_A_DAY), _iso(max(days), HALF_A_DAY)]
    year = (max(days) - min(days)) > timedelta(days=300)
    return {
        "type": "date",
        "range": ends,
        "tickformat": "%b %Y" if year else "%d %b\n%Y",
        "nticks": 8,
        "tickfont": {"size": 11},
        "tickangle": 0,
        "zeroline": False,
    }


def _iso(day: date, offset: pd.Timedelta) -> str:
    return (pd.Timestamp(day) + offset).isoformat()


def broken(rows: pd.DataFrame, column: str) -> tuple[list[Any], list[Any]]:
    """Return the coordinates of a line over sessions, with a gap between stretches."""
    xs: list[Any] = []
    ys: list[Any] = []
    for _, part in rows.groupby("stretch", sort=False):
        xs += [day.isoformat() for day in part["session"]] + [None]
        ys += [*np.round(part[column].to_numpy(), 6).tolist(), None]
    return xs, ys
