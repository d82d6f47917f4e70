"""Section: heat maps of the axes, with the winner marked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_metric_briefly
from whatif_assets.domain.ranking.influence import by_influence
from whatif_assets.report.page.charts import (
    LOSS,
    WINNER,
    Trace,
    chart,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, escaped, paragraph
from whatif_assets.steps.sensitivity import LIMITS, written

MOST_OF_WINNER = 4
MOST_OF_OTHERS = 1
OTHERS = 4
MOST_NUMBERS = 80
MOST_AXES = 4
TITLE = "Sensitivity"


def sensitivity(content: PageContent) -> Section:
    """Draw the mean ranking metric over the most influential pairs of axes."""
    pairs, marginal = content.effects.pairs, content.effects.marginal
    if marginal.empty:
        note = "No configuration has a swept field, so nothing can be compared."
        return Section(TITLE, "sensitivity", paragraph(note))
    note = paragraph(
        f"Mean {content.study.ranking.label} of all variants with the same two values, "
        "over all their other settings; the most influential pairs of axes come first. "
        f"A frame marks the settings of {content.first}. If its cell is bright and its "
        "neighbours are dark, a slightly different setting would not have come first."
    )
    maps = "".join(_maps(content, pairs))
    lines = "".join(_lines(content, marginal))
    return Section(TITLE, "sensitivity", note + _grid(maps) + _grid(lines))


def _grid(charts: str) -> str:
    return f'<div class="grid">{charts}</div>' if charts else ""


def _maps(content: PageContent, pairs: pd.DataFrame) -> Iterator[str]:
    families = [str(name) for name in pairs["configuration"].unique()]
    families.sort(key=lambda name: name != content.family)
    number = 0
    for family in families[: OTHERS + 1]:
        of_family = pairs[pairs["configuration"] == family]
        most = MOST_OF_WINNER if family == content.family else MOST_OF_OTHERS
        for rows in by_influence(of_family)[:most]:
            yield _map(content, family, rows, f"chart-map-{number}")
            number += 1


def _map(content: PageContent, family: str, rows: pd.DataFrame, name: str) -> str:
    across, up = rows["value_x"].unique().tolist(), rows["value_y"].unique().tolist()
    axes = (str(rows["axis_x"].iloc[0]), str(rows["axis_y"].iloc[0]))
    means = rows["mean"].to_numpy().reshape(len(across), len(up)).T
    column = content.study.ranking.column
    cells = [[None if pd.isna(v) else float(f"{v:.6g}") for v in row] for row in means]
    heat = trace(
        "heatmap",
        x=[_label(axes[0], value) for value in across],
        y=[_label(axes[1], value) for value in up],
        z=cells,
        colorscale="Cividis",
        reversescale=not content.study.ranking.higher_is_better,
        colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": {"size": 10}},
        text=[[format_metric_briefly(column, v) for v in row] for row in means],
        texttemplate="%{text}" if means.size <= MOST_NUMBERS else "",
        textfont={"size": 10},
        hovertemplate="%{x}, %{y}: %{z:,.4~g}<extra></extra>",
        hoverongaps=False,
    )
    place = _place(content, axes) if family == content.family else None
    drawn = chart(
        name,
        [heat, *([_frame(place)] if place else [])],
        axes[0].replace("_", " "),
        axes[1].replace("_", " "),
        height=300,
        xaxis={"type": "category", "showgrid": False},
        yaxis={"type": "category", "showgrid": False},
    )
    return f"<div><h4>{escaped(_short(family))}</h4>{drawn}</div>"


def _frame(place: tuple[str, str]) -> Trace:
    return trace(
        "scatter",
        x=[place[0]],
        y=[place[1]],
        mode="markers",
        marker={
            "symbol": "square-open",
            "size": 32,
            "color": LOSS,
            "line": {"width": 3},
        },
        hoverinfo="skip",
    )


def _place(content: PageContent, axes: tuple[str, str]) -> tuple[str, str] | None:
    """Return the winner's values on two axes; None if its settings lack one."""
    settings = json.loads(content.winner["settings"])
    if not set(axes) <= set(settings):
        return None
    across, up = (_label(axis, written(settings[axis])) for axis in axes)
    return across, up


def _label(axis: str, value: Any) -> str:
    """Write a value of an axis; a limit of 0 is none, and therefore comes last."""
    return "none" if axis in LIMITS and str(value) == "0" else str(value)


def _lines(content: PageContent, marginal: pd.DataFrame) -> Iterator[str]:
    """Draw the range of the metric over each axis of the winner's family."""
    of_family = marginal[marginal["configuration"] == content.family]
    if of_family.empty:
        return
    label = content.study.ranking.label
    for number, rows in enumerate(by_influence(of_family)[:MOST_AXES]):
        axis = str(rows["axis"].iloc[0])
        drawn = chart(
            f"chart-axis-{number}",
            _range(rows),
            axis.replace("_", " "),
            label,
            height=240,
            xaxis={"type": "category"},
        )
        title = f"{_short(content.family)}: {axis}, median, best and worst"
        yield f"<div><h4>{escaped(title)}</h4>{drawn}</div>"


def _range(rows: pd.DataFrame) -> list[Any]:
    values = [
        _label(str(axis), value) for axis, value in zip(rows["axis"], rows["value"])
    ]
    middle = _plain(rows["median"])
    high, low = rows[["best", "worst"]].max(axis=1), rows[["best", "worst"]].min(axis=1)
    return [
        trace(
            "scatter",
            x=values,
            y=middle,
            mode="markers",
            marker={"color": WINNER, "size": 8},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": _plain(high - rows["median"]),
                "arrayminus": _plain(rows["median"] - low),
                "color": WINNER,
                "thickness": 1.3,
            },
            hovertemplate="%{x}: median %{y:,.4~g}<extra></extra>",
        )
    ]


def _plain(values: pd.Series[float]) -> list[float | None]:
    return [None if pd.isna(value) else float(f"{value:.6g}") for value in values]


def _short(family: str) -> str:
    return family.partition(".")[2].replace("~", " ")
