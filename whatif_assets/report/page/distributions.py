"""Section: how the winner's trades and sessions are distributed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.report.page.charts import (
    DIVERGING,
    LOSS,
    WINNER,
    Trace,
    chart,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, escaped, paragraph
from whatif_assets.steps.comparison.attribution import NO_HOUR, Attribution

TITLE = "Distributions"
MONEY = "PnL, account currency"
MOST_BINS = 40
TAIL = 0.005  # part of the values that lies in each of the two outermost bins
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def distributions(content: PageContent) -> Section:
    """Draw the profits of trades and of sessions, and when they were made."""
    attribution = content.attribution
    if attribution is None:
        why = content.why_none or content.unattributed
        return Section(TITLE, "distributions", paragraph(why))
    note = paragraph(
        f"Profits of {content.first} out of sample, after costs. The outermost bars of "
        "a histogram contain all values beyond them."
    )
    sessions = attribution.daily.groupby("session")["pnl"].sum()
    charts = [
        *_histogram("trades", "Closed trades", attribution.trades["pnl"]),
        *_histogram("days", "Sessions", sessions),
        *_by_weekday(sessions),
        *([] if content.daily else _by_hour(content, attribution)),
    ]
    return Section(
        TITLE, "distributions", f'{note}<div class="grid">{"".join(charts)}</div>'
    )


def binned(profits: FloatArray) -> tuple[FloatArray, float, FloatArray]:
    """Count profits in bins of equal width, of which one begins at 0.

    Parameters
    ----------
    profits
        At least one finite number.

    Returns
    -------
    left, width, counts
        Left edges of the bins, their width, and the count of each. Profits beyond the
        bins count in the outermost ones, so a few extreme ones do not hide the rest.
    """
    low, high = np.quantile(profits, [TAIL, 1 - TAIL])
    bins = min(MOST_BINS, max(1, 2 * int(np.sqrt(len(profits)))))
    width = float((high - low) / bins) or max(1.0, abs(float(high)))
    first, last = np.floor(low / width), np.floor(high / width)
    number = np.clip(np.floor(profits / width), first, last) - first
    counts = np.bincount(number.astype(np.int64), minlength=int(last - first) + 1)
    edges = width * (first + np.arange(len(counts)))
    return edges, width, counts.astype(np.float64)


def _histogram(name: str, title: str, profits: pd.Series) -> Iterator[str]:
    values = profits.dropna().to_numpy(dtype=np.float64)
    if not len(values):
        return
    left, width, counts = binned(values)
    bars = trace(
        "bar",
        name=title,
        x=[float(f"{edge + width / 2:.6g}") for edge in left],
        y=counts.tolist(),
        width=float(f"{0.94 * width:.6g}"),
        marker={"color": [LOSS if edge < 0 else WINNER for edge in left]},
        hovertemplate="around %{x:,.4~g}: %{y:,}<extra></extra>",
    )
    won = f"{title}: {int((values > 0).sum()):,} of {len(values):,} made a profit"
    yield _titled(won, f"chart-distribution-{name}", bars, MONEY, title.lower())


def _by_weekday(sessions: pd.Series) -> Iterator[str]:
    days = pd.DatetimeIndex(sessions.index).dayofweek
    sums = sessions.groupby(np.asarray(days)).sum()
    if len(sums) < 2:
        return
    bars = trace(
        "bar",
        name="by weekday",
        x=[WEEKDAYS[int(day)] for day in sums.index],
        y=sums.round(6).tolist(),
        marker={"color": [LOSS if value < 0 else WINNER for value in sums]},
        hovertemplate="%{x}: %{y:,.2f}<extra></extra>",
    )
    yield _titled("By weekday", "chart-weekdays", bars, "weekday", MONEY)


def _by_hour(content: PageContent, attribution: Attribution) -> Iterator[str]:
    """Draw the profit by hour and weekday; interest, which has no hour, is left out."""
    cells = attribution.cells[attribution.cells["hour"] != NO_HOUR]
    profits = cells.assign(
        pnl=cells["gross"] - cells["commission"],
        weekday=pd.DatetimeIndex(cells["session"]).dayofweek,
    )
    sums = profits.pivot_table("pnl", "hour", "weekday", aggfunc="sum")
    if sums.empty:
        return
    end = float(np.nanmax(np.abs(sums.to_numpy())))
    heat = trace(
        "heatmap",
        name="by hour and weekday",
        x=[WEEKDAYS[int(day)] for day in sums.columns],
        y=[f"{hour:02d}:00" for hour in sums.index],
        z=sums.round(4).to_numpy().tolist(),
        zmin=-end,
        zmax=end,
        colorscale=DIVERGING,
        colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": {"size": 10}},
        hovertemplate="%{x}, from %{y}: %{z:,.2f}<extra></extra>",
    )
    hours = f"hour, {content.timezone}"
    yield _titled(
        "By hour and weekday", "chart-hours-weekdays", heat, "weekday", hours, True
    )


def _titled(
    title: str, name: str, drawn: Trace, x: str, y: str, categories: bool = False
) -> str:
    axis = {"type": "category", "autorange": "reversed"} if categories else {}
    made = chart(name, [drawn], x, y, height=280, yaxis=axis)
    return f"<div><h4>{escaped(title)}</h4>{made}</div>"
