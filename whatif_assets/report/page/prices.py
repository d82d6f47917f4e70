"""Section: candles of a symbol and session, with the winner's trades and forecasts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.report.page.charts import (
    HOLD,
    LOSS,
    WINNER,
    canvas,
    data_script,
    legend,
    packed,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, paragraph
from whatif_assets.report.page.price_days import PRICES
from whatif_assets.report.page.trades import local_minutes

TITLE = "Prices"
LEVELS = 65_534  # of a packed number of two bytes; one more stands for unknown
UNKNOWN = 65_535
BASIS_POINTS = 10_000
MINUTES_OF_A_DAY = 1440


def prices(content: PageContent) -> Section:
    """Draw candles of any symbol and session that the page has room for."""
    if content.prices.bars.empty:
        why = content.why_none or content.unattributed
        none = f"{content.first.capitalize()} has no bars out of sample."
        return Section(TITLE, "prices", paragraph(why or none))
    entries = [
        ("bought", WINNER, "area"),
        ("sold", LOSS, "area"),
    ]
    if content.prices.bars["forecast"].notna().any():
        entries.append(("forecast", HOLD, "area"))
    return Section(
        TITLE,
        "prices",
        paragraph(_note(content))
        + _choice(content.daily)
        + legend(entries)
        + canvas("chart-prices", "Chart of prices, trades and forecasts by time", 480)
        + data_script(packed_bars(content), "prices-data"),
    )


def _note(content: PageContent) -> str:
    days = content.prices
    note = (
        "Bars out of sample on the price basis of the backtest, with the fills of "
        f"closed trades of {content.first}: triangles open a position, crosses close "
        "it. "
    )
    if len(content.open_positions):
        note += "A hollow triangle opens a position that is open at the end. "
    if days.shown == days.known:
        return f"{note}All {days.known:,} sessions of all symbols are here."
    which = (
        "those of the symbols with the largest profits and losses, at most of the "
        "latest 1,000 sessions"
        if content.daily
        else "for each symbol the one with its largest profit or loss, then those with "
        "the largest of all"
    )
    return (
        f"{note}The page has room for {days.shown:,} of {days.known:,} sessions of a "
        f"symbol: {which}. The others are in the table price_bars of whatif.duckdb."
    )


def _choice(daily: bool) -> str:
    days = (
        ""
        if daily
        else ' <label>Session <select id="price-day"></select></label> '
        '<button type="button" id="price-back">Earlier</button> '
        '<button type="button" id="price-next">Later</button>'
    )
    return (
        '<p class="controls"><label>Symbol <select id="price-symbol"></select></label>'
        f"{days}</p>"
    )


def packed_bars(content: PageContent) -> dict[str, Any]:
    """Pack the bars for ``prices.js``, with two bytes for each number.

    A part is a symbol's session, or all its daily bars. Prices of a part are whole
    steps above its lowest price; the step is a power of ten. Times are minutes, or
    days, after its first bar.
    """
    bars, daily = content.prices.bars, content.daily
    by = ["symbol"] if daily else ["symbol", "session"]
    part = bars.groupby(by, sort=False).ngroup().to_numpy()
    start = np.flatnonzero(np.diff(part, prepend=-1))
    minutes = local_minutes(bars["session" if daily else "ts"], content.timezone)
    unit = MINUTES_OF_A_DAY if daily else 1
    names, symbols = pd.factorize(bars["symbol"].to_numpy()[start], sort=True)
    steps, low, levels = in_steps(bars[list(PRICES)].to_numpy(np.float64), start, part)
    found = {
        "daily": daily,
        "unit": unit,
        "symbols": [str(name) for name in symbols],
        "symbol": names.tolist(),
        "days": [str(day)[:10] for day in bars["session"].iloc[start]],
        "start": start.tolist(),
        "bars": len(bars),
        "first": minutes[start].tolist(),
        "low": low.tolist(),
        "step": steps.tolist(),
        "minute": packed((minutes - minutes[start][part]) // unit, "u2"),
        "prices": packed(levels, "u2"),
        "open": _open_positions(content),
    }
    forecast = bars["forecast"].to_numpy(np.float64)[:, None] * BASIS_POINTS
    if np.isfinite(forecast).any():
        steps, low, levels = in_steps(forecast, start, part)
        found["forecast"] = packed(levels, "u2")
        found["forecast_low"], found["forecast_step"] = low.tolist(), steps.tolist()
    return found


def _open_positions(content: PageContent) -> list[dict[str, Any]]:
    """List the open positions whose first bar is among those of the page."""
    bars = content.prices.bars[["symbol", "session", "ts"]]
    rows = content.open_positions.merge(
        bars, left_on=["symbol", "opened"], right_on=["symbol", "ts"]
    )
    at = local_minutes(rows["session" if content.daily else "ts"], content.timezone)
    columns = (rows["symbol"].tolist(), at.tolist(), rows["size"], rows["entry"])
    names = ("symbol", "opened", "size", "entry")
    return [dict(zip(names, values)) for values in zip(*columns)]


def in_steps(
    numbers: FloatArray, start: np.ndarray, part: np.ndarray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Express numbers as whole steps above the lowest of their part.

    Parameters
    ----------
    numbers
        One row per bar; NaN if not known.
    start
        First row of each part.
    part
        Part of each row.

    Returns
    -------
    steps, low : numpy.ndarray
        Size of a step, a power of ten, and lowest number, by part.
    levels : numpy.ndarray
        Steps above the lowest, of the shape of ``numbers``; ``UNKNOWN`` for NaN.
    """
    least = np.where(np.isnan(numbers), np.inf, numbers).min(axis=1)
    most = np.where(np.isnan(numbers), -np.inf, numbers).max(axis=1)
    low, high = np.minimum.reduceat(least, start), np.maximum.reduceat(most, start)
    low = np.where(np.isfinite(low), low, 0.0)
    span = np.where(np.isfinite(high), high - low, 0.0)
    steps = 10.0 ** np.ceil(np.log10(np.maximum(span, 1e-9) / LEVELS))
    levels = np.round((numbers - low[part][:, None]) / steps[part][:, None])
    return steps, low, np.where(np.isnan(levels), UNKNOWN, levels)
