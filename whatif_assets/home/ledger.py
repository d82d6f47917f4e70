"""The ledger: a permanent record of trials, looks at holdouts and forward sessions.

``<home>/ledger/chain.jsonl`` has one line per entry, with the hash of the previous
entry, so a line that was changed or removed is detected. The folder ``trials`` next to
it stores the evaluated variants with their daily profits. Nothing is ever removed. The
environment variable ``WHATIF_LEDGER`` names a folder that several homes share as their
ledger.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.home.atomic import append_lines
from whatif_assets.home.forward_entries import Forward, Frozen
from whatif_assets.home.home import Home
from whatif_assets.home.users import user_name

LEDGER_VARIABLE = "WHATIF_LEDGER"
FOLDER, CHAIN, LOCK = "ledger", "chain.jsonl", ".lock"
GENESIS_HASH = "0" * 16


@dataclass(frozen=True)
class Evaluated:
    """Variants of a configuration that were evaluated on some sessions.

    Attributes
    ----------
    study, configuration
        Name of the study, and key of the configuration.
    market, symbols
        Identity of the market data, and the symbols that were traded.
    first_session, last_session, sessions
        ISO dates, and the number of sessions.
    candidates
        Number of the variants that are candidates.
    file, content
        Name of the folder below ``trials``, and hash of its content.
    """

    study: str
    configuration: str
    market: str
    symbols: tuple[str, ...]
    first_session: str
    last_session: str
    sessions: int
    candidates: int
    file: str
    content: str


@dataclass(frozen=True)
class Opened:
    """A look at a holdout.

    Attributes
    ----------
    study, configuration, variant
        The study of the holdout, and the variant that was evaluated on it.
    market, symbols, first_session, last_session, sessions
        As in `Evaluated`.
    inputs
        Hash of the trial and the data that were looked at.
    run_id
        Id of the Dagster run.
    """

    study: str
    configuration: str
    variant: str
    market: str
    symbols: tuple[str, ...]
    first_session: str
    last_session: str
    sessions: int
    inputs: str
    run_id: str

    def shows(self, first: str, last: str) -> bool:
        """Whether the look showed a session from ``first`` to ``last`` (ISO dates)."""
        return self.first_session <= last and self.last_session >= first


@dataclass(frozen=True)
class Lost:
    """Entries that results of a home refer to, but that the ledger no longer has.

    Attributes
    ----------
    market
        Identity of the market data.
    entries
        Hashes of the entries.
    """

    market: str
    entries: tuple[str, ...]


Record = Evaluated | Opened | Lost | Frozen | Forward
_KINDS: dict[str, type[Record]] = {
    "evaluated": Evaluated,
    "opened": Opened,
    "lost": Lost,
    "frozen": Frozen,
    "forward": Forward,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger: one line of the chain.

    Attributes
    ----------
    number
        1 for the first.
    at
        Time of writing, UTC, ISO 8601.
    previous, hash
        Hash of the previous entry, and of this one: 16 hexadecimal digits.
    record
        The content of the entry.
    folder
        The folder of the ledger that has the entry.
    by
        Who made it; empty in entries that are older than this field.
    """

    number: int
    at: str
    previous: str
    record: Record
    hash: str
    folder: Path
    by: str = ""

    @classmethod
    def after(cls, last: Entry | None, record: Record, folder: Path) -> Entry:
        """Make the entry that follows another one; None makes the first entry."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        previous = last.hash if last else GENESIS_HASH
        number = last.number + 1 if last else 1
        entry = cls(number, now, previous, record, "", folder, user_name())
        return dataclasses.replace(entry, hash=entry._hashed())

    @classmethod
    def read(cls, text: str, folder: Path) -> Entry:
        """Parse a line of the chain.

        Raises
        ------
        ValueError, TypeError, KeyError
            The line is not a valid entry.
        """
        fields = json.loads(text)
        kind = _KINDS[fields.pop("kind")]
        own = {"number", "at", "previous", "hash", "by"}
        record = {k: v for k, v in fields.items() if k not in own}
        listed = {k: tuple(v) for k, v in record.items() if isinstance(v, list)}
        entry = cls(
            **{k: v for k, v in fields.items() if k in own},
            record=kind(**{**record, **listed}),
            folder=folder,
        )
        if entry.hash != entry._hashed():
            raise ValueError("its hash does not match its content")
        return entry

    def line(self) -> str:
        """Return the entry as a line of the chain."""
        return json.dumps({**self._content(), "hash": self.hash}) + "\n"

    def _content(self) -> dict[str, Any]:
        own = {"number": self.number, "at": self.at, "previous": self.previous}
        own |= {"by": self.by} if self.by else {}
        kind = _NAMES[type(self.record)]
        return {**own, "kind": kind, **dataclasses.asdict(self.record)}

    def _hashed(self) -> str:
        return short_hash(json.dumps(self._content(), sort_keys=True))


@dataclass(frozen=True)
class Chain:
    """The readable entries of a ledger, and the places where its chain is broken.

    Attributes
    ----------
    entries
        The entries that can be read, in order.
    faults
        One sentence per place where the chain is broken.
    """

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]


class Ledger:
    """The ledger of a home: written to one folder, and read from one or two.

    Parameters
    ----------
    own
        Folder of the home's own ledger. Its entries count even if the shared ledger is
        the one that is written.
    shared
        Folder of the ledger of several homes; None if there is none.
    """

    def __init__(self, own: Path, shared: Path | None = None) -> None:
        self.folder = shared or own
        self._folders = tuple(dict.fromkeys([own, self.folder]))

    @classmethod
    def of(cls, home: Home) -> Ledger:
        """Open the ledger of a home.

        Raises
        ------
        BadInput
            ``WHATIF_LEDGER`` names a file, not a folder.
        """
        named = os.environ.get(LEDGER_VARIABLE, "").strip()
        shared = Path(named).expanduser().resolve() if named else None
        if shared is not None and shared.exists() and not shared.is_dir():
            raise BadInput(
                f"{LEDGER_VARIABLE}: found {named!r}, which is a file; it must be a "
                "folder, which is created if it does not exist."
            )
        return cls((home.path / FOLDER).resolve(), shared)

    @functools.cached_property
    def _chain(self) -> Chain:
        found = [_read(folder) for folder in self._folders]
        return Chain(
            tuple(entry for chain in found for entry in chain.entries),
            tuple(fault for chain in found for fault in chain.faults),
        )

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, oldest first, as read on first access."""
        return self._chain.entries

    @property
    def faults(self) -> tuple[str, ...]:
        """One sentence per place where the chain is broken."""
        return self._chain.faults

    def known_lost(self, market: str) -> set[str]:
        """Return the hashes of a market's entries that are recorded as lost."""
        records = (entry.record for entry in self.entries)
        lost = (r for r in records if isinstance(r, Lost) and r.market == market)
        return {entry for record in lost for entry in record.entries}

    def missing(self, named: Iterable[str]) -> list[str]:
        """List the hashes that no entry has, sorted, each once."""
        known = {entry.hash for entry in self.entries}
        return sorted(set(named) - known)

    def append(self, *records: Record) -> list[Entry]:
        """Append records to the chain; they are never removed.

        Several processes may append at the same time. An incomplete line, left by a
        process that died, is not an entry and is removed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            before = _read(self.folder).entries
            last, added = (before[-1] if before else None), []
            for record in records:
                last = Entry.after(last, record, self.folder)
                added.append(last)
            append_lines(self.folder / CHAIN, "".join(entry.line() for entry in added))
        self.__dict__.pop("_chain", None)
        return added

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock with which one process writes at a time."""
        with (self.folder / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _read(folder: Path) -> Chain:
    """Read and check the chain of a folder; empty if there is none."""
    path = folder / CHAIN
    try:
        state = path.stat()
    except FileNotFoundError:
        return Chain((), ())
    return _checked(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _checked(path: Path, size: int, changed: int) -> Chain:
    """Read a chain once per state of its file (size and time of change)."""
    # After the last line feed: a line still being written, or left by a dead process.
    *lines, _ = path.read_bytes().split(b"\n")
    entries: list[Entry] = []
    faults: list[str] = []
    for row, line in enumerate(lines, start=1):
        try:
            entry = Entry.read(line.decode(), path.parent)
        except (ValueError, TypeError, KeyError) as error:
            faults.append(f"{path}, line {row}: the entry cannot be read ({error}).")
            continue
        if fault := _gap(entries[-1] if entries else None, entry):
            faults.append(f"{path}, line {row}: {fault}")
        entries.append(entry)
    return Chain(tuple(entries), tuple(faults))


def _gap(last: Entry | None, entry: Entry) -> str:
    """Describe what is missing between two entries; empty if nothing is."""
    number = last.number if last else 0
    if entry.number != number + 1:
        return f"entry {entry.number} follows entry {number}; entries are missing."
    if entry.previous != (last.hash if last else GENESIS_HASH):
        return f"the entry before entry {entry.number} was replaced by another entry."
    return ""
