"""Features of single sessions, independent of the range of sessions requested.

The last digits of a recursive feature depend on the bar at which it starts. Therefore
each feature of a session starts, for each symbol, exactly its own warm-up before the
session. A session has the same bits whether it is computed alone, in a range, on Spark
or together with other features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

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
from whatif_assets.domain.features.computing import beside, with_other_symbols
from whatif_assets.domain.features.cross_sections import (
    across_symbols,
    group_column,
    per_symbol,
)
from whatif_assets.domain.features.feature import Feature, symbols_read, warm_up

# Returns the tidy bars of a session.
BarsOf = Callable[[date], pd.DataFrame]
# The market's sessions before each session, oldest first.
History = Mapping[date, Sequence[date]]


def session_features(
    bars_by_session: BarsOf,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
) -> pd.DataFrame:
    """Compute the features of one session, with a warm-up on earlier sessions.

    Parameters
    ----------
    bars_by_session
        Returns the tidy bars of a session. It is called for earlier sessions one by
        one, and only while a symbol still lacks bars for its warm-up.
    session
        The session.
    previous
        The market's sessions before it, oldest first. For a symbol with n bars in the
        session and a warm-up of w bars, at most the last 10 * ceil(w / n) + 10
        sessions are read, so that a newly listed symbol does not read all history.
    features
        Features to compute.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts`` (UTC) and one float64 column per feature, sorted by (symbol,
        ts). NaN where a symbol has too little history.

    Raises
    ------
    BadInput
        The bars are not sorted by (symbol, ts).
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
    """Read the bars of consecutive sessions, and the earlier bars for their warm-up.

    Parameters
    ----------
    bars_by_session
        Returns the tidy bars of a session. It is called for earlier sessions one by
        one, while a symbol still lacks bars for its warm-up.
    stretch
        Consecutive sessions, oldest first.
    previous
        The market's sessions before the stretch, oldest first.
    bars
        Warm-up: number of bars that a feature needs before a session.
    also
        Symbols that features read at the bars of other symbols; their bars are read as
        far back as those of the other symbols.

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
    """Select the bars of some sessions and their warm-up from a longer stretch.

    The result has the bars that `bars_with_history` would read for these sessions.

    Parameters
    ----------
    bars
        Result of `bars_with_history` for a stretch that contains these sessions.
    days
        Consecutive sessions of that stretch, oldest first.
    previous
        The market's sessions before them, oldest first.
    needed
        Warm-up: number of bars that a feature needs before a session.
    symbols, also
        Symbols to keep. Bars of symbols in ``also`` are kept as far back as the bars
        of any symbol.
    """
    names, numbers = bars["symbol"].array, _days(bars["session"])
    first, last = _day_number(days[0]), _day_number(days[-1])
    oldest, ranges = first, {}
    for start, stop in symbol_rows(bars):
        if (symbol := str(names[start])) not in symbols and symbol not in also:
            continue
        of_symbol = numbers[start:stop]
        begin, end = np.searchsorted(of_symbol, [first, last + 1])
        ranges[symbol] = start, of_symbol, begin, end
        if begin < end:
            counts = np.unique(of_symbol[begin:end], return_counts=True)[1]
            limit = _day_number(_oldest(previous, needed, int(counts.min())))
            enough = of_symbol[begin - needed] if needed <= begin else limit
            oldest_read = min(max(enough, limit), first)
            begin = np.searchsorted(of_symbol, oldest_read)
            ranges[symbol] = start, of_symbol, begin, end
            oldest = min(oldest, int(oldest_read))
    rows = []
    for symbol, (start, of_symbol, begin, end) in ranges.items():
        begin = np.searchsorted(of_symbol, oldest) if symbol in also else begin
        rows.append(np.arange(start + begin, start + end))
    kept = np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)
    return bars.take(kept).reset_index(drop=True)


def _reach(bars: int, per_session: int) -> int:
    """Return the number of earlier sessions that a symbol's warm-up may read."""
    return 10 * math.ceil(bars / per_session) + 10 if bars else 0


def features_of_sessions(
    bars: pd.DataFrame, history: History, features: Sequence[Feature]
) -> pd.DataFrame:
    """Compute the features of several sessions, with the bits of `session_features`.

    Parameters
    ----------
    bars
        Tidy bars of the sessions and of their history, with a column ``session``,
        sorted by (symbol, ts).
    history
        The sessions to compute; for each, the market's sessions before it, oldest
        first.
    features
        Features to compute.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts`` (UTC), ``session`` (as in ``bars``) and one float64 column
        per feature, sorted by (symbol, ts). NaN where a symbol has too little history.

    Raises
    ------
    BadInput
        The bars are not sorted, a bar is there twice, or a feature reads groups that
        the bars do not have in a column ``group``.
    """
    columns = BarColumns(with_other_symbols(bars, features))
    parts = per_symbol(features)
    blocks = list(session_blocks(bars, history, parts))
    kept = [np.arange(block.start, block.stop) for block in blocks]
    rows = np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)
    computed, done = np.empty((len(parts), len(rows))), 0
    for block in blocks:
        of_block = slice(done, done := done + block.stop - block.start)
        for number, feature in enumerate(parts):
            computed[number, of_block] = block.values(feature, columns, block.stop)
    names = ("symbol", "ts", "session", *group_column(features))
    keys = [bars[name].iloc[rows] for name in names]
    return across_symbols(beside(keys, parts, computed), features)


@dataclass(frozen=True)
class Block:
    """Rows of one symbol and session, within bars with their history.

    Attributes
    ----------
    start, stop
        Rows [start, stop) of the session.
    first
        First row of the warm-up, by its length in bars.
    """

    start: int
    stop: int
    first: Mapping[int, int]

    def moved(self, rows: int) -> Block:
        """Return the block with all row numbers shifted by ``rows``."""
        first = {needed: row + rows for needed, row in self.first.items()}
        return Block(self.start + rows, self.stop + rows, first)

    def values(
        self, feature: Feature, columns: BarColumns, stop: int
    ) -> npt.NDArray[np.float64]:
        """Compute a feature at the session's bars before the row ``stop``.

        The function sees the bars from its warm-up to ``stop`` only.

        Parameters
        ----------
        feature
            One of the features for which the block was made.
        columns
            Columns of the bars in which the block was found.
        stop
            Row at which the bars end; ``self.stop`` for the whole session.

        Returns
        -------
        numpy.ndarray
            float64, one value per row in [start, stop).
        """
        first = self.first[feature.warm_up]
        return feature.over(columns, first, stop)[self.start - first :]


def session_blocks(
    bars: pd.DataFrame, history: History, features: Sequence[Feature]
) -> Iterator[Block]:
    """Find the rows of each symbol and session, and the rows of their warm-ups.

    The parameters are those of :func:`features_of_sessions`.

    Yields
    ------
    Block
        Blocks in order of symbols, then of sessions; no block for a symbol and session
        without bars.
    """
    needs = {feature.warm_up for feature in features}
    days = _days(bars["session"])
    wanted = sorted(history)
    edges = np.array([_day_number(day) for day in wanted])
    for symbol, last in symbol_rows(bars):
        starts = symbol + np.searchsorted(days[symbol:last], edges)
        stops = symbol + np.searchsorted(days[symbol:last], edges + 1)
        for session, start, stop in zip(wanted, starts, stops, strict=True):
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
    """Find the oldest session that the features of each session depend on.

    The parameters are those of :func:`features_of_sessions`.

    Returns
    -------
    dict of date to date
        For each session of ``history``, the oldest session whose bars affect its
        features. Every session from there on can affect them: a session in which a
        symbol has no bar would have been used if it had one. The result does not
        depend on which other sessions are computed.
    """
    longest = sorted(features, key=lambda feature: feature.warm_up)[-1:]
    needed, days = warm_up(longest), _days(bars["session"])
    oldest = {session: session for session in history}
    for block in session_blocks(bars, history, longest):
        session = _date(days[block.start])
        first = block.first.get(needed, block.start)
        if block.start - first == needed:
            read = _date(days[first])
        else:  # the warm-up reached its limit of sessions
            count = block.stop - block.start
            read = _oldest(history[session], needed, count) or session
        oldest[session] = min(oldest[session], read)
    return oldest


def _oldest(previous: Sequence[date], bars: int, per_session: int) -> date | None:
    """Return the earliest session that a symbol's warm-up may read; None if none."""
    reach = min(_reach(bars, per_session), len(previous))
    return previous[-reach] if reach else None


def _day_number(session: date | None) -> int:
    """Return the days since 1970-01-01; without a session, the greatest integer."""
    if session is None:
        return int(np.iinfo(np.int64).max)
    return int(np.datetime64(session, "D").astype(np.int64))


def _date(day_number: np.int64) -> date:
    found: date = np.datetime64(int(day_number), "D").item()
    return found


def _days(sessions: pd.Series) -> IntArray:
    """Return a column of dates, of any type, as days since 1970-01-01."""
    if pd.api.types.is_integer_dtype(sessions.dtype):
        return sessions.to_numpy(dtype=np.int64)
    if not pd.api.types.is_datetime64_dtype(sessions.dtype):
        sessions = pd.to_datetime(sessions)
    days = sessions.to_numpy(dtype="datetime64[D]")
    return days.astype(np.int64)
