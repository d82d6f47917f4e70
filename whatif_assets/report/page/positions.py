"""Section: what the winner holds, session by session."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from whatif_assets.domain.accounts.number_format import format_number
from whatif_assets.report.page.charts import HOLD, WINNER, chart, date_range, legend
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.report.page.markup import Section, paragraph, table

TITLE = "Positions"
MOST_SYMBOLS = 60


def positions(content: PageContent) -> Section:
    """Show exposure, number of positions and weights at the ends of sessions."""
    if not content.winner:
        return Section(TITLE, "positions", paragraph(content.why_none))
    held, days = content.positions, content.stretches[OUT_OF_SAMPLE]
    if held.empty or not days:
        why = "The winner holds nothing at the end of any session."
        return Section(TITLE, "positions", paragraph(why))
    note = paragraph(
        "What the winner holds at the end of each out-of-sample session, as a part of "
        "the equity of all symbols together. All rows are in the table positions."
    )
    weights = held.pivot_table("weight", "session", "symbol", aggfunc="sum")
    weights = weights.reindex(pd.to_datetime(list(days))).fillna(0.0)
    parts = (_figures(weights), _exposure(content, weights), _map(weights))
    return Section(TITLE, "positions", note + "".join(parts))


def _figures(weights: pd.DataFrame) -> str:
    gross, net = weights.abs().sum(axis=1), weights.sum(axis=1)
    count = (weights != 0).sum(axis=1)
    shares = weights.abs().div(gross.where(gross > 0), axis=0)
    concentration = (1 / (shares**2).sum(axis=1)).where(gross > 0)
    rows = [
        ("gross exposure", *_range(gross)),
        ("net exposure", *_range(net)),
        ("positions", *_range(count)),
        ("positions of equal size that are as concentrated", *_range(concentration)),
        ("largest weight", *_range(weights.abs().max(axis=1))),
    ]
    return table(("At the end of a session", "least", "mean", "most"), rows)


def _range(values: pd.Series[float]) -> tuple[str, str, str]:
    low, mean, high = (float(v) for v in (values.min(), values.mean(), values.max()))
    return format_number(low), format_number(mean), format_number(high)


def _exposure(content: PageContent, weights: pd.DataFrame) -> str:
    days = [day.date().isoformat() for day in weights.index]
    lines = {
        "gross": (weights.abs().sum(axis=1), WINNER),
        "net": (weights.sum(axis=1), HOLD),
    }
    traces = [
        go.Scatter(
            x=days,
            y=values.round(6).tolist(),
            mode="lines",
            line={"color": colour, "width": 1.6, "shape": "hv"},
            hovertemplate=f"%{{x|%Y-%m-%d}}, {name}: %{{y:.3f}}<extra></extra>",
        )
        for name, (values, colour) in lines.items()
    ]
    drawn = chart(
        "chart-exposure",
        traces,
        "session",
        "part of equity",
        height=240,
        xaxis=date_range(content),
    )
    names = legend((name, colour, "line") for name, (_, colour) in lines.items())
    return f"<h3>Exposure</h3>{names}{drawn}"


def _map(weights: pd.DataFrame) -> str:
    """Draw a heat map of the weights, the symbols that are held most on top."""
    most = weights.abs().sum().sort_values(ascending=False, kind="stable")
    shown = weights[most.index[:MOST_SYMBOLS]]
    note = ""
    if len(most) > MOST_SYMBOLS:
        note = f"The {MOST_SYMBOLS} symbols that are held most, of {len(most):,}. "
    end = float(np.abs(shown.to_numpy()).max())
    heat = go.Heatmap(
        x=[day.date().isoformat() for day in shown.index],
        y=[str(symbol) for symbol in shown.columns],
        z=shown.round(6).to_numpy().T.tolist(),
        zmin=-end,
        zmax=end,
        colorscale="RdBu",
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
    note += "Blue is a long position, red a short one."
    return f"<h3>Weights</h3>{paragraph(note)}{drawn}"
