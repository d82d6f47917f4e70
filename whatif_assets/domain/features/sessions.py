"""Features of single sessions, the same whatever range of sessions is asked for.

A recursive feature depends, in its last digits, on the bar at which it starts. So
each column of a session starts, for each symbol, exactly its own warm-up before the
session, neither more nor less: a session computed alone, in a range, on Spark or
together with other columns has the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.schema import (
    bars_by_symbol,
    of_symbols,
    stacked,
    symbol_rows,
)
from whatif_assets.domain.base.arrays import IntArray
from whatif_assets.domain.features.bar_columns import BarColumns
from whatif_assets.domain.features.feature import (
    Feature,
    beside,
    symbols_read,
    warm_up,
    with_other_symbols,
)

if TYPE_CHECKING:
    pass

BarsOf = Callable[[date], pd.DataFrame]
History = Mapping[date, Sequence[date]]


def session_features(
    bars_by_session: BarsOf,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
) -> pd.DataFrame:
    """Compute the features of one session, warmed up on the sessions before it.

    Parameters
    ----------
    bars_by_session
        Gives the tidy bars of a session. It is asked for earlier sessions one by
        one, and only as long as some symbol still lacks bars to warm up on.
    session
        The session.
    previous
        The market's sessions before it, oldest first. Of a symbol with n bars in
        the session and a warm-up of w bars at most the last 10 * ceil(w / n) + 10
        are looked at, so that a newly listed symbol does not read all history.
    features
        What to compute.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts`` and one float64 column per feature, sorted by (symbol,
        ts). NaN where a symbol has too little history.

    Raises
    ------
    BadInput
        The bars are not in order.
    """
    bars = bars_with_history(
        bars_by_session,
        [session],
        previous,
        warm_up(features),
        symbols_read(features),
    )
    frame = features_of_sessions(bars, {session: previous}, features)
    return frame.drop(columns="session")


def bars_with_history(
    bars_by_session: BarsOf,
    stretch: Sequence[date],
    previous: Sequence[date],
    bars: int,
    also: Collection[str] = (),
) -> pd.DataFrame:
    """Read the bars of a stretch of sessions and what its symbols warm up on.

    Parameters
    ----------
    bars_by_session
        Gives the tidy bars of a session; earlier ones are asked for one by one, as
        long as some symbol still lacks bars.
    stretch
        Sessions without a gap, oldest first.
    previous
        The market's sessions before the stretch, oldest first.
    bars
        Bars that a feature needs before a session.
    also
        Symbols that features of the others read, and so needed as far back as those.

    Returns
    -------
    pandas.DataFrame
        Bars with a column ``session``, sorted by (symbol, ts).
    """
    days, frames = list(stretch), [bars_by_session(day) for day in stretch]
    fewest: dict[str, int] = {}
    for frame in frames:
        for symbol, count in bars_by_symbol(frame):
            fewest[symbol] = min(count, fewest.get(symbol, count))
    lacking = dict.fromkeys(fewest, bars)
    reach = {symbol: _reach(bars, count) for symbol, count in fewest.items()}
    for walked, day in enumerate(reversed(previous)):
        short = {s for s, n in lacking.items() if n > 0 and reach[s] > walked}
        if not short:
            break
        earlier = bars_by_session(day)
        days.append(day)
        frames.append(of_symbols(earlier, short.union(also)))
        for symbol, count in bars_by_symbol(earlier):
            if symbol in lacking:
                lacking[symbol] -= count
    return stacked(days, frames).sort_values(["symbol", "ts"], ignore_index=True)


def part_with_history(
    bars: pd.DataFrame,
    days: Sequence[date],
    previous: Sequence[date],
    needed: int,
    symbols: Collection[str],
    also: Collection[str] = (),
) -> pd.DataFrame:
    """Cut what `bars_with_history` gives for some sessions out of what it has given.

    Parameters
    ----------
    bars
        What it gave for a stretch that has these sessions in it.
    days
        Sessions of that stretch without a gap, oldest first.
    previous
        The market's sessions before them, oldest first.
    needed
        Bars that a feature needs before a session.
    symbols, also
        Symbols to keep; those of ``also`` as far back as any of them is read.
    """
    names, numbers = bars["symbol"].array, _days(bars["session"])
    first, last = _day_number(days[0]), _day_number(days[-1])
    oldest, ranges = first, {}
    for start, stop in symbol_rows(bars):
        if (symbol := str(names[start])) not in symbols and symbol not in also:
            continue
        own = numbers[start:stop]
        begin, end = np.searchsorted(own, [first, last + 1])
        ranges[symbol] = start, own, begin, end
        if begin < end:
            counts = np.unique(own[begin:end], return_counts=True)[1]
            limit = _day_number(_oldest(previous, needed, int(counts.min())))
            enough = own[begin - needed] if needed <= begin else limit
            oldest_read = min(max(enough, limit), first)
            ranges[symbol] = start, own, np.searchsorted(own, oldest_read), end
            oldest = min(oldest, int(oldest_read))
    rows = []
    for symbol, (start, own, begin, end) in ranges.items():
        begin = np.searchsorted(own, oldest) if symbol in also else begin
        rows.append(np.arange(start + begin, start + end))
    kept = np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)
    return bars.take(kept).reset_index(drop=True)


def _reach(bars: int, per_session: int) -> int:
    """Sessions that a symbol may look back for its warm-up."""
    return 10 * math.ceil(bars / per_session) + 10 if bars else 0


def features_of_sessions(
    bars: pd.DataFrame, history: History, features: Sequence[Feature]
) -> pd.DataFrame:
    """Compute the features of several sessions, each as `session_features` does.

    Parameters
    ----------
    bars
        Tidy bars of the sessions and of their history with a column ``session``,
        sorted by (symbol, ts).
    history
        For each session to compute the market's sessions before it, oldest first.
    features
        What to compute.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts``, ``session`` (as in ``bars``) and one float64 column per
        feature, sorted by (symbol, ts); bitwise what `session_features` gives.

    Raises
    ------
    BadInput
        The bars are not sorted, or a bar is there twice.
    """
    columns = BarColumns(with_other_symbols(bars, features))
    blocks = list(session_blocks(bars, history, features))
    kept = [np.arange(block.start, block.stop) for block in blocks]
    rows = np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)
    computed, done = np.empty((len(features), len(rows))), 0
    for block in blocks:
        mine = slice(done, done := done + block.stop - block.start)
        for number, feature in enumerate(features):
            computed[number, mine] = block.values(feature, columns, block.stop)
    keys = [bars[name].iloc[rows] for name in ("symbol", "ts", "session")]
    return beside(keys, features, computed)


@dataclass(frozen=True)
class Block:
    """Rows of one symbol in one session, in bars with their history.

    Attributes
    ----------
    start, stop
        Rows of the session.
    first
        First row of the warm-up, by the number of bars that it needs.
    """

    start: int
    stop: int
    first: Mapping[int, int]

    def moved(self, rows: int) -> Block:
        """Give the same block in bars that begin some rows later or earlier."""
        first = {needed: row + rows for needed, row in self.first.items()}
        return Block(self.start + rows, self.stop + rows, first)

    def values(
        self, feature: Feature, columns: BarColumns, stop: int
    ) -> npt.NDArray[np.float64]:
        """Compute a feature from its warm-up on, as if the bars ended before a row.

        Parameters
        ----------
        feature
            One of those that the block was made for.
        columns
            Of the bars that the block was found in.
        stop
            The row before which bars end; ``self.stop`` for the whole session.

        Returns
        -------
        numpy.ndarray
            float64, one per row from ``start`` to ``stop``.
        """
        first = self.first[feature.warm_up]
        return feature.over(columns, first, stop)[self.start - first :]


def session_blocks(
    bars: pd.DataFrame, history: History, features: Sequence[Feature]
) -> Iterator[Block]:
    """Find the rows of each symbol in each session, and those it warms up on.

    Parameters are those of :func:`features_of_sessions`.

    Yields
    ------
    Block
        Symbols in their order, sessions of each from the oldest on; none where a
        symbol has no bar.
    """
    needs = {feature.warm_up for feature in features}
    days = _days(bars["session"])
    asked = sorted(history)
    edges = np.array([_day_number(day) for day in asked])
    for symbol, last in symbol_rows(bars):
        starts = symbol + np.searchsorted(days[symbol:last], edges)
        stops = symbol + np.searchsorted(days[symbol:last], edges + 1)
        for session, start, stop in zip(asked, starts, stops, strict=True):
            if start == stop:
                continue
            first = {}
            for needed in needs:
                oldest = _day_number(
                    _oldest(history[session], needed, int(stop - start))
                )
                earliest = np.searchsorted(days[symbol:start], oldest) + symbol
                first[needed] = max(int(earliest), int(start) - needed)
            yield Block(int(start), int(stop), first)


def oldest_sessions_read(
    bars: pd.DataFrame, history: History, features: Sequence[Feature]
) -> dict[date, date]:
    """Find how far back each session's features read: no further than their warm-up.

    Parameters are those of :func:`features_of_sessions`.

    Returns
    -------
    dict of date to date
        For each session of ``history`` the oldest session whose bars decide its
        features. All sessions from there on do: one without a bar of a symbol was
        looked at, and would be read if it had one. The same whether the session is
        computed alone or among others.
    """
    longest = sorted(features, key=lambda feature: feature.warm_up)[-1:]
    needed, days = warm_up(longest), _days(bars["session"])
    oldest = {session: session for session in history}
    for block in session_blocks(bars, history, longest):
        session = _date(days[block.start])
        first = block.first.get(needed, block.start)
        if block.start - first == needed:
            read = _date(days[first])
        else:  # it looked as far as it may
            count = block.stop - block.start
            read = _oldest(history[session], needed, count) or session
        oldest[session] = min(oldest[session], read)
    return oldest


def _oldest(previous: Sequence[date], bars: int, per_session: int) -> date | None:
    """Earliest session that a symbol may warm up on."""
    reach = min(_reach(bars, per_session), len(previous))
    return previous[-reach] if reach else None


def _day_number(session: date | None) -> int:
    """IntArray since 1970-01-01; without a session a day that never comes."""
    if session is None:
        return int(np.iinfo(np.int64).max)
    return int(np.datetime64(session, "D").astype(np.int64))


def _date(day_number: np.int64) -> date:
    found: date = np.datetime64(int(day_number), "D").item()
    return found


def _days(sessions: pd.Series) -> IntArray:
    """IntArray since 1970-01-01 of a column of dates in any of their types."""
    if pd.api.types.is_integer_dtype(sessions.dtype):
        return sessions.to_numpy(dtype=np.int64)
    if not pd.api.types.is_datetime64_dtype(sessions.dtype):
        sessions = pd.to_datetime(sessions)
    days = sessions.to_numpy(dtype="datetime64[D]")
    return days.astype(np.int64)
