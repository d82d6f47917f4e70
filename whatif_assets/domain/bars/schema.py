"""What a row must be to count as a bar."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base import clock
from whatif_assets.domain.base.errors import BadInput

OPEN_CLOSE = ("open", "close")
PRICES = ("open", "high", "low", "close")
BAR_COLUMNS = ("symbol", "ts", *PRICES, "volume", "vwap", "trade_count")
REQUIRED_COLUMNS = ("symbol", "ts", *PRICES, "volume")
DTYPES: dict[str, Any] = {
    **dict.fromkeys(BAR_COLUMNS, "float64"),
    "symbol": "object",
    "ts": "datetime64[us, UTC]",
    "trade_count": "Int64",
}
# Where a source knows the file and line of a row, its errors name them.
ORIGIN_COLUMNS = ("file", "line", "row")


class RefusedBars(BadInput):
    """Rows that are no bars, by the check of quality that says so.

    Attributes
    ----------
    check
        One of `whatif_assets.domain.quality.REFUSED`.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


# No exchange published bars by the minute before; stamps there count wrong units.
FIRST_MINUTES = pd.Timestamp("1971-01-01", tz="UTC")
MINUTE, DAY = pd.Timedelta(minutes=1), pd.Timedelta(days=1)
EPOCH = pd.Timestamp("1970-01-01", tz="UTC")  # a holiday everywhere


def no_bars() -> pd.DataFrame:
    """Bars of nothing: each of `BAR_COLUMNS` in its type, and no row."""
    return pd.DataFrame({name: pd.Series(dtype=DTYPES[name]) for name in BAR_COLUMNS})


def category(
    codes: npt.NDArray[np.signedinteger[Any]], names: Sequence[str]
) -> pd.Categorical[Any]:
    """Texts as categories: a number for each row, and what the numbers mean."""
    kind = pd.CategoricalDtype(list(names))
    return pd.Categorical.from_codes(codes, dtype=kind, validate=False)


def typed(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Bring the columns of a tidy frame to their types, in a new frame.

    Symbols become categories in order: numbers compare faster than texts.
    """
    lacking = [name for name in REQUIRED_COLUMNS if name not in frame]
    if lacking:
        raise RefusedBars(
            "schema",
            f"{where}: column {', '.join(lacking)} is missing; "
            f"found {', '.join(map(str, frame.columns))}.",
        )
    columns: dict[str, Any] = {}
    for name in BAR_COLUMNS:
        if name not in frame:
            nothing = pd.array([None], dtype=DTYPES[name])
            columns[name] = nothing.take(np.zeros(len(frame), dtype=np.intp))
            continue
        values = frame[name]
        try:
            columns[name] = (
                _symbols(values) if name == "symbol" else _as(DTYPES[name], values)
            )
        except (TypeError, ValueError) as error:
            raise RefusedBars(
                "schema",
                f"{where}: column {name} is {values.dtype} and cannot be read as "
                f"{DTYPES[name]}: {error}.",
            ) from None
    origin = {name: frame[name] for name in ORIGIN_COLUMNS if name in frame}
    return pd.DataFrame(columns | origin, copy=False)


def _as(kind: Any, values: pd.Series[Any]) -> pd.Series[Any]:
    """Bring a column to a type, and one that has it already, at no cost."""
    return values if values.dtype == kind else values.astype(kind)


def _symbols(symbols: pd.Series[Any]) -> pd.Categorical[Any]:
    """Symbols as categories in order, the unused ones too."""
    if not isinstance(symbols.dtype, pd.CategoricalDtype):
        return pd.Categorical(symbols.astype(object))
    values: pd.Categorical[Any] = symbols.array
    if values.categories.is_monotonic_increasing:
        return values
    return values.reorder_categories(sorted(values.categories))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort typed rows by (symbol, ts), those of a bar in the order they have.

    Rows that are sorted, as those of most sources are, stay as they are.
    """
    codes, stamps = rows["symbol"].array.codes, pd.DatetimeIndex(rows["ts"]).asi8
    same, later = codes[1:] == codes[:-1], stamps[1:] >= stamps[:-1]
    after = (codes[1:] > codes[:-1]) | (same & later)
    known = not len(rows) or (codes.min() >= 0 and rows["ts"].notna().all())
    if known and after.all():
        rows.index = pd.RangeIndex(len(rows))
        return rows
    return rows.sort_values(["symbol", "ts"], kind="stable", ignore_index=True)


def repeats_symbol(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether the previous row is of the same symbol."""
    symbols = rows["symbol"].array
    values = getattr(symbols, "codes", symbols)
    same = np.zeros(len(rows), dtype=bool)
    same[1:] = values[1:] == values[:-1]
    return same


def session_starts(bars: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Rows that follow another symbol's bars, or those of another session."""
    first, days = ~repeats_symbol(bars), bars["session"].to_numpy()
    first[1:] |= days[1:] != days[:-1]
    return np.flatnonzero(first)


def inconsistent(bars: pd.DataFrame) -> pd.Series[bool]:
    """Whether open or close lies outside [low, high].

    Vendors do write such bars, where a corrected trade moved one price and not
    the others. They are counted, not refused and not repaired.
    """
    low, high = bars["low"].to_numpy(), bars["high"].to_numpy()
    opens, closes = (bars[name].to_numpy() for name in OPEN_CLOSE)
    inside = (np.minimum(opens, closes) >= low) & (np.maximum(opens, closes) <= high)
    return pd.Series(~inside, index=bars.index)


def with_vwap(bars: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Fill a missing vwap with the typical price, (high + low + close) / 3.

    Returns
    -------
    bars : DataFrame
        A copy with ``vwap`` filled and ``vwap_is_typical`` (bool) saying where.
    filled : int
        How many bars were.
    """
    missing = bars["vwap"].isna().to_numpy()
    filled = bars.copy(deep=False)
    if missing.any():
        high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
        typical = (high + low + close) / 3
        filled["vwap"] = np.where(missing, typical, bars["vwap"])
    filled["vwap_is_typical"] = missing
    return filled, int(missing.sum())


def outside_era(
    ts: pd.Series[pd.Timestamp] | pd.DatetimeIndex, daily: bool
) -> npt.NDArray[np.bool_]:
    """Whether stamps lie where no bar can: in the future, or at the epoch.

    Parameters
    ----------
    ts
        Instants, UTC; NaT is not outside.
    daily
        Whether they are the dates of daily bars, which go back beyond 1970.
    """
    ahead = clock.now() + timedelta(days=1)
    before = (ts >= EPOCH) & (ts < EPOCH + DAY) if daily else ts < FIRST_MINUTES
    return np.asarray(before | (ts > pd.Timestamp(ahead)))


def symbol_rows(bars: pd.DataFrame) -> list[tuple[int, int]]:
    """Row ranges [start, stop) of the symbols in tidy bars.

    Raises
    ------
    BadInput
        The bars are not sorted by (symbol, ts), or a bar is there twice.
    """
    symbols = bars["symbol"].to_numpy(dtype=object)
    ts = bars["ts"].to_numpy(dtype="datetime64[us]")
    same = symbols[1:] == symbols[:-1]
    ends = np.flatnonzero(~same)
    wrong = same & (ts[1:] <= ts[:-1])
    wrong[ends] = symbols[ends + 1] < symbols[ends]
    if wrong.any():
        row = int(wrong.argmax()) + 1
        raise BadInput(
            f"bars: row {row} ({symbols[row]}, {ts[row]} UTC) is not after the row "
            "before it; sort by symbol and ts, each bar once."
        )
    edges = [0, *(ends + 1).tolist(), len(bars)]
    return [(start, stop) for start, stop in pairwise(edges) if start < stop]


def bars_by_symbol(bars: pd.DataFrame) -> list[tuple[str, int]]:
    """Symbols of tidy bars in their order, each with its number of bars."""
    names = bars["symbol"].array
    return [(str(names[start]), stop - start) for start, stop in symbol_rows(bars)]


def of_symbols(bars: pd.DataFrame, symbols: Collection[str]) -> pd.DataFrame:
    """Tidy bars of some symbols; the bars themselves where they are of no others."""
    counts = bars_by_symbol(bars)
    kept = np.array([symbol in symbols for symbol, _ in counts], dtype=bool)
    if kept.all():
        return bars
    return bars[np.repeat(kept, [count for _, count in counts])]


def stacked(sessions: Sequence[date], frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Stack the bars of sessions, one frame each, with a column ``session``.

    Returns
    -------
    pandas.DataFrame
        Rows in the order of the frames, counted anew; ``session`` is a naive midnight.
    """
    full = [n for n, frame in enumerate(frames) if len(frame)] or [0]
    together = pd.concat([frames[n] for n in full], ignore_index=True)
    counts = [len(frames[n]) for n in full]
    days = np.array([sessions[n] for n in full], dtype="datetime64[s]")
    return together.assign(session=np.repeat(days, counts))
