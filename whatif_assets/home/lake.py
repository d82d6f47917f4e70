"""The lake: Parquet files in hive partitions, written whole or not at all.

``<home>/lake/<table>/<axis>=<key>/data.parquet``, with a ``manifest.json`` beside
each that says what produced it. The manifest is removed before a partition is
written and put back last, so a partition with a manifest is complete.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.home.atomic import remove_leftovers, write_text
from whatif_assets.home.damage import (
    DamagedFile,
    fault_of,
    file_state,
    set_aside,
    tell,
)
from whatif_assets.home.parquet import (
    as_parquet,
    fault_within,
    read_rows,
    write_content,
)
from whatif_assets.home.tables import LAKE, SIZED

DATA = "data.parquet"
MANIFEST = "manifest.json"
AGAIN = "It is computed again."
WHOLE = "partition"  # what a table in one file has for an axis
NEW = "new"  # why something is computed that was not there


@dataclass(frozen=True)
class Manifest:
    """What a partition has and what produced it.

    Attributes
    ----------
    data_version
        Hash of the content.
    inputs
        Hashes of what the content was computed from, by part: ``settings``,
        ``data`` (versions of what was read), ``code``, or one of a kind: ``bars of
        2018-03-01``.
    rows
        Rows of the partition's main table.
    run_id, code_version, finished_at, seconds
        Lineage; ``finished_at`` is UTC, ISO 8601.
    details
        Counts worth keeping, by name.
    files
        Size in bytes of each file that was written, by its path in the lake; None in
        manifests of earlier versions.
    """

    data_version: str
    inputs: Mapping[str, str]
    rows: int
    run_id: str
    code_version: str
    finished_at: str
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, int] | None = None


def axis_of(table: str) -> str:
    """Name of the axis that a table is partitioned by; any word where it is not."""
    declared = LAKE.get("features" if table.startswith(SIZED) else table)
    return declared.axis if declared and declared.axis else WHOLE


def as_glob(path: Path) -> str:
    """Write a path for DuckDB, which takes every name for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def owner_of(table: str) -> str:
    """Name of the table whose manifest speaks for a table, often its own."""
    if table.startswith(SIZED):
        return "features"
    return next((n for n, owner in LAKE.items() if table in owner.beside), table)


def why_computed(manifest: Manifest | None, inputs: Mapping[str, str]) -> str:
    """Say why a partition has to be computed; empty where that would change nothing.

    Parameters
    ----------
    manifest
        Of what the partition has, or None.
    inputs
        Hashes of what it would be computed from now, by part.
    """
    if manifest is None:
        return NEW
    changed = [part for part in inputs if manifest.inputs.get(part) != inputs[part]]
    return f"{_in_words(changed)} changed" if changed else ""


def _in_words(parts: Sequence[str]) -> str:
    """Name parts, those of one kind together: ``bars of 2018-03-01, 2018-03-02``."""
    kinds: dict[str, list[str]] = {}
    for part in parts:
        kind, _, which = part.partition(" of ")
        kinds.setdefault(kind, []).extend([which] if which else [])
    return " and ".join(
        f"{kind} of {few(which)}" if which else kind for kind, which in kinds.items()
    )


class Lake:
    """The Parquet side of a home.

    Parameters
    ----------
    home
        The folder of the home; the lake is its ``lake`` folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
        self.root = self.home / "lake"
        self._root = str(self.root)

    def folder(self, table: str, key: str | None = None) -> Path:
        """Folder of a table, or of one of its partitions."""
        if key is None:
            return self.root / table
        return self.root / table / _folder_name(table, key)

    def path(self, table: str, key: str | None = None) -> Path:
        """Data file of a partition, or of a table in one file."""
        return self.folder(table, key) / DATA

    def pattern(self, table: str) -> str:
        """Glob of all data files of a table, relative to the home, for DuckDB."""
        axis = axis_of(table)
        names = "*.parquet" if axis == WHOLE else f"{axis}=*/{DATA}"
        return f"{self.root.name}/{table}/{names}"

    def glob(self, table: str) -> str:
        """Glob of all data files of a table, for DuckDB."""
        return f"{as_glob(self.home.resolve())}/{self.pattern(table)}"

    def files(self, table: str) -> list[Path]:
        """All data files of a table, sorted."""
        return sorted(self.home.glob(self.pattern(table)))

    def sized(self, table: str) -> list[str]:
        """Tables beside one that hold the same of other sizes of bars, and a file."""
        found = (folder.name for folder in self.root.glob(f"{table}_*"))
        return sorted(name for name in found if self.files(name))

    def keys(self, table: str) -> list[str]:
        """Keys of the complete partitions of a table, sorted."""
        found = self.folder(table).glob(f"{axis_of(table)}=*/{MANIFEST}")
        keys = sorted(self.key_of(path.parent) for path in found)
        return [key for key in keys if self.has(table, key)]

    def incomplete(self, table: str) -> list[str]:
        """Keys of the partitions that have data and are not complete, sorted."""
        keys = [
            unquote(path.parent.name.split("=", 1)[1]) for path in self.files(table)
        ]
        complete = set(self.keys(owner_of(table)))
        return [key for key in keys if key not in complete]

    @staticmethod
    def key_of(folder: Path) -> str:
        """Key of the partition that a folder holds."""
        return unquote(folder.name.split("=", 1)[1])

    def write(self, table: str, key: str, frame: pd.DataFrame) -> str:
        """Write the data of one partition; return its content hash."""
        return self.write_encoded(table, key, as_parquet(frame, table))

    def write_encoded(self, table: str, key: str, content: bytes) -> str:
        """Write the data of one partition, as `as_parquet` encodes it."""
        self.begin(table, key)
        return write_content(self.folder(table, key) / DATA, content)

    def read(
        self, table: str, key: str, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Read the data of one partition.

        Raises
        ------
        BadInput
            The partition has not been materialised, or lacks a column.
        """
        frame: pd.DataFrame = self._rows(table, key, columns).to_pandas()
        return frame

    def _rows(
        self, table: str, key: str, columns: Sequence[str] | None = None
    ) -> pa.Table:
        path = self.folder(table, key) / DATA
        if self.manifest(table, key) is None and table in ("price_bars", "features"):
            raise not_materialised(table, key)
        try:
            return read_rows(path, table, columns)
        except FileNotFoundError:
            raise not_materialised(table, key) from None
        except DamagedFile:
            self.begin(owner_of(table), key)  # so that it is computed again
            raise

    def remove(self, table: str, key: str) -> None:
        """Remove a partition, if it is there; what is left is never complete."""
        self.begin(table, key)
        (self.folder(table, key) / DATA).unlink(missing_ok=True)

    def has(self, table: str, key: str) -> bool:
        """Whether a partition is complete."""
        return self.manifest(table, key) is not None

    def begin(self, table: str, key: str) -> None:
        """Mark a partition as being written: it is not complete until finished."""
        folder = self.folder(table, key)
        (folder / MANIFEST).unlink(missing_ok=True)
        remove_leftovers(folder)

    def finish(self, table: str, key: str, manifest: Manifest) -> None:
        """Mark a partition as complete, with the files that it has now."""
        told = replace(manifest, files=dict(self._sizes(table, key)))
        text = json.dumps(asdict(told), sort_keys=True, indent=1)
        write_text(self.folder(table, key) / MANIFEST, text + "\n")

    def _sizes(self, table: str, key: str) -> Iterator[tuple[str, int]]:
        """Sizes of the files of a partition, and of what is written with it."""
        declared = LAKE.get(table)
        tables = [table, *(declared.beside if declared else ())]
        if table == "features":
            tables += sorted(path.name for path in self.root.glob(f"{SIZED}*"))
        for name in tables:
            for path in sorted(self.folder(name, key).glob("[!.]*")):
                if path.name != MANIFEST and path.is_file():
                    yield str(path.relative_to(self.root)), path.stat().st_size

    def manifest(self, table: str, key: str) -> Manifest | None:
        """Manifest of a partition, or None where it is not complete.

        One that is damaged, or of which a file is, is not; that is logged.
        """
        found, damaged = self._looked_at(table, key)
        if damaged is not None:
            tell(*damaged, AGAIN)
        return found

    def why_computed(self, table: str, key: str, inputs: Mapping[str, str]) -> str:
        """Say why a partition has to be computed; see the function of this name.

        One of which a file is damaged has to be, and the file is named.
        """
        found, damaged = self._looked_at(table, key)
        if damaged is not None:
            path, fault = damaged
            return f"{path.relative_to(self.home)} {fault}"
        return why_computed(found, inputs)

    def _looked_at(
        self, table: str, key: str
    ) -> tuple[Manifest | None, tuple[Path, str] | None]:
        """Manifest of a complete partition; or else what is damaged of it, if any."""
        # Texts, as paths take longer, and a run asks about thousands of partitions.
        folder = f"{table}/{_folder_name(table, key)}"
        path = f"{self._root}/{folder}/{MANIFEST}"
        try:
            found = _manifest_in(path, file_state(path))
        except FileNotFoundError:
            return None, None
        except (TypeError, ValueError) as error:
            return None, (Path(path), f"is damaged ({error})")
        own = {f"{folder}/{DATA}": None}
        for name, size in (own if found.files is None else found.files).items():
            fault = fault_of(f"{self._root}/{name}", size)
            if fault:
                return None, (self.root / name, fault)
        return found, None

    def set_damaged_aside(self, table: str, thoroughly: bool = False) -> int:
        """Rename the damaged files of a table, so that the others can be read.

        Parameters
        ----------
        table
            Name of the table.
        thoroughly
            Read every file, which takes its time, and not its two ends alone.

        Returns
        -------
        int
            How many there were.
        """
        found = {path: fault_of(path) for path in self.files(table)}
        if thoroughly:
            found = {path: fault or fault_within(path) for path, fault in found.items()}
        damaged = {path: fault for path, fault in found.items() if fault}
        for path, fault in damaged.items():
            set_aside(path, fault, "It is left out.")
        return len(damaged)

    def versions(self, table: str, keys: Iterable[str]) -> list[str]:
        """Data versions of partitions; BadInput names those not materialised."""
        keys = list(keys)
        manifests = [self.manifest(table, key) for key in keys]
        absent = [key for key, found in zip(keys, manifests) if found is None]
        if absent:
            raise not_materialised(table, *absent)
        return [found.data_version for found in manifests if found is not None]

    def read_sessions(
        self,
        table: str,
        sessions: Sequence[date],
        columns: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Read several sessions into one table with a ``session`` column.

        Raises
        ------
        BadInput
            Some sessions have not been materialised; the message names them.
        """
        self.versions(table, [session.isoformat() for session in sessions])
        return self.stacked(table, sessions, columns, symbols)

    def stacked(
        self,
        table: str,
        sessions: Sequence[date],
        columns: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Read the sessions of a table that another one's manifests speak for."""
        parts = []
        for session in sessions:
            rows = self._rows(table, session.isoformat(), columns)
            if symbols is not None:
                wanted = pa.array(list(symbols), pa.string())
                rows = rows.filter(pc.is_in(rows["symbol"], wanted))
            parts.append(rows)
        together = pa.concat_tables(parts, promote_options="default")
        frame: pd.DataFrame = together.to_pandas()
        days = np.array(list(sessions), dtype="datetime64[s]")
        return frame.assign(session=np.repeat(days, [len(rows) for rows in parts]))


@functools.lru_cache(maxsize=20_000)
def _manifest_in(path: str, state: tuple[int, ...]) -> Manifest:
    """Manifest that a file holds; read once for each state of the file."""
    return Manifest(**json.loads(Path(path).read_bytes()))


def _folder_name(table: str, key: str) -> str:
    return f"{axis_of(table)}={quote(key, safe='~+')}"


def not_materialised(table: str, *keys: str) -> BadInput:
    """Error that says which partitions of a table are needed and how to get them."""
    axis = axis_of(table)
    return BadInput(
        f"{table} of {axis} {few(keys)}: not materialised yet. Materialise {table} for "
        f"{'these partitions' if keys[1:] else 'this partition'} first "
        "(in the UI, or with 'whatif run')."
    )
