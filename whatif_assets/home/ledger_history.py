"""History: the ledger's entries about the market data that a study uses.

The data decide, not the names. Another study of the home that trades one of the same
symbols, the study under an earlier name, and another home with the same bars count too.
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
    """Trials and looks at holdouts on the market data of a study.

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
        """Latest entry of each set of evaluated variants, oldest first."""
        latest: dict[tuple[Path, str], tuple[Entry, Evaluated]] = {}
        for entry in self.ledger.entries:
            record = entry.record
            if isinstance(record, Evaluated) and self._concerns(record):
                latest.pop((entry.folder, record.file), None)
                latest[entry.folder, record.file] = entry, record
        return list(latest.values())

    @functools.cached_property
    def opened(self) -> list[tuple[Entry, Opened]]:
        """Looks at holdouts, oldest first."""
        found = ((entry, entry.record) for entry in self.ledger.entries)
        return [
            (entry, record)
            for entry, record in found
            if isinstance(record, Opened) and self._concerns(record)
        ]

    @property
    def version(self) -> str:
        """Hash of the history, whatever the time and order of its entries."""
        files = {(record.file, record.content) for _, record in self.evaluated}
        looks = [(look.first_session, look.last_session) for _, look in self.opened]
        return combined_hash([sorted(files), sorted(looks), self.gaps()])

    def gaps(self) -> list[str]:
        """Describe what is missing in the ledger, one sentence each."""
        lost = self.ledger.known_lost(self._market)
        lost |= set(lost_entries(self._home, self.ledger))
        sentences = [
            f"The ledger of trials is broken: {fault}" for fault in self.ledger.faults
        ]
        if lost:
            entries = "an entry" if len(lost) == 1 else f"{len(lost):,} entries"
            sentences.append(
                f"The ledger of trials has lost {entries} that results of this home "
                "refer to, so the number of trials is unknown. If the ledger is stored "
                f"elsewhere, move it back to {self.ledger.folder}, or set the variable "
                "WHATIF_LEDGER to its folder."
            )
        return sentences

    @functools.cached_property
    def _symbols(self) -> set[str]:
        """Symbols that any configuration of the study trades."""
        configurations = self._home.configurations(self._study)
        traded = [one.symbols or self._home.symbols for one in configurations]
        return {symbol for symbols in traded for symbol in symbols}

    def _concerns(self, record: Evaluated | Opened) -> bool:
        own = record.market == self._market and record.study == self._study.name
        return own or not self._names_in(record.market).isdisjoint(record.symbols)

    def _names_in(self, market: str) -> set[str]:
        """Symbols of a market whose bars the study uses, under any name."""
        if market == self._market:
            return self._symbols
        if market not in self._alike:
            ours = marks(self.ledger, self._market)
            ours = ours[ours["symbol"].isin(self._symbols)]
            self._alike[market] = same_bars(ours, marks(self.ledger, market))
        return self._alike[market]

    @functools.cached_property
    def _alike(self) -> dict[str, set[str]]:
        """Symbols of other markets with the study's bars, by market."""
        return {}


def lost_entries(home: Home, ledger: Ledger) -> list[str]:
    """List the hashes of entries that results refer to, but the ledger lacks."""
    manifests = (
        home.lake.manifest(table, key)
        for table in NAMED_BY
        for key in home.lake.keys(table)
    )
    details = [manifest.details for manifest in manifests if manifest is not None]
    return ledger.missing(str(of[FOLDER]) for of in details if FOLDER in of)


def note_lost(home: Home, table: str, key: str) -> None:
    """Record lost entries in the ledger, before a result that shows the loss is gone.

    Otherwise a ledger that was removed would start again as if it were complete.

    Parameters
    ----------
    table, key
        The partition of the result that will be replaced. Other results are checked
        only if the ledger lacks the entry that this one refers to.
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
    """Read the marks of a market's bars; empty if there are none."""
    path = ledger.folder / MARKS / f"{market}.parquet"
    try:
        return read_parquet(path, MARKS)
    except FileNotFoundError:
        return LAKE[MARKS].empty()
    except DamagedFile as error:
        tell(path, error.fault, "Other homes with these bars are not recognised.")
        return LAKE[MARKS].empty()


def keep_marks(ledger: Ledger, market: str, found: pd.DataFrame) -> None:
    """Add marks of bars to the stored marks of a market."""
    known = marks(ledger, market)
    both = LAKE[MARKS].stacked([known, found]).drop_duplicates()
    if len(both) > len(known):
        write_parquet(ledger.folder / MARKS / f"{market}.parquet", both, MARKS)
