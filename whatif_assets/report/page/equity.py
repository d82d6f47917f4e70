"""Sections: equity and drawdown of the finalists."""

from __future__ import annotations

import pandas as pd

from whatif_assets.report.page.charts import (
    HOLD,
    PLACEBO,
    WINNER,
    Trace,
    broken,
    chart,
    colours,
    date_range,
    legend,
    shade_entries,
    shades,
    trace,
)
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.report.page.markup import Section, paragraph

BAND_FILL = "rgba(138,138,138,0.30)"
NO_RESULT = "The lake has no result."
STRONG = ("winner", "hold")


def equity(content: PageContent) -> Section:
    """Draw the profits of winner, runners-up, buy-and-hold and random traders."""
    if content.curves.empty:
        return Section("Equity", "equity", paragraph(NO_RESULT))
    note = paragraph(
        "Profit at the end of each session. Every period (in-sample, out-of-sample and "
        "holdout) starts at 0. Models were trained on the in-sample sessions, so their "
        "profit there is not evidence."
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
    """Draw the drawdown of the winner and of buy-and-hold."""
    curves = _drawdown_curves(content)
    if curves.empty:
        why = content.why_none or NO_RESULT
        return Section("Drawdown", "drawdown", paragraph(why))
    names = curves.drop_duplicates("line")
    entries = [
        (line, WINNER if kind == "winner" else HOLD, "line")
        for line, kind in zip(names["line"], names["kind"])
    ]
    drawn = chart(
        "chart-drawdown",
        [
            _trace(curves[curves["line"] == line], line, colour, "below", "%{y:.2f} %")
            for line, colour, _ in reversed(entries)
        ],
        "session",
        "below the last peak, %",
        height=260,
        shapes=shades(content),
        xaxis=date_range(content),
    )
    note = paragraph(
        "Equity at the end of each session, compared with the highest equity so far in "
        "the same period (in-sample, out-of-sample or holdout), which is at least the "
        "starting cash."
    )
    return Section(
        "Drawdown",
        "drawdown",
        note + legend([*entries, *shade_entries(content)]) + drawn,
    )


def drawdowns(content: PageContent) -> pd.DataFrame:
    """Return the out-of-sample curves of the winner and of buy-and-hold.

    The column ``below`` is :func:`below_peak`.
    """
    curves = _drawdown_curves(content)
    return curves[curves["stretch"] == OUT_OF_SAMPLE]


def _drawdown_curves(content: PageContent) -> pd.DataFrame:
    strong = content.curves[content.curves["kind"].isin(STRONG)]
    return strong.assign(below=below_peak(strong))


def below_peak(curves: pd.DataFrame) -> pd.Series[float]:
    """Compute the drawdown from the highest equity so far in each line and stretch.

    Parameters
    ----------
    curves
        ``line``, ``stretch``, ``pnl`` and ``start_cash``; see :class:`PageContent`.

    Returns
    -------
    pandas.Series
        Distance from the peak in percent of the peak, at most 0.
    """
    value = curves["start_cash"] + curves["pnl"]
    peak = value.groupby([curves["line"], curves["stretch"]]).cummax()
    peak = peak.clip(lower=curves["start_cash"])
    return 100 * (value / peak - 1)


def _traces(content: PageContent, column: str, label: str) -> list[Trace]:
    """Draw one trace per line; buy-and-hold and the winner are on top."""
    colour, order = colours(content), ("runner_up", "hold", "winner")
    lines = [(str(n), rows) for n, rows in content.curves.groupby("line", sort=False)]
    lines.sort(key=lambda line: order.index(line[1]["kind"].iloc[0]))
    return [_trace(rows, name, colour[name], column, label) for name, rows in lines]


def _trace(
    rows: pd.DataFrame, name: str, colour: str, column: str, label: str
) -> Trace:
    xs, ys = broken(rows, column)
    strong = rows["kind"].iloc[0] in STRONG
    return trace(
        "scatter",
        x=xs,
        y=ys,
        name=name,
        mode="lines+markers" if len(rows) < 60 else "lines",
        marker={"size": 4},
        line={"color": colour, "width": 2.4 if strong else 1.3},
        hovertemplate=f"%{{x|%Y-%m-%d}}: {label}",
    )


def _band(traders: pd.DataFrame) -> list[Trace]:
    """Draw the band in which 90 % of the random traders are at each session's end."""
    if traders.empty:
        return []
    days = [day.isoformat() for day in traders["session"]]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "x": days}
    return [
        trace("scatter", y=traders["low"].round(6).tolist(), name="5 %", **edge),
        trace(
            "scatter",
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
            (
                f"random traders with the turnover of {content.first}, middle 90 %",
                PLACEBO + "66",
                "area",
            )
        )
    return legend([*entries, *shade_entries(content)])
