"""Section: the winner's profit by symbol, group, leg, hour, session and cost."""

from __future__ import annotations

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.report.contributions import by_group
from whatif_assets.report.page.charts import (
    LOSS,
    WINNER,
    chart,
    date_range,
    legend,
    shade_entries,
    shades,
    trace,
)
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.report.page.markup import Section, paragraph, table
from whatif_assets.steps.comparison.attribution import NO_HOUR, Attribution

TITLE = "Sources of PnL"
MONEY = "PnL, account currency"
MOST_SYMBOLS = 60


def profits(content: PageContent) -> Section:
    """Divide the winner's out-of-sample profit into parts, in several ways."""
    attribution = content.attribution
    if attribution is None:
        why = content.why_none or content.unattributed
        return Section(TITLE, "profits", paragraph(why))
    note = paragraph(
        f"The profit of {content.first} out of sample, after costs: the change of its "
        "equity, including positions that are still open. Blue is profit, orange-red "
        "is loss."
    )
    parts = (
        _by_symbol(attribution),
        _by_group(content, attribution),
        _by_leg(attribution),
        _by_hour(content, attribution),
        _by_session(content),
        _by_cost(attribution),
    )
    return Section(TITLE, "profits", note + "".join(parts))


def _by_symbol(attribution: Attribution) -> str:
    pnl = attribution.daily.groupby("symbol")["pnl"].sum().sort_values(kind="stable")
    trades = attribution.trades.groupby("symbol")["pnl"].agg(["size", "sum"])
    shown, note = pnl, ""
    if len(pnl) > MOST_SYMBOLS:
        half = MOST_SYMBOLS // 2
        shown = pd.concat([pnl.head(half), pnl.tail(half)])
        note = paragraph(f"The {half} best and {half} worst of {len(pnl):,} symbols.")
    return f"<h3>By symbol</h3>{note}{_bars('chart-symbols', shown, trades)}"


def _by_group(content: PageContent, attribution: Attribution) -> str:
    """Draw the profit by the market's groups of symbols, if it has any."""
    if not content.market.groups:
        return ""
    pnl = by_group(content.market, attribution).sort_values(kind="stable")
    names = attribution.trades["symbol"]
    of = names.map(content.market.groups_of(names.unique()))
    trades = attribution.trades.groupby(of)["pnl"].agg(["size", "sum"])
    return f"<h3>By group</h3>{_bars('chart-groups', pnl, trades)}"


def _bars(name: str, pnl: pd.Series[float], trades: pd.DataFrame) -> str:
    """Draw profits as horizontal bars, with number and profit of closed trades."""
    trades = trades.reindex(pnl.index).fillna(0.0)
    bars = trace(
        "bar",
        x=pnl.round(6).tolist(),
        y=[str(part) for part in pnl.index],
        orientation="h",
        marker={"color": _sign_colours(pnl)},
        customdata=trades.round(6).to_numpy().tolist(),
        hovertemplate="%{y}: %{x:,.2f}<br>%{customdata[0]:,} closed trades made "
        "%{customdata[1]:,.2f}<extra></extra>",
    )
    return chart(
        name,
        [bars],
        MONEY,
        "",
        height=max(160, 60 + 17 * len(pnl)),
        yaxis={"type": "category", "tickfont": {"size": 11}, "dtick": 1},
    )


def _by_leg(attribution: Attribution) -> str:
    """Tabulate the profit of long and of short positions."""
    names = {"long": "long positions", "short": "short positions"}
    legs = attribution.by_leg().items()
    rows = [(names.get(leg, leg), format_metric("pnl", value)) for leg, value in legs]
    rows.append(("all", format_metric("pnl", attribution.pnl)))
    return "<h3>By leg</h3>" + table(("Part", "PnL"), rows)


def _by_hour(content: PageContent, attribution: Attribution) -> str:
    head = "<h3>By hour</h3>"
    if content.daily:
        return head + paragraph("Daily bars have no hours.")
    hours = attribution.by_hour()
    interest = hours.get(NO_HOUR, 0.0)
    hours = hours.drop(NO_HOUR, errors="ignore").sort_index()
    bars = trace(
        "bar",
        x=[f"{hour:02d}:00" for hour in hours.index],
        y=hours.round(6).tolist(),
        marker={"color": _sign_colours(hours)},
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
    note = "Profit from overnight moves counts in the first hour of the session."
    if interest:
        note += f" Interest on borrowed shares, which has no hour: {interest:,.2f}."
    return f"{head}{drawn}{paragraph(note)}"


def _by_session(content: PageContent) -> str:
    curve = content.curves[content.curves["kind"] == "winner"]
    if curve.empty:
        return ""
    daily = curve["pnl"] - curve.groupby("stretch")["pnl"].shift(1).fillna(0.0)
    bars = trace(
        "bar",
        x=[day.isoformat() for day in curve["session"]],
        y=daily.round(6).tolist(),
        marker={"color": _sign_colours(daily)},
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
    tested = daily[curve["stretch"] == OUT_OF_SAMPLE]
    note = paragraph(
        f"Out of sample {int((tested > 0).sum()):,} of {len(tested):,} sessions made "
        f"a profit; the best made {tested.max():,.2f}, the worst {tested.min():,.2f}."
    )
    return f"<h3>By session</h3>{legend(shade_entries(content))}{drawn}{note}"


def _by_cost(attribution: Attribution) -> str:
    parts = attribution.by_cost().items()
    rows = [(name, format_metric("pnl", value)) for name, value in parts]
    rows.append(("after costs", format_metric("pnl", attribution.pnl)))
    return "<h3>By cost</h3>" + table(("Part", "PnL"), rows)


def _sign_colours(values: pd.Series[float]) -> list[str]:
    return [LOSS if value < 0 else WINNER for value in values]
