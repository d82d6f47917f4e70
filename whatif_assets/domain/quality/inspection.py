"""Input and output of quality checks: bars of sessions as arrays, and findings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.adjustments import Step
from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.bars.load_report import LoadReport
from whatif_assets.domain.bars.schema import PRICES, session_starts
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.arrays import FloatArray, IntArray, Mask

_MINUTE = 60_000_000  # microseconds
_NEAR = 10  # bars before and after a bar that define its usual range


@dataclass(frozen=True)
class Finding:
    """What a check found in one session, for one symbol or for all symbols.

    Attributes
    ----------
    session
        The session.
    symbol
        The symbol; None if the finding concerns the whole session.
    ts
        Start of the first bar concerned, UTC; None if no bar is concerned.
    count
        Number of bars, rows or symbols concerned.
    value
        The number that was checked, for the first bar; NaN if there is none.
    example
        Description of the fault in the first bar.
    check, severity
        Name and severity of the check; set by `whatif_assets.domain.quality.inspect`.
    """

    session: date
    symbol: str | None
    ts: pd.Timestamp | None
    count: int
    value: float
    example: str
    check: str = ""
    severity: str = ""


@dataclass(frozen=True)
class Inspection:
    """Bars of consecutive sessions, with the information that checks need.

    Attributes
    ----------
    bars
        Tidy bars, as `whatif_assets.domain.bars.tidy.tidy` returns them, sorted by
        (symbol, ts).
    report
        Report of the loading of these bars.
    days
        All sessions of the market from the first to the last, in order; each bar
        belongs to one of them.
    before
        Last bar of each symbol in the session before the first; None if it is not
        known, and then the first session is not compared with the session before.
    sessions
        The market's sessions.
    bar_size
        Size of the market's bars.
    repairs
        Names of the repairs that the market declares.
    steps
        Splits and dividends by session and symbol. A price of the session before is
        adjusted by them before it is compared.
    """

    bars: pd.DataFrame
    report: LoadReport
    days: Sequence[date]
    before: pd.DataFrame | None
    sessions: Sessions
    bar_size: BarSize
    repairs: Sequence[str] = ()
    steps: Mapping[date, Mapping[str, Step]] = field(default_factory=dict)

    @property
    def daily(self) -> bool:
        """Whether a bar is a whole session."""
        return self.bar_size.daily

    def column(self, name: str) -> FloatArray:
        """Return the values of a column, one per bar."""
        return self._columns[name]

    @functools.cached_property
    def day(self) -> IntArray:
        """Position in ``days`` of each bar's session."""
        return self._each(self._day_of_run)

    @functools.cached_property
    def symbol(self) -> IntArray:
        """Position in ``names`` of each bar's symbol."""
        return self._each(self._symbol_of_run)

    @functools.cached_property
    def names(self) -> list[str]:
        """All symbols, including those of the session before the first."""
        own = self._own_names
        others = [] if self.before is None else list(self.before["symbol"])
        return [*own, *sorted(set(others) - set(own))]

    @functools.cached_property
    def within(self) -> Mask:
        """Whether the previous bar has the same symbol and session, per bar."""
        same = np.ones(len(self.bars), dtype=bool)
        same[self._runs] = False
        return same

    @functools.cached_property
    def opening(self) -> Mask:
        """Whether a bar opens a session, and its symbol has bars in the one before."""
        next_day = (np.diff(self._symbol_of_run) == 0) & (
            np.diff(self._day_of_run) == 1
        )
        first = np.zeros(len(self.bars), dtype=bool)
        first[self._runs[1:][next_day]] = True
        first[self._rows_before[0]] = True
        return first

    def previous(self, name: str) -> FloatArray:
        """Return a column's value in the symbol's previous bar; NaN if there is none.

        The previous bar is in the same session or in the session before. A price of
        the session before is adjusted for splits and dividends.
        """
        if name not in self._previous:
            self._previous[name] = self._find_previous(name)
        return self._previous[name]

    def _find_previous(self, name: str) -> FloatArray:
        values = self.column(name)
        previous = np.empty(len(values))
        previous[1:] = values[:-1]
        previous[self._runs[~self.opening[self._runs]]] = np.nan
        if self.before is not None:
            rows, known = self._rows_before
            previous[rows] = self.before[name].to_numpy()[known]
        if name in PRICES:
            for stepped, factor in self._stepped:
                previous[stepped] *= factor
        return previous

    @functools.cached_property
    def moves(self) -> FloatArray:
        """Relative move from the previous close to open or close, the larger one."""
        previous = self.previous("close")
        opened, closed = relative(self.column("open"), previous), self.close_moves
        return np.where(np.abs(opened) > np.abs(closed), opened, closed)

    @functools.cached_property
    def close_moves(self) -> FloatArray:
        """Relative move from the previous close to the close."""
        return relative(self.column("close"), self.previous("close"))

    def usual_range(self, row: int) -> float:
        """Return the usual range of the bars around a bar, relative to the price.

        It is the greater of two medians of ranges: over all bars of the symbol and
        session, and over the ten bars before and after the bar, without the bar
        itself. The range of a bar includes the previous close.
        """
        run = int(self._runs.searchsorted(row, side="right")) - 1
        edges = np.append(self._runs, len(self.bars))
        first, last = int(edges[run]), int(edges[run + 1])
        start, stop = max(first, row - _NEAR), min(last, row + 1 + _NEAR)
        ranges = self._ranges
        around = np.delete(ranges[start:stop], row - start)
        whole = float(np.median(ranges[first:last]))
        return max(whole, float(np.median(around))) if len(around) else whole

    @functools.cached_property
    def _ranges(self) -> FloatArray:
        before = self.previous("close")
        high = np.fmax(self.column("high"), before)
        low = np.fmin(self.column("low"), before)
        return np.nan_to_num(relative(high, low), nan=0.0)

    @functools.cached_property
    def _stepped(self) -> list[tuple[IntArray, float]]:
        """First bars after a split or dividend, and the factor of earlier prices."""
        place = {name: number for number, name in enumerate(self.names)}
        return [
            (np.flatnonzero(first & (self.symbol == place[name])), step.price_factor)
            for number, day in enumerate(self.days)
            if day in self.steps
            for first in [self.opening & (self.day == number)]
            for name, step in self.steps[day].items()
            if name in place
        ]

    def following(self, name: str) -> FloatArray:
        """Return a column's value in the next bar of the symbol and session, or NaN."""
        values = self.column(name)
        following = np.full(len(values), np.nan)
        following[:-1] = np.where(self.within[1:], values[1:], np.nan)
        return following

    @functools.cached_property
    def made(self) -> Mask:
        """Whether the bar was added by the repair forward_fill."""
        if "forward_fill" not in self.repairs:
            return np.zeros(len(self.bars), dtype=bool)
        untraded = (self.bars["trade_count"] == 0).to_numpy(dtype=bool, na_value=False)
        typical = self.bars["vwap_is_typical"].to_numpy(dtype=bool)
        return np.asarray((self.column("volume") == 0) & untraded & typical)

    @property
    def runs(self) -> Iterator[tuple[int, int, slice]]:
        """Day, symbol and rows of each symbol and session that has bars."""
        edges = np.append(self._runs, len(self.bars))
        for number, day in enumerate(self._day_of_run):
            rows = slice(int(edges[number]), int(edges[number + 1]))
            yield int(day), int(self._symbol_of_run[number]), rows

    @functools.cached_property
    def starts(self) -> list[IntArray]:
        """Starts of the bars of each session by the calendar, in microseconds, UTC.

        For volume and dollar bars, the minutes in which a bar may start.
        """
        length = (ONE_MINUTE if self.bar_size.by_activity else self.bar_size).length
        return [self.sessions.starts(day, length).asi8 for day in self.days]

    @functools.cached_property
    def regular(self) -> Mask:
        """Whether a bar starts at one of the `starts` of the calendar."""
        if self.daily or self.bars.empty:
            return np.ones(len(self.bars), dtype=bool)
        every, stamps = np.concatenate(self.starts), self.stamps
        if self.bar_size.by_activity:
            stamps = stamps // _MINUTE * _MINUTE
        place = np.minimum(every.searchsorted(stamps), len(every) - 1)
        return np.asarray(every[place] == stamps)

    @functools.cached_property
    def bars_of(self) -> IntArray:
        """Number of regular bars per session (row) and symbol (column)."""
        counts = np.zeros((len(self.days), len(self.names)), dtype=np.int64)
        if len(self.bars):
            of_runs = np.add.reduceat(self.regular, self._runs, dtype=np.int64)
            np.add.at(counts, (self._day_of_run, self._symbol_of_run), of_runs)
        return counts

    @functools.cached_property
    def present(self) -> Mask:
        """Whether a session (row) has any bar of a symbol (column)."""
        present = np.zeros((len(self.days), len(self.names)), dtype=bool)
        present[self._day_of_run, self._symbol_of_run] = True
        return present

    @functools.cached_property
    def present_before(self) -> Mask:
        """Whether the session before a session (row) has any bar of a symbol."""
        first = np.zeros((1, len(self.names)), dtype=bool)
        if self.before is not None:
            first[0] = np.isin(self.names, self.before["symbol"])
        return np.concatenate([first, self.present[:-1]])

    def by_symbol(
        self, rows: Mask, value: FloatArray, say: Callable[[int], str]
    ) -> list[Finding]:
        """Make findings about some bars: one per session and symbol.

        Parameters
        ----------
        rows
            Whether each bar is concerned.
        value
            The number that was checked, per bar.
        say
            Function of the position of a bar that describes its fault in words.
        """
        return self._grouped(rows, self.symbol, value, say)

    def by_session(
        self, rows: Mask, value: FloatArray, say: Callable[[int], str]
    ) -> list[Finding]:
        """Make findings about some bars: one per session, over all symbols.

        The parameters are those of `by_symbol`.
        """
        found = self._grouped(rows, np.zeros_like(self.symbol), value, say)
        return [
            replace(item, symbol=None, example=f"{item.symbol} {item.example}")
            for item in found
        ]

    def _grouped(
        self, rows: Mask, group: IntArray, value: FloatArray, say: Callable[[int], str]
    ) -> list[Finding]:
        numbers = np.flatnonzero(rows)
        if not len(numbers):
            return []
        # The first row of a run is its earliest, so only first rows are compared.
        heads = np.unique(np.searchsorted(numbers, self._runs))
        heads = heads[heads < len(numbers)]
        first, counts = numbers[heads], np.diff(heads, append=len(numbers))
        cells = self.day[first] * len(self.names) + group[first]
        order = np.lexsort((first, self.stamps[first], cells))
        starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
        totals = np.add.reduceat(counts[order], starts)
        return [
            Finding(
                session=self.days[self.day[row]],
                symbol=self.names[self.symbol[row]],
                ts=self.bars["ts"].iloc[row],
                count=int(count),
                value=float(value[row]),
                example=say(int(row)),
            )
            for row, count in zip(first[order[starts]], totals, strict=True)
        ]

    @functools.cached_property
    def _columns(self) -> Mapping[str, FloatArray]:
        names = (*PRICES, "volume", "vwap")
        return {name: self.bars[name].to_numpy(dtype=np.float64) for name in names}

    @functools.cached_property
    def stamps(self) -> IntArray:
        """Start of each bar, in microseconds since 1970, UTC."""
        return pd.DatetimeIndex(self.bars["ts"]).as_unit("us").asi8

    @functools.cached_property
    def _previous(self) -> dict[str, FloatArray]:
        return {}

    @functools.cached_property
    def _runs(self) -> IntArray:
        """First row of each run; a run is all bars of one symbol and session."""
        return np.asarray(session_starts(self.bars), dtype=np.int64)

    def _each(self, of_runs: IntArray) -> IntArray:
        """Repeat a value per run for each bar of the run."""
        return np.repeat(of_runs, np.diff(self._runs, append=len(self.bars)))

    @functools.cached_property
    def _day_of_run(self) -> IntArray:
        days = pd.DatetimeIndex(list(self.days)).as_unit("ns")
        of_runs = self.bars["session"].to_numpy()[self._runs]
        return np.asarray(days.searchsorted(of_runs), dtype=np.int64)

    @functools.cached_property
    def _symbol_of_run(self) -> IntArray:
        return np.asarray(
            pd.Index(self._own_names).get_indexer(pd.Index(self._names_of_runs)),
            dtype=np.int64,
        )

    @functools.cached_property
    def _own_names(self) -> list[str]:
        return list(dict.fromkeys(self._names_of_runs))

    @functools.cached_property
    def _names_of_runs(self) -> list[str]:
        return list(self.bars["symbol"].iloc[self._runs])

    @functools.cached_property
    def _rows_before(self) -> tuple[IntArray, IntArray]:
        """Rows whose previous bar is in ``before``, and its rows there."""
        if self.before is None:
            none = np.zeros(0, dtype=np.int64)
            return none, none
        heads = np.diff(self._symbol_of_run, prepend=-1) != 0
        heads &= self._day_of_run == 0
        names = [self.names[number] for number in self._symbol_of_run[heads]]
        known = pd.Index(self.before["symbol"]).get_indexer(names)
        return self._runs[heads][known >= 0], known[known >= 0].astype(np.int64)


def relative(price: FloatArray, other: FloatArray) -> FloatArray:
    """Return ``price / other - 1``; NaN where one of the prices is 0 or less."""
    ratio = np.full(len(price), np.nan)
    np.divide(price, other, out=ratio, where=(price > 0) & (other > 0))
    return ratio - 1


def number(value: Any) -> str:
    """Format a price or another number for a message, with six digits."""
    return f"{value:.6g}"
