"""History: what the ledger has on the market data that a study looks at.

What counts is the data. Another study of the home that trades one of the symbols, a
study that was renamed, and another home with the same bars have looked at them too.
"""

from __future__ import annotations

import functools
from pathlib import Path

import pandas as pd

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.damage import DamagedFile, tell
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import (
    FOLDER,
    Entry,
    Evaluated,
    Ledger,
    Lost,
    Opened,
)
from whatif_assets.home.parquet import read_parquet, write_parquet
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trial_identity import market_id, same_bars
from whatif_assets.settings.study import Study

MARKS = "ledger_marks"
NAMED_BY = ("backtest_results", "holdout_results")


class History:
    """Trials and looks at holdouts that concern the market data of a study.

    Parameters
    ----------
    home, study
        The home, and one of its studies.
    """

    def __init__(self, home: Home, study: Study) -> None:
        self.ledger = Ledger.of(home)
        self._home, self._study = home, study
        self._market = market_id(home.market)

    @functools.cached_property
    def evaluated(self) -> list[tuple[Entry, Evaluated]]:
        """Latest entries of what was tested, the oldest first."""
        latest: dict[tuple[Path, str], tuple[Entry, Evaluated]] = {}
        for entry in self.ledger.entries:
            record = entry.record
            if isinstance(record, Evaluated) and self._concerns(record):
                latest.pop((entry.folder, record.file), None)
                latest[entry.folder, record.file] = entry, record
        return list(latest.values())

    @functools.cached_property
    def opened(self) -> list[tuple[Entry, Opened]]:
        """Looks at holdouts, the oldest first."""
        found = ((entry, entry.record) for entry in self.ledger.entries)
        return [
            (entry, one)
            for entry, one in found
            if isinstance(one, Opened) and self._concerns(one)
        ]

    @property
    def version(self) -> str:
        """Hash of all of it, whenever and in whatever order it was entered."""
        files = {(one.file, one.content) for _, one in self.evaluated}
        looks = [(one.first_session, one.last_session) for _, one in self.opened]
        return combined_hash([sorted(files), sorted(looks), self.gaps()])

    def gaps(self) -> list[str]:
        """Say in a sentence each what is missing in the ledger."""
        lost = self.ledger.known_lost(self._market)
        lost |= set(lost_entries(self._home, self.ledger))
        told = [
            f"The ledger of trials is broken: {fault}" for fault in self.ledger.faults
        ]
        if lost:
            entries = "an entry" if len(lost) == 1 else f"{len(lost):,} entries"
            told.append(
                f"The ledger of trials has lost {entries} that results of this home "
                "name, so that nobody knows how many trials there were. If the ledger "
                f"is elsewhere, put it back into {self.ledger.folder}, or let "
                "WHATIF_LEDGER name its folder."
            )
        return told

    @functools.cached_property
    def _symbols(self) -> set[str]:
        """Symbols that any configuration of the study trades."""
        configurations = self._home.configurations(self._study)
        asked = [one.symbols or self._home.symbols for one in configurations]
        return {symbol for symbols in asked for symbol in symbols}

    def _concerns(self, record: Evaluated | Opened) -> bool:
        own = record.market == self._market and record.study == self._study.name
        return own or not self._names_in(record.market).isdisjoint(record.symbols)

    def _names_in(self, market: str) -> set[str]:
        """Symbols of a market whose bars the study looks at."""
        if market == self._market:
            return self._symbols
        if market not in self._alike:
            ours = marks(self.ledger, self._market)
            mine = ours[ours["symbol"].isin(self._symbols)]
            self._alike[market] = same_bars(mine, marks(self.ledger, market))
        return self._alike[market]

    @functools.cached_property
    def _alike(self) -> dict[str, set[str]]:
        """What was found of other markets."""
        return {}


def lost_entries(home: Home, ledger: Ledger) -> list[str]:
    """Hashes of entries that results of a home name, and that the ledger lacks."""
    manifests = (
        home.lake.manifest(table, key)
        for table in NAMED_BY
        for key in home.lake.keys(table)
    )
    details = [manifest.details for manifest in manifests if manifest is not None]
    return ledger.missing(str(of[FOLDER]) for of in details if FOLDER in of)


def note_lost(home: Home, table: str, key: str) -> None:
    """Enter what the ledger has lost, before a result that shows it is replaced.

    So that a ledger which was removed does not begin anew as if nothing had been.

    Parameters
    ----------
    table, key
        The result, a part of the lake. What others name is looked at where the ledger
        lacks the entry that this one names.
    """
    ledger, market = Ledger.of(home), market_id(home.market)
    manifest = home.lake.manifest(table, key)
    if manifest is None or FOLDER not in manifest.details:
        return
    known = ledger.known_lost(market)
    if set(ledger.missing([str(manifest.details[FOLDER])])) <= known:
        return
    ledger.append(Lost(market, tuple(sorted({*lost_entries(home, ledger)} - known))))


def marks(ledger: Ledger, market: str) -> pd.DataFrame:
    """Marks of the bars of a market; no row where nothing is known of it."""
    path = ledger.folder / MARKS / f"{market}.parquet"
    try:
        return read_parquet(path, MARKS)
    except FileNotFoundError:
        return LAKE[MARKS].empty()
    except DamagedFile as error:
        tell(path, error.fault, "Other homes with these bars are not recognised.")
        return LAKE[MARKS].empty()


def keep_marks(ledger: Ledger, market: str, found: pd.DataFrame) -> None:
    """Add marks of bars to those that are known of a market."""
    known = marks(ledger, market)
    both = LAKE[MARKS].stacked([known, found]).drop_duplicates()
    if len(both) > len(known):
        write_parquet(ledger.folder / MARKS / f"{market}.parquet", both, MARKS)
