"""What a row must be to count as a bar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa

from whatif_assets.core.bars.bar_size import BarSize
from whatif_assets.core.errors import BadInput

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
FEW = 10  # bars, too few to tell from them that columns are exchanged
# Where a source knows the file and line of a row, its errors name them.
ORIGIN_COLUMNS = ("file", "line", "row")


class RefusedBars(BadInput):
    """Rows that are no bars, by the check of quality that says so.

    Attributes
    ----------
    check
        One of `whatif_assets.core.quality.REFUSED`.
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
    """Whether the row ahead is of the same symbol."""
    symbols = rows["symbol"].array
    values = getattr(symbols, "codes", symbols)
    same = np.zeros(len(rows), dtype=bool)
    same[1:] = values[1:] == values[:-1]
    return same


def session_starts(bars: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Rows before which another symbol's bars stand, or those of another session."""
    first, days = ~repeats_symbol(bars), bars["session"].to_numpy()
    first[1:] |= days[1:] != days[:-1]
    return np.flatnonzero(first)


def _schema() -> pa.DataFrameSchema:
    """Say what each row of bars must fulfil."""
    positive = pa.Check.in_range(
        0, np.inf, include_min=False, include_max=False, error="a positive number"
    )
    at_least_0 = pa.Check.in_range(0, np.inf, include_max=False, error="0 or more")
    return pa.DataFrameSchema(
        {
            "symbol": pa.Column(object, pa.Check.ne("", error="a name")),
            "ts": pa.Column(pd.DatetimeTZDtype("us", "UTC")),
            **{name: pa.Column("float64", positive) for name in PRICES},
            "volume": pa.Column("float64", at_least_0),
            "vwap": pa.Column("float64", positive, nullable=True),
            "trade_count": pa.Column("Int64", at_least_0, nullable=True),
        },
        checks=[
            pa.Check(
                lambda bars: bars["high"] >= bars["low"], error="high at or above low"
            ),
            pa.Check(
                lambda bars: ~_far_outside(bars),
                error="open and close between half of low and twice high, as if "
                "columns were exchanged",
            ),
        ],
    )


def _far_outside(bars: pd.DataFrame) -> pd.Series[bool]:
    """Whether open or close is so far off that it is no price of the bar."""
    prices = bars[list(OPEN_CLOSE)]
    return (prices.max(axis=1) > 2 * bars["high"]) | (
        prices.min(axis=1) < bars["low"] / 2
    )


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
    ahead = datetime.now(timezone.utc) + timedelta(days=1)
    before = (ts >= EPOCH) & (ts < EPOCH + DAY) if daily else ts < FIRST_MINUTES
    return np.asarray(before | (ts > pd.Timestamp(ahead)))


SCHEMA = _schema()


def check_rows(rows: pd.DataFrame, where: str) -> None:
    """Refuse rows that are no bars, and bars that are there twice.

    The rows are in order.
    """
    check_values(rows, where)
    stamps = pd.DatetimeIndex(rows["ts"]).asi8
    twice = np.flatnonzero(repeats_symbol(rows) & (np.diff(stamps, prepend=0) == 0))
    if len(twice):
        pairs = [f"{_name(rows, n)} and {_name(rows, n - 1)}" for n in twice[:3]]
        same = int(rows.duplicated(list(BAR_COLUMNS)).sum())
        repair = (
            f" {same} of them say the same as another row: 'repairs: "
            "[drop_duplicates]' in the market leaves those out, and counts them."
        )
        raise RefusedBars(
            "duplicates",
            f"{where}: {len(twice)} row(s) repeat a bar, such as {'; '.join(pairs)}. "
            f"Keep one row for each symbol and ts.{repair if same else ''}",
        )
    odd = inconsistent(rows)
    if len(rows) >= FEW and odd.mean() > 0.5:
        raise RefusedBars(
            "values",
            f"{where}: open or close lies outside [low, high] in {int(odd.sum())} of "
            f"{len(rows)} bars, such as {_name(rows, int(np.argmax(odd)))}. The "
            "columns seem to be exchanged: say which one holds what.",
        )


def check_values(rows: pd.DataFrame, where: str) -> None:
    """Refuse rows with a value that no bar has."""
    if _are_bars(rows):
        return
    try:
        texts = rows["symbol"].astype(object)
        SCHEMA.validate(rows.assign(symbol=texts), lazy=True)
    except pa.errors.SchemaErrors as errors:
        # A rule about one column says more than one about the row: it comes first.
        cases = errors.failure_cases.sort_values(["index", "schema_context"])
        failed, number = cases.iloc[0], int(cases["index"].iloc[0])
        raise RefusedBars(
            "values",
            f"{where}: {cases['index'].nunique()} row(s) are no bars. The first, "
            f"{_name(rows, number)}, has {_failure(failed)}. Correct or remove them.",
        ) from None


def _are_bars(rows: pd.DataFrame) -> bool:
    """Whether the schema holds for every row, without saying where it does not."""
    numbers = {
        name: rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in (*PRICES, "volume", "vwap", "trade_count")
    }
    opens, high, low, close = (numbers[name] for name in PRICES)
    vwap, trades = numbers["vwap"], numbers["trade_count"]
    if not len(rows):
        return True
    # The least and the greatest of a column with NaN are NaN, which is neither.
    rules = (
        *(
            price.min() > 0 and price.max() < np.inf
            for price in (opens, high, low, close)
        ),
        numbers["volume"].min() >= 0 and numbers["volume"].max() < np.inf,
        ~((vwap <= 0) | (vwap == np.inf)),
        ~(trades < 0),
        high >= low,
        np.maximum(opens, close) <= 2 * high,
        np.minimum(opens, close) >= low / 2,
        rows["ts"].notna().to_numpy(),
    )
    names = set(rows["symbol"].array[~repeats_symbol(rows)])
    named = all(isinstance(name, str) and name for name in names)
    return named and all(np.all(rule) for rule in rules)


def _failure(case: pd.Series[Any]) -> str:
    """Say one line of pandera's failures in words."""
    if case["schema_context"] == "DataFrameSchema":
        return f"not {case['check']}"
    rule = "a value" if case["check"] == "not_nullable" else case["check"]
    return f"{case['column']} {case['failure_case']} where {rule} is needed"


def _name(rows: pd.DataFrame, number: int) -> str:
    """Say which row it is: symbol, time, and file and line where known."""
    row = rows.iloc[number]
    counted = [f"{name} {row[name]}" for name in ORIGIN_COLUMNS[1:] if name in rows]
    origin = f" ({row['file']}, {counted[0]})" if counted else ""
    return f"{row['symbol']} {_written(row['ts'])}{origin}"


def _written(ts: pd.Timestamp) -> str:
    return "without ts" if pd.isna(ts) else f"{ts.tz_localize(None)} UTC"


def check_stamps(rows: pd.DataFrame, bar_size: BarSize, where: str) -> None:
    """Refuse stamps that betray another kind of bar than the market's."""
    if bar_size.by_activity:
        return
    length, micro = bar_size.length, pd.Timedelta(microseconds=1)
    stamps = pd.DatetimeIndex(rows["ts"]).asi8
    odd = stamps % ((DAY if bar_size.daily else MINUTE) // micro) != 0
    if odd.any():
        number = int(np.argmax(odd))
        needed = "date at 00:00 UTC" if bar_size.daily else "start, on a whole minute"
        raise RefusedBars(
            "schema",
            f"{where}: {_name(rows, number)} is no {bar_size} bar: its ts must be its "
            f"{needed}. Set base_bar to what the source has, or correct the stamps.",
        )
    if not bar_size.daily and len(stamps) and not (stamps % (DAY // micro)).any():
        raise RefusedBars(
            "schema",
            f"{where}: each row is stamped 00:00 UTC, as daily bars are, and base_bar "
            f"is {bar_size}. Set base_bar: 1day, or give the time of day.",
        )
    gaps = np.diff(stamps, prepend=0)[repeats_symbol(rows)]
    if len(gaps) and (gaps < length // micro).mean() > 0.5:
        minutes = float(np.median(gaps)) * micro / MINUTE
        raise RefusedBars(
            "schema",
            f"{where}: most bars are {minutes:g} minutes apart, and base_bar is "
            f"{bar_size}. Set base_bar to what the source has.",
        )


def symbol_rows(bars: pd.DataFrame) -> list[tuple[int, int]]:
    """Row ranges [start, stop) of the symbols in tidy bars.

    Raises
    ------
    BadInput
        The bars are not sorted by (symbol, ts), or a bar stands twice.
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
