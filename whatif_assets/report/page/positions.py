"""Section: what the winner holds and trades, session by session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.number_format import format_number
from whatif_assets.report.page.charts import (
    DIVERGING,
    HOLD,
    WINNER,
    chart,
    date_range,
    legend,
    trace,
)
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.report.page.markup import Section, paragraph, table

TITLE = "Positions"
MOST_SYMBOLS = 40
# Figures of the table, by the column of the table exposures.
FIGURES = {
    "gross": "gross exposure (leverage)",
    "net": "net exposure",
    "positions": "positions",
    "effective_positions": "positions of equal size that are as concentrated",
    "largest_weight": "largest weight",
    "turnover": "turnover of the session",
}


def positions(content: PageContent) -> Section:
    """Show exposure, concentration, turnover and weights by session."""
    if not content.winner:
        return Section(TITLE, "positions", paragraph(content.why_none))
    held, days = content.positions, content.stretches[OUT_OF_SAMPLE]
    if held.empty or not days:
        why = f"{content.first.capitalize()} holds nothing at the end of any session."
        return Section(TITLE, "positions", paragraph(why))
    note = paragraph(
        f"What {content.first} holds at the end of each out-of-sample session, as a "
        "part of the equity of all symbols together, and the value of its fills in the "
        "session as a part of the equity before. All rows are in the tables positions "
        "and exposures."
    )
    parts = (_figures(content.exposures), _charts(content), _map(_weights(content)))
    return Section(TITLE, "positions", note + "".join(parts))


def _weights(content: PageContent) -> pd.DataFrame:
    """Return the weights by session and symbol; 0 where nothing is held."""
    weights = content.positions.pivot_table(
        "weight", "session", "symbol", aggfunc="sum"
    )
    days = pd.to_datetime(list(content.stretches[OUT_OF_SAMPLE]))
    return weights.reindex(days).fillna(0.0)


def _figures(exposures: pd.DataFrame) -> str:
    rows = [
        (title, *_range(exposures[name].astype(np.float64)))
        for name, title in FIGURES.items()
    ]
    return table(("By session", "least", "mean", "most"), rows)


def _range(values: pd.Series[float]) -> tuple[str, str, str]:
    low, mean, high = (float(v) for v in (values.min(), values.mean(), values.max()))
    return format_number(low), format_number(mean), format_number(high)


def _charts(content: PageContent) -> str:
    """Draw exposure, number of positions and turnover over the sessions."""
    exposure = {"gross (leverage)": ("gross", WINNER), "net": ("net", HOLD)}
    number = {
        "positions": ("positions", WINNER),
        "positions of equal size that are as concentrated": (
            "effective_positions",
            HOLD,
        ),
    }
    return (
        _lines(content, "Exposure", "chart-exposure", "part of equity", exposure)
        + _lines(content, "Number of positions", "chart-number", "positions", number)
        + _turnover(content)
    )


def _turnover(content: PageContent) -> str:
    rows = content.exposures
    bars = trace(
        "bar",
        x=_days(rows),
        y=_plain(rows["turnover"]),
        marker={"color": WINNER},
        hovertemplate="%{x|%Y-%m-%d}: %{y:.4~g}<extra></extra>",
    )
    drawn = chart(
        "chart-turnover",
        [bars],
        "session",
        "part of equity",
        height=200,
        xaxis=date_range(content),
    )
    return f"<h3>Turnover</h3>{drawn}"


def _lines(
    content: PageContent,
    title: str,
    name: str,
    unit: str,
    lines: Mapping[str, tuple[str, str]],
) -> str:
    """Draw some columns of the exposures over the sessions, one line each."""
    rows = content.exposures
    days = _days(rows)
    traces = [
        trace(
            "scatter",
            x=days,
            y=_plain(rows[column]),
            mode="lines",
            line={"color": colour, "width": 1.6, "shape": "hv"},
            hovertemplate=f"%{{x|%Y-%m-%d}}, {of}: %{{y:.4~g}}<extra></extra>",
        )
        for of, (column, colour) in lines.items()
    ]
    drawn = chart(
        name,
        traces,
        "session",
        unit,
        height=240,
        xaxis=date_range(content),
        yaxis={"rangemode": "tozero"},
    )
    names = legend((of, colour, "line") for of, (_, colour) in lines.items())
    return f"<h3>{title}</h3>{names}{drawn}"


def _days(rows: pd.DataFrame) -> list[str]:
    return [day.date().isoformat() for day in pd.to_datetime(rows["session"])]


def _plain(values: pd.Series[Any]) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value), 6) for value in values]


def _map(weights: pd.DataFrame) -> str:
    """Draw a heat map of the weights, the symbols that are held most on top."""
    most = weights.abs().mean().sort_values(ascending=False, kind="stable")
    shown = weights[most.index[:MOST_SYMBOLS]]
    note = ""
    if len(most) > MOST_SYMBOLS:
        note = f"The {MOST_SYMBOLS} symbols that are held most, of {len(most):,}. "
    end = float(np.abs(shown.to_numpy()).max())
    heat = trace(
        "heatmap",
        x=[day.date().isoformat() for day in shown.index],
        y=[str(symbol) for symbol in shown.columns],
        z=shown.round(6).to_numpy().T.tolist(),
        zmin=-end,
        zmax=end,
        colorscale=DIVERGING,
        hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>",
        colorbar={"title": {"text": "weight"}, "thickness": 12},
    )
    drawn = chart(
        "chart-weights",
        [heat],
        "session",
        "",
        height=max(180, 80 + 15 * len(shown.columns)),
        xaxis={"type": "category", "nticks": 8, "tickangle": 0},
        yaxis={"type": "category", "autorange": "reversed", "tickfont": {"size": 11}},
    )
    note += "Blue is a long position, orange-red a short one."
    return f"<h3>Weights</h3>{paragraph(note)}{drawn}"
