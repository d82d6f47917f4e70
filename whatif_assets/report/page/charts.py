"""Charts of the page, all in one style, with the same colour for the same line.

The colours are those of Okabe and Ito, which colour-blind readers can distinguish.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from whatif_assets.report.page.content import (
    HOLDOUT,
    IN_SAMPLE,
    OUT_OF_SAMPLE,
    STRETCHES,
    PageContent,
)
from whatif_assets.report.page.markup import escaped

WINNER = "#0072B2"
HOLD = "#E69F00"
PLACEBO = "#8A8A8A"
LOSS = "#D55E00"
RUNNERS_UP = ("#009E73", "#CC79A7", "#56B4E9", "#6B4F3A")
INK, GRID = "#222222", "#E4E4E4"
SHADES = {IN_SAMPLE: "#DCE3EA", OUT_OF_SAMPLE: "#FFFFFF", HOLDOUT: "#FBF0D0"}
NAMES = {stretch: stretch.replace("_", "-") for stretch in SHADES}
HALF_A_DAY = pd.Timedelta(hours=12)
CONFIG = {"displayModeBar": False, "responsive": True}
AXIS: dict[str, Any] = {
    "gridcolor": GRID,
    "zerolinecolor": "#9A9A9A",
    "zeroline": True,
    "automargin": True,
    "fixedrange": True,
    "title": {"standoff": 8},
}
LAYOUT: dict[str, Any] = {
    "template": "none",
    "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
    "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
    "showlegend": False,
    "hovermode": "closest",
    "dragmode": False,
    "plot_bgcolor": "#FFFFFF",
    "paper_bgcolor": "#FFFFFF",
    "bargap": 0.15,
}


def chart(
    name: str,
    traces: Sequence[Any],
    x: str,
    y: str,
    *,
    height: int = 320,
    xaxis: dict[str, Any] | None = None,
    yaxis: dict[str, Any] | None = None,
    **layout: Any,
) -> str:
    """Draw a chart.

    Parameters
    ----------
    name
        Id of the chart in the page.
    traces
        Traces of plotly.
    x, y
        Titles of the axes, with units.
    height
        Height in pixels; the width is that of the page.
    xaxis, yaxis, layout
        Further settings of plotly.
    """
    figure = go.Figure(
        list(traces),
        layout={
            **LAYOUT,
            "height": height,
            "xaxis": {**AXIS, **(xaxis or {}), "title": {**AXIS["title"], "text": x}},
            "yaxis": {**AXIS, **(yaxis or {}), "title": {**AXIS["title"], "text": y}},
            **layout,
        },
    )
    drawn: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config=CONFIG
    )
    return f'<div class="chart">{drawn}</div>'


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
