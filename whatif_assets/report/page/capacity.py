"""Section: results of the winner and of the other finalists at other capitals."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_metric_briefly
from whatif_assets.report.page.charts import (
    MARK,
    PLACEBO,
    WINNER,
    Trace,
    chart,
    legend,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, paragraph, table
from whatif_assets.steps.capacity import outgrown_at
from whatif_assets.steps.leaderboard import short_name

TITLE = "Capacity"
OTHERS = "the best of the other finalists"
NONE = (
    "Not computed. It needs a variant of a built-in strategy, and costs that depend "
    "on the size of an order: impact, participation, commission_minimum, "
    "commission_per_order or commission_tiers. With other costs, profit grows in "
    "proportion to the capital."
)


def capacity(content: PageContent) -> Section:
    """Draw the winner's Sharpe ratio over capital, and list who leads at which."""
    rows = content.capacity
    if rows.empty or not content.winner:
        return Section(TITLE, "capacity", paragraph(NONE))
    is_winner = rows["rank"] == content.winner["rank"]
    winner, others = rows[is_winner], rows[~is_winner]
    traces = [_line(winner, WINNER)]
    entries = [(content.first, WINNER, "line")]
    others = others.dropna(subset=["sharpe"])
    if len(others):
        best = others.loc[others.groupby("capital")["sharpe"].idxmax()]
        traces.insert(0, _line(best, PLACEBO))
        entries.append((OTHERS, PLACEBO, "line"))
    drawn = chart(
        "chart-capacity",
        traces,
        "capital, account currency (logarithmic)",
        "Sharpe ratio",
        height=300,
        xaxis={"type": "log", "tickformat": "~s"},
        shapes=[_mark(float(content.winner["start_cash"]))],
    )
    note = paragraph(_sentence(content))
    return Section(
        TITLE, "capacity", note + legend(entries) + drawn + _leaders(content)
    )


def _sentence(content: PageContent) -> str:
    """Say up to which capital the winner is the best."""
    own = float(content.winner["start_cash"])
    at = outgrown_at(content.capacity, own)
    begin = (
        "Results out of sample at other capitals; the sizes of positions grow with the "
        "capital, and the costs of each fill follow. The dotted line is the capital of "
        f"the study, {own:,.0f}. "
    )
    if math.isinf(at):
        first = content.first.capitalize()
        return f"{begin}{first} stays the best finalist at each larger capital."
    return f"{begin}From a capital of {at:,.0f} on, {content.first} is not the best."


def _line(rows: pd.DataFrame, colour: str) -> Trace:
    return trace(
        "scatter",
        x=rows["capital"].tolist(),
        y=[None if pd.isna(v) else round(float(v), 6) for v in rows["sharpe"]],
        mode="lines+markers",
        line={"color": colour, "width": 2.4 if colour == WINNER else 1.3},
        hovertemplate="%{x:,.0f}: %{y:.3f}<extra></extra>",
    )


def _mark(x: float) -> dict[str, Any]:
    line = {"color": MARK, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
            "line": line}  # fmt: skip


def _leaders(content: PageContent) -> str:
    """Tabulate the winner and the best finalist at each capital."""
    rows, pnl = content.capacity, f"PnL of {content.first}"
    winner = rows[rows["rank"] == rows["rank"].min()]
    cells = []
    for row in winner.to_dict("records"):
        best = rows[(rows["capital"] == row["capital"]) & rows["best"].astype(bool)]
        names = [short_name(one) for one in best.to_dict("records")]
        figures = [
            format_metric_briefly(name, row[name])
            for name in ("pnl", "total_return", "sharpe")
        ]
        cells.append((f"{row['capital']:,.0f}", *(names or ["none"]), *figures))
    head = ("Capital", "Best finalist", pnl, "Its return", "Its Sharpe")
    return table(head, cells, 2)
