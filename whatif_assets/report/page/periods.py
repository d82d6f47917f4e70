"""Section: the winner's returns by month, its worst drawdowns, and rolling figures."""

from __future__ import annotations

import calendar
from collections.abc import Iterator

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.drawdowns import NONE, worst_drawdowns
from whatif_assets.domain.accounts.number_format import format_column
from whatif_assets.domain.accounts.rolling import rolling_figures, window_for
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.report.page.charts import WINNER, chart, date_range, trace
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.report.page.markup import Section, paragraph, table

TITLE = "Periods"
MONTHS = calendar.month_abbr[1:]
MOST_DRAWDOWNS = 10
FIGURES = {
    "sharpe": ("Sharpe ratio", "Sharpe ratio a year"),
    "volatility": ("Volatility", "volatility a year, %"),
    "beta": ("Beta", "beta to buy-and-hold"),
}


def periods(content: PageContent) -> Section:
    """Show how the winner did in parts of the out-of-sample sessions."""
    mine = _curve(content, "winner")
    if mine.empty:
        why = content.why_none or "The lake has no result."
        return Section(TITLE, "periods", paragraph(why))
    note = paragraph(
        f"Out-of-sample sessions of {content.first}. Returns are those of the equity, "
        "whose start is the cash of the study."
    )
    parts = (_months(mine), _drawdowns(mine), *_rolling(content, mine))
    return Section(TITLE, "periods", note + "".join(parts))


def _curve(content: PageContent, kind: str) -> pd.DataFrame:
    """Return session, equity and return of a line out of sample."""
    curves = content.curves
    mine = curves[(curves["kind"] == kind) & (curves["stretch"] == OUT_OF_SAMPLE)]
    equity = (mine["start_cash"] + mine["pnl"]).to_numpy(dtype=np.float64)
    before = np.concatenate([mine["start_cash"].to_numpy(np.float64)[:1], equity[:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.where(before > 0, equity / before - 1, np.nan)
    days = pd.DatetimeIndex(pd.to_datetime(mine["session"].to_list()))
    return pd.DataFrame(
        {"session": days, "before": before, "equity": equity, "return": returns}
    )


def month_returns(curve: pd.DataFrame) -> pd.DataFrame:
    """Compute the returns of months, with a row per year and a column per month.

    Parameters
    ----------
    curve
        ``session``, ``before`` and ``equity``: the equity before and after a session.

    Returns
    -------
    pandas.DataFrame
        Fractions; NaN for a month without sessions. The column 0 is the whole year.
    """
    year, month = curve["session"].dt.year, curve["session"].dt.month
    by_month, by_year = curve.groupby([year, month]), curve.groupby(year)
    with np.errstate(divide="ignore", invalid="ignore"):
        months, years = (
            by["equity"].last() / by["before"].first() - 1 for by in (by_month, by_year)
        )
    rows = months.rename_axis(["year", "month"]).rename("value").reset_index()
    wide = rows.pivot_table("value", "year", "month")
    return pd.concat([wide.reindex(columns=range(1, 13)), years.rename(0)], axis=1)


def _months(curve: pd.DataFrame) -> str:
    returns = month_returns(curve)
    texts = format_column("total_return", returns.to_numpy().ravel())
    cells = np.array(texts).reshape(returns.shape)
    rows = [(str(year), *row) for year, row in zip(returns.index, cells.tolist())]
    drawn = table(("Year", *MONTHS, "Whole"), rows, caption="Return by month and year")
    return f"<h3>Months</h3>{drawn}"


def _drawdowns(curve: pd.DataFrame) -> str:
    """List the worst drawdowns with their dates."""
    worst = worst_drawdowns(
        curve["equity"].to_numpy(), curve["before"].iloc[0], MOST_DRAWDOWNS
    )
    if worst.empty:
        return "<h3>Worst drawdowns</h3>" + paragraph("No session ended below a peak.")
    days = curve["session"].dt.strftime("%Y-%m-%d").tolist()
    depth = format_column("max_drawdown", worst["depth"].to_numpy())
    lost = format_column("pnl", worst["lost"].to_numpy())
    rows = [
        (
            "start" if peak == NONE else days[peak],
            days[trough],
            "not yet" if back == NONE else days[back],
            deep,
            money,
            f"{(len(days) - 1 if back == NONE else back) - peak:,}",
        )
        for peak, trough, back, deep, money in zip(
            worst["peak"], worst["trough"], worst["recovery"], depth, lost
        )
    ]
    head = ("Peak", "Lowest", "As high again", "Depth", "Money", "Sessions below")
    return "<h3>Worst drawdowns</h3>" + table(head, rows, 3, caption="Worst drawdowns")


def _rolling(content: PageContent, mine: pd.DataFrame) -> Iterator[str]:
    """Draw Sharpe ratio, volatility and beta over the latest sessions."""
    window = window_for(len(mine))
    if not window:
        return
    hold = _curve(content, "hold").set_index("session")["return"]
    market = hold.reindex(mine["session"]).to_numpy(dtype=np.float64)
    year = content.market.sessions_per_year()
    figures = rolling_figures(mine["return"].to_numpy(), market, window, year)
    days = mine["session"].dt.strftime("%Y-%m-%d").tolist()
    figures["volatility"] *= 100
    charts = "".join(
        f"<div><h4>{title}</h4>{_line(content, name, days, values, unit)}</div>"
        for name, (title, unit) in FIGURES.items()
        if np.isfinite(values := figures[name].to_numpy()).any()
    )
    text = paragraph(f"Each point is computed from the {window} latest sessions.")
    yield f'<h3>Rolling figures</h3>{text}<div class="grid">{charts}</div>'


def _line(
    content: PageContent, name: str, days: list[str], values: FloatArray, unit: str
) -> str:
    line = trace(
        "scatter",
        name=unit,
        x=days,
        y=[float(f"{value:.6g}") for value in values],
        mode="lines",
        line={"color": WINNER, "width": 1.8},
        hovertemplate="%{x|%Y-%m-%d}: %{y:.3~g}<extra></extra>",
    )
    axis = {**date_range(content), "range": None, "nticks": 5}
    return chart(
        f"chart-rolling-{name}", [line], "session", unit, height=240, xaxis=axis
    )
