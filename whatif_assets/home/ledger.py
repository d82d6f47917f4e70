"""The ledger: every trial and every look at a holdout, in a chain that shows gaps.

``<home>/ledger/chain.jsonl`` has a line for each entry, with the hash of the entry
before, so that a line that was changed or removed is noticed. The folder ``trials``
beside it holds what was tested, with daily profits. Nothing is ever taken away. The
environment variable ``WHATIF_LEDGER`` names a folder to be the ledger of many homes.
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
from whatif_assets.home.home import Home

ELSEWHERE = "WHATIF_LEDGER"
FOLDER, CHAIN, LOCK = "ledger", "chain.jsonl", ".lock"
BEFORE_THE_FIRST = "0" * 16


@dataclass(frozen=True)
class Evaluated:
    """Variants of a configuration that were tested on some sessions.

    Attributes
    ----------
    study, configuration
        Name of the study, and key of the configuration.
    market, symbols
        Identity of the market data, and the symbols that were traded.
    first_session, last_session, sessions
        ISO dates, and how many.
    candidates
        How many of the variants are candidates.
    file, content
        Name of the folder below ``trials``, and hash of what it holds.
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
        Whose holdout it was, and who was looked at.
    market, symbols, first_session, last_session, sessions
        As of `Evaluated`.
    inputs
        Hash of what was looked at.
    run_id
        Run of Dagster.
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


@dataclass(frozen=True)
class Lost:
    """Entries that results of a home name, and that the ledger no longer has.

    Attributes
    ----------
    market
        Identity of the market data.
    entries
        Hashes of the entries.
    """

    market: str
    entries: tuple[str, ...]


Record = Evaluated | Opened | Lost
_KINDS: dict[str, type[Record]] = {
    "evaluated": Evaluated,
    "opened": Opened,
    "lost": Lost,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class Entry:
    """A line of the chain.

    Attributes
    ----------
    number
        1 for the first.
    at
        When it was written, UTC, ISO 8601.
    previous, hash
        Hash of the entry before, and of this one: 16 hexadecimal digits.
    record
        What it says.
    folder
        The ledger that it is in.
    """

    number: int
    at: str
    previous: str
    record: Record
    hash: str
    folder: Path

    @classmethod
    def after(cls, last: Entry | None, record: Record, folder: Path) -> Entry:
        """Make the entry that follows another one."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        previous = last.hash if last else BEFORE_THE_FIRST
        entry = cls(last.number + 1 if last else 1, now, previous, record, "", folder)
        return dataclasses.replace(entry, hash=entry._hashed())

    @classmethod
    def read(cls, text: str, folder: Path) -> Entry:
        """Read a line; ValueError, TypeError or KeyError where it is none."""
        said = json.loads(text)
        kind = _KINDS[said.pop("kind")]
        own = {"number", "at", "previous", "hash"}
        record = {k: v for k, v in said.items() if k not in own}
        listed = {k: tuple(v) for k, v in record.items() if isinstance(v, list)}
        entry = cls(
            **{k: v for k, v in said.items() if k in own},
            record=kind(**{**record, **listed}),
            folder=folder,
        )
        if entry.hash != entry._hashed():
            raise ValueError("it does not have the hash of what it says")
        return entry

    def line(self) -> str:
        """Write it as a line of the chain."""
        return json.dumps({**self._said(), "hash": self.hash}) + "\n"

    def _said(self) -> dict[str, Any]:
        own = {"number": self.number, "at": self.at, "previous": self.previous}
        kind = _NAMES[type(self.record)]
        return {**own, "kind": kind, **dataclasses.asdict(self.record)}

    def _hashed(self) -> str:
        return short_hash(json.dumps(self._said(), sort_keys=True))


@dataclass(frozen=True)
class Chain:
    """What a ledger says, and what is wrong with it.

    Attributes
    ----------
    entries
        Those that can be read, in their order.
    faults
        A sentence for each place where the chain is broken.
    """

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]


class Ledger:
    """The ledger of a home: it is written in one folder, and may be read in two.

    Parameters
    ----------
    own
        The home's own ledger. What it has counts also where another one is written.
    shared
        The ledger of several homes; None where there is none.
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
            ``WHATIF_LEDGER`` names what is no folder.
        """
        named = os.environ.get(ELSEWHERE, "").strip()
        shared = Path(named).expanduser().resolve() if named else None
        if shared is not None and shared.exists() and not shared.is_dir():
            raise BadInput(
                f"{ELSEWHERE}: found {named!r}, which is a file; allowed is a folder, "
                "which is made where it does not exist."
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
        """All entries, as they were when first asked for; the oldest first."""
        return self._chain.entries

    @property
    def faults(self) -> tuple[str, ...]:
        """Where the chain is broken, a sentence each."""
        return self._chain.faults

    def known_lost(self, market: str) -> set[str]:
        """Hashes of entries of a market that the ledger itself says it has lost."""
        records = (entry.record for entry in self.entries)
        lost = (one for one in records if isinstance(one, Lost))
        return {name for one in lost if one.market == market for name in one.entries}

    def missing(self, named: Iterable[str]) -> list[str]:
        """List hashes that are of no entry, in order, each once."""
        known = {entry.hash for entry in self.entries}
        return sorted(set(named) - known)

    def append(self, *records: Record) -> list[Entry]:
        """Append records to the chain that is written, for good.

        Several processes may do so at once. A line that a process could not finish
        is no entry, and is taken away.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            before = _read(self.folder).entries
            last, added = (before[-1] if before else None), []
            for record in records:
                last = Entry.after(last, record, self.folder)
                added.append(last)
            _append(self.folder / CHAIN, "".join(entry.line() for entry in added))
        self.__dict__.pop("_chain", None)
        return added

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process write at a time."""
        with (self.folder / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _append(path: Path, text: str) -> None:
    """Write to the end of a file, after its last whole line."""
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _read(folder: Path) -> Chain:
    """Read and check a chain; nothing where there is none."""
    path = folder / CHAIN
    try:
        state = path.stat()
    except FileNotFoundError:
        return Chain((), ())
    return _checked(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _checked(path: Path, size: int, changed: int) -> Chain:
    """Read a chain once for each state of its file."""
    # What follows the last line feed is being written, or was when a process died.
    *lines, _ = path.read_bytes().split(b"\n")
    entries: list[Entry] = []
    faults: list[str] = []
    for row, line in enumerate(lines, start=1):
        try:
            entry = Entry.read(line.decode(), path.parent)
        except (ValueError, TypeError, KeyError) as error:
            faults.append(f"{path}, line {row}: it cannot be read ({error}).")
            continue
        if fault := _gap(entries[-1] if entries else None, entry):
            faults.append(f"{path}, line {row}: {fault}")
        entries.append(entry)
    return Chain(tuple(entries), tuple(faults))


def _gap(last: Entry | None, entry: Entry) -> str:
    """Say what is missing between two entries; empty where nothing is."""
    number = last.number if last else 0
    if entry.number != number + 1:
        return f"entry {entry.number} follows entry {number}; others are missing."
    if entry.previous != (last.hash if last else BEFORE_THE_FIRST):
        return f"the entry before entry {entry.number} was another one."
    return ""
