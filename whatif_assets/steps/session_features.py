"""Features of a session, warmed up on the sessions before it."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import of_symbols
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.features import (
    FEATURES,
    Feature,
    bars_with_history,
    check_symbols_read,
    features_of_sessions,
    functions_of,
    oldest_sessions_read,
    part_with_history,
    per_symbol,
    symbols_read,
    warm_up,
    with_other_symbols,
)
from whatif_assets.domain.features.cross_sections import check_same_times
from whatif_assets.domain.features.larger_bars import (
    LOOK_BACK,
    LargerBars,
    as_of_close,
    by_bar_size,
)
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.bars_read import (
    BARS_OF,
    parts_among,
    parts_of,
    version_of,
)
from whatif_assets.home.home import Home
from whatif_assets.steps.facts import JoinedFacts

SPARSE = 6  # assume that thinly traded symbols have a sixth of a session's bars

History = Mapping[date, Sequence[date]]
Engine = Callable[[pd.DataFrame, History, Sequence[Feature]], pd.DataFrame]


class SessionFeatures:
    """Feature tables of single sessions, computed for several sessions at a time.

    The bars of a stretch of sessions are read together; the values of each session are
    the same as if it were computed alone.

    Parameters
    ----------
    home
        The home whose lake has the bars.
    features
        Columns to compute.
    wanted
        Sessions that will be requested, oldest first.
    engine
        The function that computes several sessions:
        :func:`whatif_assets.domain.features.features_of_sessions`, or its Spark
        counterpart.
    bar_size
        Size of the bars; by default the market's own. Features of slower bars are
        computed as known at the close of these bars.
    as_of
        The session of the price basis; by default each session has its own basis, as
        prices were seen then.
    made_of
        Reader of the bars from which slower bars are resampled.

    Raises
    ------
    BadInput
        A feature reads a symbol that the home's market does not have, or compares
        symbols whose bars differ in time.
    """

    def __init__(
        self,
        home: Home,
        features: Sequence[Feature],
        wanted: Sequence[date] = (),
        engine: Engine = features_of_sessions,
        bar_size: BarSize | None = None,
        as_of: date | None = None,
        made_of: BarReader | None = None,
    ) -> None:
        self._home, self._engine, self._as_of = home, engine, as_of
        self._reader = BarReader(home, bar_size, made_of)
        self._steps = LakeSteps(home)
        self.features = tuple(features)
        check_symbols_read(self.features, home.symbols)
        self.facts = JoinedFacts(home, self.features, bar_size)
        self._wanted = list(wanted)
        self._calendar = home.market.sessions.dates()
        size = self._reader.size
        self._at_a_time = home.market.sessions_at_a_time(len(home.symbols), size)
        self._bars_of = functools.lru_cache(2 * self._at_a_time)(self._read)
        self._versions: dict[date, str] = {}
        self._version_now = functools.lru_cache(None)(self._bars_of_part)
        self._ready: dict[date, pd.DataFrame] = {}
        self._latest: tuple[date | None, pd.DataFrame] = None, pd.DataFrame()
        self._computed: tuple[list[date], pd.DataFrame] = [], pd.DataFrame()
        self._oldest_read: dict[date, date] = {}
        groups = by_bar_size(self.features, size)
        self.own = tuple(groups.pop(size))
        check_same_times(self.own, size)
        # The features, and those inside features across symbols.
        self._all = tuple(dict.fromkeys([*self.features, *per_symbol(self.features)]))
        self.slower = [
            SessionFeatures(home, some, (), engine, slower, made_of=self._reader)
            for slower, some in groups.items()
        ]

    def _read(self, session: date) -> pd.DataFrame:
        # Note the version first: if the bars are replaced meanwhile, the new version
        # is then not taken for the bars that were read.
        self._versions[session] = self._bars_version(session)
        return self._reader.of(session)

    def of(self, session: date) -> pd.DataFrame:
        """Compute the features of one session: symbol, ts, and a column per feature.

        Raises
        ------
        BadInput
            The bars of the session, or of a session that it warms up on, are missing.
        """
        columns = [feature.column for feature in self.features]
        return self.with_parts(session)[["symbol", "ts", *columns]]

    def with_parts(self, session: date) -> pd.DataFrame:
        """Compute the features of a session, and those inside features across symbols.

        Errors are those of `of`.
        """
        if self._latest[0] != session:
            if session not in self._ready:
                try:
                    self._compute(self._stretch(session))
                except BadInput:
                    # Another session of the stretch may have caused the error.
                    self._compute([session])
            self._latest = session, self._ready.pop(session)
        return self._latest[1]

    def _stretch(self, session: date) -> list[date]:
        """List the wanted sessions from this one on, up to a gap or the limit of bars.

        All have the same price basis: a split or a dividend starts another stretch.
        """
        start = self._calendar.index(session)
        following = self._calendar[start : start + self._at_a_time]
        wanted = {session, *self._wanted}
        stretch = list(itertools.takewhile(wanted.__contains__, following))
        return stretch if self._as_of else self._steps.unbroken(stretch)

    def _compute(self, stretch: Sequence[date]) -> None:
        first = self._calendar.index(stretch[0])
        bars = bars_with_history(
            self._bars_of,
            stretch,
            self._calendar[:first],
            warm_up(self.own),
            symbols_read(self.own),
        )
        as_of = self._as_of or stretch[0]
        self._computed = list(stretch), bars
        bars = self._steps.adjusted(bars, as_of)
        bars = self.with_groups(self.facts.join(bars))
        history = {
            day: self._calendar[: first + number] for number, day in enumerate(stretch)
        }
        self._oldest_read |= oldest_sessions_read(bars, history, self.own)
        own = dict.fromkeys([*self.own, *per_symbol(self.own)])
        computed = self._engine(bars, history, list(own))
        for store in self.slower:
            known = store._at_close(computed, self._reader.size, stretch, as_of)
            computed = computed.join(known)
            for day in stretch:
                read = [store._oldest_read[seen] for seen in store._seen_from(day)]
                self._oldest_read[day] = min(self._oldest_read[day], *read)
            self._versions |= store._versions
        columns = [feature.column for feature in self._all]
        computed = computed[["symbol", "ts", "session", *columns]]
        days = computed.pop("session").dt.date
        # A session without bars has no features.
        self._ready |= dict.fromkeys(stretch, computed.iloc[:0])
        for day, rows in computed.groupby(days.to_numpy()):
            self._ready[day] = rows.reset_index(drop=True)

    def bars_of(
        self, session: date, symbols: Sequence[str]
    ) -> tuple[pd.DataFrame, list[date]]:
        """Return some symbols' bars of a session, and the bars its features warm up on.

        Returns
        -------
        bars : pandas.DataFrame
            Bars with ``session``, and with the columns that the features read of other
            symbols, sorted by (symbol, ts).
        previous : list of date
            The market's sessions before this one, oldest first.
        """
        previous = self._calendar[: self._calendar.index(session)]
        bars = self._with_history([session], symbols, self._as_of or session)
        bars = with_other_symbols(self.facts.join(bars), per_symbol(self.own))
        own = bars[bars["symbol"].isin(symbols)]
        return own.reset_index(drop=True), previous

    def with_groups(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add to rows of bars the group of their symbol, if a feature reads groups."""
        if not any(feature.reads_groups for feature in self.own):
            return rows
        return self._home.with_groups(rows)

    def slower_of(self, session: date, symbols: Sequence[str]) -> list[LargerBars]:
        """Return some symbols' slower bars before a session, for features of these."""
        size, as_of = self._reader.size, self._as_of or session
        return [store._before(session, symbols, size, as_of) for store in self.slower]

    def _with_history(
        self, days: Sequence[date], symbols: Sequence[str], as_of: date
    ) -> pd.DataFrame:
        """Read some symbols' bars of consecutive sessions, with those to warm up on."""
        also, needed = symbols_read(self.own), warm_up(self.own)
        earlier = self._calendar[: self._calendar.index(days[0])]
        stretch, stretch_bars = self._computed

        def _some_bars_of(day: date) -> pd.DataFrame:
            return of_symbols(self._bars_of(day), {*symbols, *also})

        if set(days) <= set(stretch):
            bars = part_with_history(stretch_bars, days, earlier, needed, symbols, also)
        else:
            bars = bars_with_history(_some_bars_of, days, earlier, needed, also)
        return self._steps.adjusted(bars, as_of)

    def _seen_from(self, session: date, symbols: Sequence[str] = ()) -> list[date]:
        """List the sessions that may have the last bar closed before a bar of this one.

        They are the session itself, and the sessions back to the previous bar of each
        of the symbols (by default all symbols with a bar in the session), oldest first.
        """
        place = self._calendar.index(session)
        lacking = set(symbols or self._bars_of(session)["symbol"])
        days = [session]
        for day in reversed(self._calendar[max(place - LOOK_BACK, 0) : place]):
            if not lacking:
                break
            days.append(day)
            lacking -= set(self._bars_of(day)["symbol"])
        return days[::-1]

    def _at_close(
        self, rows: pd.DataFrame, size: BarSize, stretch: Sequence[date], as_of: date
    ) -> pd.DataFrame:
        """Return the features as known at the close of faster bars of a stretch."""
        self._ready.clear()  # may have another price basis
        self._latest = None, pd.DataFrame()
        self._as_of = as_of
        first = min(self._seen_from(day)[0] for day in stretch)
        place, after = self._calendar.index(first), self._calendar.index(stretch[-1])
        self._wanted = self._calendar[place : after + 1]
        found = [
            self.with_parts(day).assign(session=pd.Timestamp(day))
            for day in self._wanted
        ]
        slower = pd.concat(found, ignore_index=True)
        sessions = self._home.market.sessions
        return as_of_close(rows, size, slower, self._reader.size, sessions)

    def _before(
        self, session: date, symbols: Sequence[str], size: BarSize, as_of: date
    ) -> LargerBars:
        days = self._seen_from(session, symbols)
        bars = self._with_history(days, symbols, as_of)
        # Symbols that features of other symbols read are needed in the session itself.
        rest = set(symbols) - set(symbols_read(self.own))
        now = bars["symbol"].isin(rest) & (bars["session"] == pd.Timestamp(session))
        return LargerBars(
            features=per_symbol(self.own),
            size=size,
            slower_size=self._reader.size,
            sessions=self._home.market.sessions,
            earlier=bars[~now],
            days=days,
            previous=self._calendar[: self._calendar.index(days[0])],
        )

    def inputs(self, session: date) -> dict[str, str]:
        """Return hashes of the present inputs of a session's features, by part.

        The parts are the columns, the code of each of their functions, the facts known
        in the session, and the bars of each session on which the stored features warmed
        up: while these are the same, nothing else would be read.

        Raises
        ------
        BadInput
            The session's own bars are not materialised.
        """
        key = session.isoformat()
        self._home.lake.versions("price_bars", [key])
        manifest = self._home.lake.manifest("features", key)
        parts = {BARS_OF + key, *(manifest.inputs if manifest else ())}
        read = {part: self._version_now(part) for part in parts_among(parts)}
        return self._own_inputs(session) | read

    def inputs_read(self, session: date) -> dict[str, str]:
        """Return hashes of the inputs from which `of` computed a session, by part."""
        first, last = map(self._calendar.index, (self._oldest_read[session], session))
        parts = parts_of(self._calendar[first : last + 1])
        known = self._versions.__getitem__
        read = {part: version_of(part, self._calendar, known) for part in parts}
        return self._own_inputs(session) | read

    def _own_inputs(self, session: date) -> dict[str, str]:
        """Return hashes of the inputs of a session's features other than bars."""
        seen = self.facts.seen([session])
        functions = functions_of(self.features)
        return {
            "settings": combined_hash(feature.column for feature in self.features),
            **{f"code of {name}": FEATURES[name].code_version for name in functions},
            **self._home.market.groups_read(self.features),
            **({"facts": combined_hash(seen)} if seen else {}),
        }

    def _bars_of_part(self, part: str) -> str:
        """Return the version of the bars of a part, as the lake has them now."""
        return version_of(part, self._calendar, self._bars_version)

    def _bars_version(self, session: date) -> str:
        """Return the data version of a session's bars; empty if there are none."""
        manifest = self._home.lake.manifest("price_bars", session.isoformat())
        return manifest.data_version if manifest else ""


def history(
    home: Home, session: date, features: Sequence[Feature], size: BarSize
) -> list[date]:
    """List the sessions before a session on which its features may warm up.

    They are enough for thinly traded symbols and for some sessions without bars. There
    are fewer near the start of the market.
    """
    needed = 0
    for own, some in by_bar_size(features, size).items():
        per_session = home.market.bars_per_session(own)
        share = SPARSE if per_session > 1 else 1
        bars, before = warm_up(some), LOOK_BACK * (own != size)
        if bars or before:
            reach = math.ceil(bars * share / per_session) + 10 + before
            needed = max(needed, reach)
    return home.market.sessions.previous(session, needed)


def sessions_of_warm_up(home: Home, features: Sequence[Feature], size: BarSize) -> int:
    """Count the sessions back that a session's features reach, at full hours."""
    per_session = home.market.bars_per_session
    reach = [
        math.ceil(warm_up(some) / per_session(own)) + (own != size)
        for own, some in by_bar_size(features, size).items()
    ]
    return max(reach)
