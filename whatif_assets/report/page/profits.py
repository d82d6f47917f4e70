"""Section: where the winner's profit comes from: symbol, hour and session."""

from __future__ import annotations

import json

import pandas as pd
import plotly.graph_objects as go

from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.report.page.charts import (
    LOSS,
    WINNER,
    chart,
    date_range,
    legend,
    shade_entries,
    shades,
)
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.report.page.markup import Section, paragraph, table
from whatif_assets.steps.comparison.attribution import NO_HOUR, Attribution

TITLE = "Sources of PnL"
MONEY = "PnL, account currency"
MOST_SYMBOLS = 60


def profits(content: PageContent) -> Section:
    """Divide the winner's out-of-sample profit by symbol, hour, session and cost."""
    of = content.attribution
    if of is None:
        why = content.why_none or content.unattributed
        return Section(TITLE, "profits", paragraph(why))
    note = paragraph(
        "The winner's profit out of sample, after costs: the change of what it owns, "
        "positions that are still open included. Blue is profit, vermilion is loss."
    )
    parts = (_by_symbol(of), _by_hour(content, of), _by_session(content), _by_cost(of))
    return Section(TITLE, "profits", note + "".join(parts))


def _by_symbol(of: Attribution) -> str:
    pnl = of.daily.groupby("symbol")["pnl"].sum().sort_values(kind="stable")
    shown, note = pnl, ""
    if len(pnl) > MOST_SYMBOLS:
        half = MOST_SYMBOLS // 2
        shown = pd.concat([pnl.head(half), pnl.tail(half)])
        note = paragraph(f"The {half} best and {half} worst of {len(pnl):,} symbols.")
    trades = of.trades.groupby("symbol")["pnl"].agg(["size", "sum"])
    trades = trades.reindex(shown.index).fillna(0.0)
    bars = go.Bar(
        x=shown.round(6).tolist(),
        y=[str(symbol) for symbol in shown.index],
        orientation="h",
        marker={"color": _signed(shown)},
        customdata=trades.round(6).to_numpy().tolist(),
        hovertemplate="%{y}: %{x:,.2f}<br>%{customdata[0]:,} closed trades made "
        "%{customdata[1]:,.2f}<extra></extra>",
    )
    drawn = chart(
        "chart-symbols",
        [bars],
        MONEY,
        "",
        height=max(160, 60 + 17 * len(shown)),
        yaxis={"type": "category", "tickfont": {"size": 11}, "dtick": 1},
    )
    return f"<h3>By symbol</h3>{note}{drawn}"


def _by_hour(content: PageContent, of: Attribution) -> str:
    head = "<h3>By hour</h3>"
    if json.loads(content.winner["settings"]).get("bar") == "1day":
        return head + paragraph("Daily bars have no hours.")
    hours = of.by_hour()
    interest = hours.get(NO_HOUR, 0.0)
    hours = hours.drop(NO_HOUR, errors="ignore").sort_index()
    bars = go.Bar(
        x=[f"{hour:02d}:00" for hour in hours.index],
        y=hours.round(6).tolist(),
        marker={"color": _signed(hours)},
        hovertemplate="from %{x}: %{y:,.2f}<extra></extra>",
    )
    drawn = chart(
        "chart-hours",
        [bars],
        f"hour of the bar, {content.timezone}",
        MONEY,
        height=260,
        xaxis={"type": "category"},
    )
    note = "What moves overnight counts in the first hour."
    if interest:
        note += f" Interest on borrowed shares, which has no hour: {interest:,.2f}."
    return f"{head}{drawn}{paragraph(note)}"


def _by_session(content: PageContent) -> str:
    mine = content.curves[content.curves["kind"] == "winner"]
    if mine.empty:
        return ""
    daily = mine["pnl"] - mine.groupby("stretch")["pnl"].shift(1).fillna(0.0)
    bars = go.Bar(
        x=[day.isoformat() for day in mine["session"]],
        y=daily.round(6).tolist(),
        marker={"color": _signed(daily)},
        hovertemplate="%{x|%Y-%m-%d}: %{y:,.2f}<extra></extra>",
    )
    drawn = chart(
        "chart-sessions",
        [bars],
        "session",
        MONEY,
        height=260,
        shapes=shades(content),
        xaxis=date_range(content),
    )
    outside = daily[mine["stretch"] == OUT_OF_SAMPLE]
    note = paragraph(
        f"Out of sample {int((outside > 0).sum()):,} of {len(outside):,} sessions made "
        f"money; the best made {outside.max():,.2f}, the worst {outside.min():,.2f}."
    )
    return f"<h3>By session</h3>{legend(shade_entries(content))}{drawn}{note}"


def _by_cost(of: Attribution) -> str:
    rows = [(name, format_metric("pnl", value)) for name, value in of.by_cost().items()]
    rows.append(("after costs", format_metric("pnl", of.pnl)))
    return "<h3>By cost</h3>" + table(("Part", "PnL"), rows)


def _signed(values: pd.Series[float]) -> list[str]:
    return [LOSS if value < 0 else WINNER for value in values]
