"""Checks of raw rows: which rows are not valid bars, and the messages that say so.

When a whole market is ingested, all rows of the symbol and session of a faulty row are
left out, and the other rows are used. When certain bars are requested, a faulty row
raises an error.
"""

from __future__ import annotations

import abc
import functools
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import (
    BAR_COLUMNS,
    DAY,
    MINUTE,
    OPEN_CLOSE,
    ORIGIN_COLUMNS,
    PRICES,
    RefusedBars,
    inconsistent,
    repeats_symbol,
)

# Imported where a row is wrong, because it takes a third of a second.
if TYPE_CHECKING:
    import pandera.pandas as pa

Rows = npt.NDArray[np.intp]
# With fewer bars, inconsistent prices do not show that columns are exchanged.
_ENOUGH_BARS = 10


@dataclass(frozen=True)
class RowRules:
    """The rules that a row must meet to be a bar of the market.

    Attributes
    ----------
    where
        Origin of the rows, as messages name it.
    bar_size
        Size of the market's bars.
    of_trades
        Whether rows are trades, which may be equal and may have any stamp.
    negative_prices
        Whether prices may be 0 or negative.
    """

    where: str
    bar_size: BarSize
    of_trades: bool = False
    negative_prices: bool = False

    def check(self, rows: pd.DataFrame) -> None:
        """Raise when a row is not a valid bar.

        Parameters
        ----------
        rows
            Typed rows, sorted by (symbol, ts).

        Raises
        ------
        RefusedBars
            A row is faulty, columns are exchanged, or the stamps are those of another
            bar size. The message names the first faulty row.
        """
        for faults in self._faults(rows):
            if len(faults.rows):
                raise faults.error(rows, faults.rows)
        self._check_whole(rows)

    def leave_out(
        self, rows: pd.DataFrame, sessions: pd.Series[pd.Timestamp]
    ) -> tuple[npt.NDArray[np.bool_], dict[date, dict[str, RefusedBars]]]:
        """Find the rows to keep when each symbol and session with a fault is left out.

        Parameters
        ----------
        rows
            Typed rows, sorted by (symbol, ts).
        sessions
            Session of each row; NaT if the row is not in a session.

        Returns
        -------
        kept
            Whether each row is kept.
        refused
            Reason of each symbol and session that is left out, by session and symbol.

        Raises
        ------
        RefusedBars
            The fault concerns all rows, or a faulty row has no ts or no symbol.
        """
        kept = np.ones(len(rows), dtype=bool)
        refused: dict[date, dict[str, RefusedBars]] = {}
        for faults in self._faults(rows):
            if not len(faults.rows):
                continue
            unknown = rows["ts"].isna() | rows["symbol"].isna() | (rows["symbol"] == "")
            unplaced = faults.rows[unknown.to_numpy()[faults.rows]]
            if len(unplaced) or len(faults.rows) > faults.max_share * len(rows):
                raise faults.error(rows, unplaced if len(unplaced) else faults.rows)
            of_each = pd.DataFrame(
                {
                    "session": sessions.to_numpy()[faults.rows],
                    "symbol": rows["symbol"].astype(object).to_numpy()[faults.rows],
                    "row": faults.rows,
                }
            )
            for pair, faulty in of_each.groupby(["session", "symbol"]):
                day, symbol = cast("tuple[pd.Timestamp, str]", pair)
                reasons = refused.setdefault(day.date(), {})
                reasons.setdefault(symbol, faults.error(rows, faulty["row"].to_numpy()))
        if refused:
            keys = pd.MultiIndex.from_arrays([sessions, rows["symbol"].astype(object)])
            pairs = [(pd.Timestamp(d), s) for d, some in refused.items() for s in some]
            kept = ~keys.isin(pairs)
        self._check_whole(rows[kept])
        return kept, refused

    def _faults(self, rows: pd.DataFrame) -> list[_Faults]:
        """Find the faulty rows, one item per kind of fault."""
        found: list[_Faults] = [_Values(self, rows)]
        if not self.of_trades:
            found.append(_Repeated(self, rows))
            if not self.bar_size.by_activity:
                found.append(_Stamps(self, rows))
        return found

    def _check_whole(self, rows: pd.DataFrame) -> None:
        """Raise when columns are exchanged or the stamps are of another bar size."""
        if self.of_trades:
            return
        odd = inconsistent(rows)
        if len(rows) >= _ENOUGH_BARS and odd.mean() > 0.5:
            raise RefusedBars(
                "values",
                f"{self.where}: open or close lies outside [low, high] in "
                f"{int(odd.sum())} of {len(rows)} bars, such as "
                f"{_name(rows, int(np.argmax(odd)))}. The columns seem to be "
                "exchanged: state in the market which column holds which price.",
            )
        if not self.bar_size.by_activity:
            _check_distances(rows, self.bar_size, self.where)


@dataclass
class _Faults(abc.ABC):
    """Rows with one kind of fault, and the error about some of them."""

    rules: RowRules
    frame: pd.DataFrame
    rows: Rows = field(init=False)
    max_share = 1.0  # of all rows; above it the fault concerns all of them

    def __post_init__(self) -> None:
        """Find the rows."""
        self.rows = self.find()

    @abc.abstractmethod
    def find(self) -> Rows:
        """Return the positions of the faulty rows, in order."""

    @abc.abstractmethod
    def error(self, frame: pd.DataFrame, rows: Rows) -> RefusedBars:
        """Make the error about some of the faulty rows."""


class _Values(_Faults):
    """Rows with a value that a bar cannot have."""

    def find(self) -> Rows:
        """Return the rows that break the schema."""
        if _are_bars(self.frame, self.rules.negative_prices):
            return np.zeros(0, dtype=np.intp)
        return np.array(sorted(self._failures), dtype=np.intp)

    @functools.cached_property
    def _failures(self) -> dict[int, str]:
        """Description of the fault of each faulty row, by position."""
        from pandera.errors import SchemaErrors

        texts = self.frame["symbol"].astype(object)
        frame = self.frame.assign(symbol=texts)
        frame.index = pd.RangeIndex(len(frame))
        try:
            _schema(self.rules.negative_prices).validate(frame, lazy=True)
        except SchemaErrors as errors:
            # A rule about one column says more than a rule about the whole row, so it
            # comes first. If several columns are wrong, the first one is named.
            places = {column: place for place, column in enumerate(frame)}
            cases = errors.failure_cases
            cases = cases.assign(place=cases["column"].map(places))
            cases = cases.sort_values(["index", "schema_context", "place"])
            first = cases.drop_duplicates("index")
            return {int(case["index"]): _failure(case) for _, case in first.iterrows()}
        return {}

    def error(self, frame: pd.DataFrame, rows: Rows) -> RefusedBars:
        """Name the first row and its wrong value."""
        number = int(rows[0])
        failure = self._failures[number]
        admit = (
            " A market may admit such prices: 'quality: {negative_price: note}'."
            if "a positive number" in failure and not self.rules.negative_prices
            else ""
        )
        return RefusedBars(
            "values",
            f"{self.rules.where}: {len(rows)} row(s) are not bars. The first, "
            f"{_name(frame, number)}, has {failure}. Correct or remove them.{admit}",
        )


class _Repeated(_Faults):
    """Rows with the symbol and ts of another row."""

    def find(self) -> Rows:
        """Return the rows that have the symbol and ts of the row before."""
        stamps = pd.DatetimeIndex(self.frame["ts"]).asi8
        same = np.diff(stamps, prepend=0) == 0
        return np.flatnonzero(repeats_symbol(self.frame) & same)

    def error(self, frame: pd.DataFrame, rows: Rows) -> RefusedBars:
        """Name the first pairs of rows, and the repair if rows are equal."""
        pairs = [f"{_name(frame, n)} and {_name(frame, n - 1)}" for n in rows[:3]]
        both = frame.iloc[np.unique(np.concatenate([rows, rows - 1]))]
        same = int(both.duplicated(list(BAR_COLUMNS)).sum())
        repair = (
            f" {same} of them are equal to another row: 'repairs: [drop_duplicates]' "
            "in the market leaves them out and counts them."
        )
        return RefusedBars(
            "duplicates",
            f"{self.rules.where}: {len(rows)} row(s) repeat a bar, such as "
            f"{'; '.join(pairs)}. Keep one row for each symbol and ts."
            f"{repair if same else ''}",
        )


class _Stamps(_Faults):
    """Rows whose stamp cannot be the start of a bar of this size."""

    max_share = 0.5

    def find(self) -> Rows:
        """Return the rows whose stamp is not on a whole minute or day."""
        unit = DAY if self.rules.bar_size.daily else MINUTE
        stamps = pd.DatetimeIndex(self.frame["ts"]).asi8
        return np.flatnonzero(stamps % (unit // pd.Timedelta(microseconds=1)) != 0)

    def error(self, frame: pd.DataFrame, rows: Rows) -> RefusedBars:
        """Name the first row and the stamp that is needed."""
        size = self.rules.bar_size
        needed = "date at 00:00 UTC" if size.daily else "start, on a whole minute"
        return RefusedBars(
            "schema",
            f"{self.rules.where}: {_name(frame, int(rows[0]))} is not a {size} bar: "
            f"its ts must be its {needed}. Set base_bar to the bar size of the source, "
            "or correct the stamps.",
        )


@functools.cache
def _schema(negative_prices: bool) -> pa.DataFrameSchema:
    """Build the schema that each row must meet."""
    import pandera.pandas as pa

    finite = pa.Check.in_range(
        -np.inf, np.inf, include_min=False, include_max=False, error="a finite number"
    )
    positive = pa.Check.in_range(
        0, np.inf, include_min=False, include_max=False, error="a positive number"
    )
    price = finite if negative_prices else positive
    at_least_0 = pa.Check.in_range(0, np.inf, include_max=False, error="0 or more")
    return pa.DataFrameSchema(
        {
            "symbol": pa.Column(object, pa.Check.ne("", error="a name")),
            "ts": pa.Column(pd.DatetimeTZDtype("us", "UTC")),
            **{name: pa.Column("float64", price) for name in PRICES},
            "volume": pa.Column("float64", at_least_0),
            "vwap": pa.Column("float64", price, nullable=True),
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
    """Whether open or close is so far outside [low, high] that columns seem swapped."""
    prices = bars[list(OPEN_CLOSE)]
    far = (prices.max(axis=1) > 2 * bars["high"]) | (
        prices.min(axis=1) < bars["low"] / 2
    )
    # A multiple of the price has no meaning for prices of 0 and less.
    return far & (bars[["low", *OPEN_CLOSE]] > 0).all(axis=1)


def _are_bars(rows: pd.DataFrame, negative_prices: bool) -> bool:
    """Whether every row meets the schema; much faster than to find the faulty rows."""
    if not len(rows):
        return True
    numbers = {
        name: rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in (*PRICES, "volume", "vwap", "trade_count")
    }
    opens, high, low, close = (numbers[name] for name in PRICES)
    vwap, trades = numbers["vwap"], numbers["trade_count"]
    least = -np.inf if negative_prices else 0
    positive = np.minimum(np.minimum(opens, close), low) > 0
    # A price column with NaN fails: its minimum is NaN, and comparisons with NaN are
    # false.
    rules = (
        *(
            price.min() > least and price.max() < np.inf
            for price in (opens, high, low, close)
        ),
        numbers["volume"].min() >= 0 and numbers["volume"].max() < np.inf,
        ~((vwap <= least) | (vwap == np.inf)),
        ~(trades < 0),
        high >= low,
        ~positive | (np.maximum(opens, close) <= 2 * high),
        ~positive | (np.minimum(opens, close) >= low / 2),
        rows["ts"].notna().to_numpy(),
    )
    names = set(rows["symbol"].array[~repeats_symbol(rows)])
    named = all(isinstance(name, str) and name for name in names)
    return named and all(np.all(rule) for rule in rules)


def _failure(case: pd.Series[Any]) -> str:
    """Describe one of pandera's failure cases in words."""
    if case["schema_context"] == "DataFrameSchema":
        return f"not {case['check']}"
    rule = "a value" if case["check"] == "not_nullable" else case["check"]
    return f"{case['column']} {case['failure_case']} where {rule} is needed"


def _name(rows: pd.DataFrame, number: int) -> str:
    """Describe a row for a message: symbol, time, and file and line if known."""
    row = rows.iloc[number]
    counted = [f"{name} {row[name]}" for name in ORIGIN_COLUMNS[1:] if name in rows]
    origin = f" ({row['file']}, {counted[0]})" if counted else ""
    return f"{row['symbol']} {_written(row['ts'])}{origin}"


def _written(ts: pd.Timestamp) -> str:
    return "without ts" if pd.isna(ts) else f"{ts.tz_localize(None)} UTC"


def _check_distances(rows: pd.DataFrame, bar_size: BarSize, where: str) -> None:
    """Raise when the distances between stamps show another bar size."""
    length, micro = bar_size.length, pd.Timedelta(microseconds=1)
    stamps = pd.DatetimeIndex(rows["ts"]).asi8
    if not bar_size.daily and len(stamps) and not (stamps % (DAY // micro)).any():
        raise RefusedBars(
            "schema",
            f"{where}: each row is stamped 00:00 UTC, like daily bars, and base_bar is "
            f"{bar_size}. Set base_bar: 1day, or add the time of day to the stamps.",
        )
    gaps = np.diff(stamps, prepend=0)[repeats_symbol(rows)]
    if len(gaps) and (gaps < length // micro).mean() > 0.5:
        minutes = float(np.median(gaps)) * micro / MINUTE
        raise RefusedBars(
            "schema",
            f"{where}: most bars are {minutes:g} minutes apart, and base_bar is "
            f"{bar_size}. Set base_bar to the bar size of the source.",
        )
