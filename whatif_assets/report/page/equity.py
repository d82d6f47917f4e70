"""Sections: equity and drawdown of the finalists."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from whatif_assets.report.page.charts import (
    HOLD,
    PLACEBO,
    WINNER,
    broken,
    chart,
    colours,
    date_range,
    legend,
    shade_entries,
    shades,
)
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.report.page.markup import Section, paragraph

BAND_FILL = "rgba(138,138,138,0.30)"
NO_RESULT = "The lake has no result."
STRONG = ("winner", "hold")


def equity(content: PageContent) -> Section:
    """Draw profits of winner, runners-up, buy-and-hold and random traders."""
    if content.curves.empty:
        return Section("Equity", "equity", paragraph(NO_RESULT))
    note = paragraph(
        "Profit at the end of each session. The account starts anew at 0 in each "
        "stretch; models have seen the in-sample sessions, so what they earn there "
        "says nothing."
    )
    traces = [*_band(content.traders), *(_traces(content, "pnl", "%{y:,.0f}"))]
    drawn = chart(
        "chart-equity",
        traces,
        "session",
        "PnL, account currency",
        height=380,
        shapes=shades(content),
        xaxis=date_range(content),
    )
    return Section("Equity", "equity", note + _legend(content) + drawn)


def drawdown(content: PageContent) -> Section:
    """Draw how far winner and buy-and-hold are below their last peak."""
    deep = _deep(content)
    if deep.empty:
        why = content.why_none or NO_RESULT
        return Section("Drawdown", "drawdown", paragraph(why))
    names = deep.drop_duplicates("line")
    entries = [
        (line, WINNER if kind == "winner" else HOLD, "line")
        for line, kind in zip(names["line"], names["kind"])
    ]
    drawn = chart(
        "chart-drawdown",
        [
            _line_of(deep[deep["line"] == line], line, colour, "below", "%{y:.2f} %")
            for line, colour, _ in reversed(entries)
        ],
        "session",
        "below the last peak, %",
        height=260,
        shapes=shades(content),
        xaxis=date_range(content),
    )
    note = paragraph(
        "Equity at the end of each session against its highest value so far in the "
        "stretch, the starting cash included."
    )
    return Section(
        "Drawdown",
        "drawdown",
        note + legend([*entries, *shade_entries(content)]) + drawn,
    )


def drawdowns(content: PageContent) -> pd.DataFrame:
    """Winner and buy-and-hold out of sample, with :func:`below_peak` as ``below``."""
    deep = _deep(content)
    return deep[deep["stretch"] == OUT_OF_SAMPLE]


def _deep(content: PageContent) -> pd.DataFrame:
    strong = content.curves[content.curves["kind"].isin(STRONG)]
    return strong.assign(below=below_peak(strong))


def below_peak(curves: pd.DataFrame) -> pd.Series[float]:
    """Distance from the highest equity so far, in percent of it, at most 0."""
    value = curves["start_cash"] + curves["pnl"]
    peak = value.groupby([curves["line"], curves["stretch"]]).cummax()
    peak = peak.clip(lower=curves["start_cash"])
    return 100 * (value / peak - 1)


def _traces(content: PageContent, column: str, written: str) -> list[go.Scatter]:
    """One trace per line, buy-and-hold and the winner on top."""
    colour, order = colours(content), ("runner_up", "hold", "winner")
    lines = [(str(n), rows) for n, rows in content.curves.groupby("line", sort=False)]
    lines.sort(key=lambda line: order.index(line[1]["kind"].iloc[0]))
    return [_line_of(rows, name, colour[name], column, written) for name, rows in lines]


def _line_of(
    rows: pd.DataFrame, name: str, colour: str, column: str, written: str
) -> go.Scatter:
    xs, ys = broken(rows, column)
    strong = rows["kind"].iloc[0] in STRONG
    return go.Scatter(
        x=xs,
        y=ys,
        name=name,
        mode="lines+markers" if len(rows) < 60 else "lines",
        marker={"size": 4},
        line={"color": colour, "width": 2.4 if strong else 1.3},
        hovertemplate=f"%{{x|%Y-%m-%d}}: {written}",
    )


def _band(traders: pd.DataFrame) -> list[go.Scatter]:
    """Where 90 % of the random traders end each session."""
    if traders.empty:
        return []
    days = [day.isoformat() for day in traders["session"]]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "x": days}
    return [
        go.Scatter(y=traders["low"].round(6).tolist(), name="5 %", **edge),
        go.Scatter(
            y=traders["high"].round(6).tolist(),
            name="95 %",
            fill="tonexty",
            fillcolor=BAND_FILL,
            **edge,
        ),
    ]


def _legend(content: PageContent) -> str:
    entries = [(name, colour, "line") for name, colour in colours(content).items()]
    order = {WINNER: 0, HOLD: 2}
    entries.sort(key=lambda entry: order.get(entry[1], 1))
    if len(content.traders):
        entries.append(
            ("random traders with its turnover, middle 90 %", PLACEBO + "66", "area")
        )
    return legend([*entries, *shade_entries(content)])
