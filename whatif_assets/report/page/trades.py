"""Section: the winner's closed trades, which readers can sort and filter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from whatif_assets.report.page.charts import data_script, packed
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, escaped, paragraph, scrolled

TITLE = "Trades"
BASIS_POINTS = 10_000
FIGURES = ("size", "entry", "exit", "pnl")


def trades(content: PageContent) -> Section:
    """List the closed trades of the winner out of sample, with the reason of each."""
    rows = content.trades
    if rows.empty:
        why = content.why_none or content.unattributed
        none = f"{content.first.capitalize()} closed no trade out of sample."
        return Section(TITLE, "trades", paragraph(why or none))
    return Section(
        TITLE,
        "trades",
        paragraph(_note(content)) + _filters() + _table(rows) + _data(content),
    )


def _note(content: PageContent) -> str:
    closed = len(content.trades)
    every = closed if content.attribution is None else len(content.attribution.trades)
    shown = f"{every:,}"
    if every > closed:
        shown = f"{closed:,} of {every:,}, those with the largest profits and losses,"
    forecast = (
        "The forecast is the expected return when the trade was decided, at the bar "
        "before its first fill. "
        if content.trades["forecast"].notna().any()
        else ""
    )
    return (
        f"The closed trades of {content.first} out of sample: {shown} are listed. "
        f"Times are the starts of bars, in {content.timezone}. {forecast}The reason of "
        "the exit is the first rule of the settings that fits the closing "
        "fill. All trades are in the table trades of whatif.duckdb."
    )


def _filters() -> str:
    return (
        '<p class="controls"><label>Symbol <select id="trade-symbol"><option value="">'
        'all</option></select></label> <label>Exit <select id="trade-reason"><option '
        'value="">all</option></select></label> <button type="button" id="trade-back">'
        'Back</button> <button type="button" id="trade-next">Next</button> '
        '<button type="button" id="trade-csv">CSV</button> '
        '<span id="trade-count" role="status"></span></p>'
    )


def _table(rows: pd.DataFrame) -> str:
    """Write the headings; the rows are written by ``trades.js``, some at a time."""
    heads: Sequence[tuple[str, str]] = (
        ("", "symbol"),
        ("n", "opened"),
        ("n", "closed"),
        ("n", "size"),
        ("n", "entry"),
        ("n", "exit"),
        ("n", "move, %"),
        ("n", "PnL"),
        *([("n", "forecast, bp")] if rows["forecast"].notna().any() else []),
        ("", "reason of the exit"),
    )
    cells = "".join(
        f'<th class="{kind}" scope="col" aria-sort="none"><button type="button">'
        f"{escaped(name)}</button></th>"
        for kind, name in heads
    )
    return (
        scrolled("Closed trades", "scroll tall")
        + '<table id="trades-table" class="sorted"><caption class="spoken">Closed '
        f"trades</caption><thead><tr>{cells}</tr></thead><tbody></tbody></table></div>"
    )


def _data(content: PageContent) -> str:
    """Pack the trades for ``trades.js``: a column each, texts by their number."""
    rows = content.trades
    symbol, symbols = pd.factorize(rows["symbol"], sort=True)
    reason, reasons = pd.factorize(rows["reason"], sort=True)
    daily = content.daily
    values = {
        "symbols": [str(name) for name in symbols],
        "reasons": [str(name) for name in reasons],
        "daily": daily,
        "symbol": packed(symbol, "u2"),
        "reason": packed(reason, "u1"),
        "decimals": _decimals(rows["entry"]),
        **{
            name: packed(
                local_minutes(rows[f"{name}_in" if daily else name], content.timezone),
                "i4",
            )
            for name in ("opened", "closed")
        },
        **{name: packed(rows[name], "f4") for name in FIGURES},
    }
    if rows["forecast"].notna().any():
        values["forecast"] = packed(BASIS_POINTS * rows["forecast"], "f4")
    return data_script(values, "trades-data")


def local_minutes(moments: pd.Series, timezone: str) -> np.ndarray:
    """Convert times to minutes since 1970 on the exchange's clock.

    Dates, which have no time zone, are midnights.
    """
    times = pd.DatetimeIndex(moments)
    if times.tz is not None:
        times = times.tz_convert(timezone).tz_localize(None)
    return np.asarray(times.to_numpy("datetime64[m]").astype(np.int64))


def _decimals(prices: pd.Series) -> int:
    """Choose the decimals of all prices in the list: five digits of the usual one."""
    usual = float(prices.abs().median())
    return 4 if not usual else min(8, max(0, 4 - math.floor(math.log10(usual))))
