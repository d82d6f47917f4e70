"""Section: the effect of costs on the winner and on the runners-up."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.number_format import format_figures
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.report.page.charts import (
    MARK,
    WINNER,
    Trace,
    chart,
    colours,
    legend,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, paragraph, table
from whatif_assets.steps.leaderboard import CANDIDATE, short_name

LEAST_SCALE = 1.0
POINTS = 60
# Commissions in the table, in basis points; the one that was charged is added.
COMMISSIONS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)


def costs(content: PageContent) -> Section:
    """Draw profit over commission, and list which candidate leads at which cost."""
    if not content.winner:
        return Section("Costs", "costs", paragraph(content.why_none))
    charged = charged_bps(content.winner)
    note = paragraph(
        "Profit out of sample if the same fills were charged another commission, in "
        "basis points of their value. The backtest charged "
        f"{format_figures(charged)} bp; slippage and other costs are unchanged."
    )
    colour, lines = colours(content), cost_lines(content)
    entries = [(name, colour[name], "line") for name in lines]
    top = _scale(content)
    drawn = chart(
        "chart-costs",
        [_line(name, *line, colour[name]) for name, line in lines.items()],
        "commission, bp of each fill's value",
        "PnL, account currency",
        height=320,
        shapes=[_mark(x) for _, x in _marks(content) if x <= top],
        xaxis={"range": [0, top]},
        annotations=[_label(n, x) for n, x in _marks(content) if x <= top],
        margin={"l": 8, "r": 12, "t": 48, "b": 8},
    )
    return Section("Costs", "costs", note + legend(entries) + drawn + _winners(content))


def charged_bps(row: Mapping[str, Any]) -> float:
    """Return the commission that a variant was charged, in basis points."""
    return float(json.loads(row["settings"])["commission_bps"])


def pnl_at(rows: pd.DataFrame, bps: float) -> FloatArray:
    """Compute the profit of variants if their fills were charged another commission.

    Parameters
    ----------
    rows
        One row per variant: ``pnl``, ``turnover``, ``start_cash`` and
        ``break_even_bps``, which may be NaN for a variant that never traded.
    bps
        Commission in basis points of the value of each fill.

    Returns
    -------
    numpy.ndarray
        Profit in the account's currency. A variant that never traded keeps its ``pnl``.
    """
    traded = (rows["turnover"] * rows["start_cash"]).to_numpy(np.float64)
    own = rows["break_even_bps"].to_numpy(np.float64)
    known = traded > 0
    pnl = rows["pnl"].to_numpy(np.float64)
    return np.where(known, np.where(known, own - bps, 0.0) * traded / 1e4, pnl)


def _drawn(content: PageContent) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of the winner and of the runners-up in the equity chart."""
    rows = content.leaderboard
    candidates = rows[rows["role"] == CANDIDATE]
    names = pd.Series(
        [short_name(row) for row in candidates.to_dict("records")],
        index=candidates.index,
    )
    lines = content.curves.loc[content.curves["kind"] != "hold", "line"].unique()
    return [(line, candidates[names == line].head(1)) for line in lines]


def _line(name: str, at: FloatArray, pnl: FloatArray, colour: str) -> Trace:
    return trace(
        "scatter",
        x=at.round(6).tolist(),
        y=pnl.round(6).tolist(),
        name=name,
        mode="lines",
        line={"color": colour, "width": 2.4 if colour == WINNER else 1.3},
        hovertemplate="%{x:.2f} bp: %{y:,.0f}",
    )


def cost_lines(content: PageContent) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return basis points and profit of the winner and of the runners-up, by name."""
    at = np.linspace(0, _scale(content), POINTS)
    return {
        name: (at, np.array([pnl_at(row, bps)[0] for bps in at]))
        for name, row in _drawn(content)
    }


def _marks(content: PageContent) -> Iterator[tuple[str, float]]:
    """Yield the marked costs: charged, overtaken by another variant, and break-even."""
    marks = (
        ("charged", charged_bps(content.winner)),
        ("flips", float(content.verdict.get("flip_bps", math.nan))),
        ("breaks even", float(content.winner["break_even_bps"])),
    )
    for name, value in marks:
        if math.isfinite(value) and value >= 0:
            yield f"{name} {format_figures(value)}", value


def _scale(content: PageContent) -> float:
    return 1.25 * max([LEAST_SCALE, *(value for _, value in _marks(content))])


def _mark(x: float) -> dict[str, Any]:
    line = {"color": MARK, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
            "line": line}  # fmt: skip


def _label(name: str, x: float) -> dict[str, Any]:
    place = {"charged": 0.0, "flips": 16.0, "breaks": 32.0}[name.split()[0]]
    return {
        "x": x,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": "left" if x == 0 else "center",
        "yshift": place,
        "text": name + " bp",
        "showarrow": False,
        "font": {"size": 11},
    }


def _winners(content: PageContent) -> str:
    """Tabulate the candidate with the highest profit at each commission."""
    rows = content.leaderboard
    candidates = rows[rows["role"] == CANDIDATE]
    winner = pd.DataFrame([content.winner])
    cells = []
    for bps in sorted({*COMMISSIONS, charged_bps(content.winner)}):
        profits = pnl_at(candidates, bps)
        best = candidates.iloc[int(np.nanargmax(profits))]
        cells.append(
            (
                format_figures(bps),
                short_name(best.to_dict()),
                f"{np.nanmax(profits):,.2f}",
                f"{pnl_at(winner, bps)[0]:,.2f}",
            )
        )
    head = (
        "Commission, bp",
        "Candidate with the highest PnL",
        "Its PnL",
        f"PnL of {content.first}",
    )
    return table(head, cells, 2)
