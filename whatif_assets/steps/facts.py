"""The facts of a home: read into its lake, and joined as known at each bar's close."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.features import (
    FEATURES,
    Feature,
    check_facts_read,
    facts_read,
)
from whatif_assets.domain.features.function import FACT
from whatif_assets.home.files import FileState
from whatif_assets.home.home import Home
from whatif_assets.home.lake import Lake
from whatif_assets.sources.facts import (
    ALL_SYMBOLS,
    FactHistory,
    FactOptions,
    Facts,
    describe_facts,
    no_facts,
    read_facts,
)

TABLE = "facts"


@dataclass(frozen=True)
class Collected:
    """Facts that were read for a market.

    Attributes
    ----------
    rows
        The rows as stored in the lake.
    description
        One row per fact; see :func:`whatif_assets.sources.facts.described`.
    data_version
        Hash of the rows.
    """

    rows: pd.DataFrame
    description: pd.DataFrame
    data_version: str


def collect_facts(home: Home) -> Collected:
    """Read all facts of a market and write them to the lake, or none of them.

    Raises
    ------
    BadInput
        Some rows are no facts; see :func:`whatif_assets.sources.facts.read_facts`. Or
        two series are called the same but for case and signs.
    """
    entries = home.market.facts
    read = {name: read_facts(name, o, home.path) for name, o in entries.items()}
    parts = [found.rows for found in read.values() if len(found.rows)]
    rows = pd.concat(parts or [no_facts()], ignore_index=True)
    _refuse_same_columns(rows)
    counts = pd.concat([found.counts for found in read.values()])
    days = home.market.sessions.dates()
    _, end = home.market.sessions.window(days[-1], days[-1])
    version = home.lake.write_piece(TABLE, rows)
    return Collected(rows, describe_facts(rows, counts, entries, end), version)


def _refuse_same_columns(rows: pd.DataFrame) -> None:
    """Raise BadInput if the features of two facts would have the same column."""
    columns: dict[str, str] = {}
    for name in sorted(rows["fact"].unique()):
        column = Feature("last_value", (("fact", name),)).column
        if column in columns:
            raise BadInput(
                f"facts: '{columns[column]}' and '{name}' would share the column "
                f"{column}. Read one of them under another name, with keep."
            )
        columns[column] = name


def facts_table(home: Home) -> pd.DataFrame:
    """Facts as the lake has them, none where they were never read.

    A fact about all symbols has no symbol.
    """
    known = home.market.facts and home.lake.piece_state(TABLE)
    rows = home.lake.read_piece(TABLE) if known else no_facts()
    return rows.assign(symbol=rows["symbol"].mask(rows["symbol"] == ALL_SYMBOLS))


def facts_of(home: Home) -> Facts:
    """Return the facts of a home, as its lake has them.

    Raises
    ------
    BadInput
        They were never read.
    """
    state = home.lake.piece_state(TABLE)
    if state is None:
        raise BadInput(
            "facts: not materialised yet. Materialise facts first (in the UI, or with "
            "'whatif run')."
        )
    options = [(name, o.model_dump_json()) for name, o in home.market.facts.items()]
    return _facts(home.lake, state, tuple(options))


@functools.lru_cache(maxsize=2)
def _facts(lake: Lake, state: FileState, options: tuple[tuple[str, str], ...]) -> Facts:
    """Facts of a lake in one state, so that what was known is worked out once."""
    parsed = {name: FactOptions.model_validate_json(text) for name, text in options}
    return Facts(lake.read_piece(TABLE), parsed)


class JoinedFacts:
    """Joins the facts that some features read to bars of a home's market.

    Parameters
    ----------
    home
        The home; its facts are read when they are first needed.
    features
        The features; if none of them reads a fact, nothing is read or joined.
    bar_size
        Size of the bars; by default the market's own.

    Raises
    ------
    BadInput
        A feature reads facts that the market does not have.
    """

    def __init__(
        self,
        home: Home,
        features: Sequence[Feature],
        bar_size: BarSize | None = None,
    ) -> None:
        check_facts_read(features, home.market.facts)
        self._home, self._features = home, features
        self._names = facts_read(features)
        self._size = bar_size or home.market.bar_size

    @functools.cached_property
    def _facts(self) -> Facts:
        facts = facts_of(self._home)
        for feature in self._features:
            if feature.fact is not None:
                valued = "fact_value" in FEATURES[feature.function].inputs
                facts.check(feature.fact, valued)
        return facts

    def join(
        self, bars: pd.DataFrame, until: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Add to each bar the facts that were known at its close.

        Parameters
        ----------
        bars
            Tidy bars of the market.
        until
            Leave out facts that became known after this time; by default none.

        Returns
        -------
        pandas.DataFrame
            The bars, with the columns of
            :meth:`whatif_assets.sources.facts.Facts.beside`.

        Raises
        ------
        BadInput
            The facts were never read, or lack a series that a feature reads.
        """
        if not self._names:
            return bars
        facts = self._facts if until is None else self._facts.before(until)
        return facts.beside(bars, self.closes(bars["ts"]), self._names)

    def as_known(self, bars: pd.DataFrame) -> pd.DataFrame:
        """Join to bars of one symbol the facts known when the last bar was complete."""
        return self.join(bars, self.closes(bars["ts"]).iloc[-1])

    def closes(self, ts: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
        """Return the times when bars were complete, from their start times."""
        return self._size.close_times(ts, self._home.market.sessions)

    def seen(self, sessions: Iterable[date]) -> list[str]:
        """Hash the facts that were known in each of some sessions.

        The hash includes the code of the look-up. It does not change for a row that
        becomes known after the session, or for a row that the session no longer used.
        Empty if no feature reads facts.
        """
        if not self._names:
            return []
        return [self._seen(session) for session in sessions]

    def _parts_of(self, name: str, options: FactOptions) -> set[str]:
        """List the parts of a fact that the features read.

        ``since`` is included if events are expected, since that depends on the last
        event.
        """
        functions = [FEATURES[f.function] for f in self._features if f.fact == name]
        parts = {i.removeprefix(FACT) for f in functions for i in f.inputs}
        return parts | ({"since"} if options.expect_every is not None else set())

    @functools.cached_property
    def _code(self) -> str:
        return code_version(Facts.beside, FactHistory.of, FactHistory.at)

    def _seen(self, session: date) -> str:
        window = self._home.market.sessions.window(session, session)
        start, end = (moment.value // 1000 for moment in window)  # microseconds
        parts: list[object] = [self._code]
        for name in self._names:
            options, known = self._facts.options_of(name), self._facts.known(name)
            read = self._parts_of(name, options)
            parts.append([name, options.zone, options.expect_every])
            for symbol in (ALL_SYMBOLS, *self._home.symbols):
                if symbol in known:
                    parts.append([symbol, known[symbol].between(start, end, read)])
        return combined_hash(parts)
