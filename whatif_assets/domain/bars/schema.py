"""Schema of bars: columns, types and order, and helpers for frames of bars."""

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
# If a source sets these columns, messages name the file and line of a row.
ORIGIN_COLUMNS = ("file", "line", "row")


class RefusedBars(BadInput):
    """Rows that are not valid bars, with the quality check that refuses them.

    Attributes
    ----------
    check
        Name of the check, one of `whatif_assets.domain.quality.REFUSED`.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


# No exchange published minute bars before; earlier stamps have the wrong unit.
FIRST_MINUTES = pd.Timestamp("1971-01-01", tz="UTC")
MINUTE, DAY = pd.Timedelta(minutes=1), pd.Timedelta(days=1)
EPOCH = pd.Timestamp("1970-01-01", tz="UTC")  # a holiday at every exchange


def no_bars() -> pd.DataFrame:
    """Return an empty frame with each of `BAR_COLUMNS` in its type."""
    return pd.DataFrame({name: pd.Series(dtype=DTYPES[name]) for name in BAR_COLUMNS})


def category(
    codes: npt.NDArray[np.signedinteger[Any]], names: Sequence[str]
) -> pd.Categorical[Any]:
    """Make a categorical column from a code per row and the names of the codes."""
    kind = pd.CategoricalDtype(list(names))
    return pd.Categorical.from_codes(codes, dtype=kind, validate=False)


def typed(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Convert the columns of raw rows to the types of bars, in a new frame.

    Optional columns that are missing are added as nulls, and other columns are left
    out, except `ORIGIN_COLUMNS`. Symbols become sorted categories, because codes
    compare faster than texts.

    Parameters
    ----------
    frame
        Raw rows with at least `REQUIRED_COLUMNS`.
    where
        Origin of the rows, as messages name it.

    Raises
    ------
    RefusedBars
        A required column is missing, or a column cannot be converted to its type.
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
            null = pd.array([None], dtype=DTYPES[name])
            columns[name] = null.take(np.zeros(len(frame), dtype=np.intp))
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
    """Convert a column to a type; no copy if it has the type already."""
    return values if values.dtype == kind else values.astype(kind)


def _symbols(symbols: pd.Series[Any]) -> pd.Categorical[Any]:
    """Convert symbols to sorted categories; unused categories are kept."""
    if not isinstance(symbols.dtype, pd.CategoricalDtype):
        return pd.Categorical(symbols.astype(object))
    values: pd.Categorical[Any] = symbols.array
    if values.categories.is_monotonic_increasing:
        return values
    return values.reorder_categories(sorted(values.categories))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort typed rows by (symbol, ts); rows of one symbol and ts keep their order.

    Rows that are sorted already, as most sources have them, are not copied.
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
    """Whether the previous row has the same symbol, per row; false for the first."""
    symbols = rows["symbol"].array
    values = getattr(symbols, "codes", symbols)
    same = np.zeros(len(rows), dtype=bool)
    same[1:] = values[1:] == values[:-1]
    return same


def session_starts(bars: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Return the positions of rows where the symbol or the session changes."""
    first, days = ~repeats_symbol(bars), bars["session"].to_numpy()
    first[1:] |= days[1:] != days[:-1]
    return np.flatnonzero(first)


def inconsistent(bars: pd.DataFrame) -> pd.Series[bool]:
    """Whether open or close lies outside [low, high], per bar.

    Vendors do publish such bars, when a corrected trade changed one price but not the
    others. They are counted, but neither refused nor repaired.
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
        A copy with ``vwap`` filled, and ``vwap_is_typical`` (bool), true where it was.
    filled : int
        Number of bars that were filled.
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
    """Whether stamps are impossible for bars: in the future, or close to the epoch.

    Stamps close to the epoch, 1970-01-01, come from numbers read in the wrong unit.

    Parameters
    ----------
    ts
        Instants, UTC; NaT counts as possible.
    daily
        Whether the stamps are dates of daily bars: those may be before 1970, and only
        the day of the epoch itself is impossible.
    """
    ahead = clock.now() + timedelta(days=1)
    before = (ts >= EPOCH) & (ts < EPOCH + DAY) if daily else ts < FIRST_MINUTES
    return np.asarray(before | (ts > pd.Timestamp(ahead)))


def symbol_rows(bars: pd.DataFrame) -> list[tuple[int, int]]:
    """Return the row range [start, stop) of each symbol in tidy bars.

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
            "before it; sort the bars by symbol and ts, and keep each bar once."
        )
    edges = [0, *(ends + 1).tolist(), len(bars)]
    return [(start, stop) for start, stop in pairwise(edges) if start < stop]


def bars_by_symbol(bars: pd.DataFrame) -> list[tuple[str, int]]:
    """Return the symbols of tidy bars in order, each with its number of bars."""
    names = bars["symbol"].array
    return [(str(names[start]), stop - start) for start, stop in symbol_rows(bars)]


def of_symbols(bars: pd.DataFrame, symbols: Collection[str]) -> pd.DataFrame:
    """Select the tidy bars of some symbols; no copy if there are no others."""
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
        Rows in the order of the frames, with a new index from 0; ``session`` is a
        naive midnight.
    """
    full = [n for n, frame in enumerate(frames) if len(frame)] or [0]
    combined = pd.concat([frames[n] for n in full], ignore_index=True)
    counts = [len(frames[n]) for n in full]
    days = np.array([sessions[n] for n in full], dtype="datetime64[s]")
    return combined.assign(session=np.repeat(days, counts))
