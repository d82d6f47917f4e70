"""The lake: tables of Parquet files, the only way from the project to those files.

A table has partitions by the key of its axis: a session, a configuration or a study.
A partition has its rows, further files (models, say), and a manifest that says what
they were made from. The manifest is removed before a partition is written and put
back last, so a partition with a manifest is complete. A few tables have no axis: their
rows are in one file, or in pieces with names of their own.

Where the files are is the business of `whatif_assets.home.files`; how rows become
Parquet is that of `whatif_assets.home.parquet`. A partition is the folder
``<table>/<axis>=<key>``, as Hive and DuckDB know it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from whatif_assets.domain.base.hashing import hash_of_parts, short_hash
from whatif_assets.home.damage import DamagedFile, tell
from whatif_assets.home.files import Files, FileState, LocalFiles, as_glob
from whatif_assets.home.lake_names import (
    DATA,
    FOLDER,
    axis_of,
    folder_of,
    key_in,
    name_of,
    not_materialised,
    owner_of,
    pattern_of,
)
from whatif_assets.home.manifest import MANIFEST, Manifest, why_computed
from whatif_assets.home.parquet import (
    Columns,
    WhereIn,
    as_parquet,
    columns_of,
    fault_within,
    read_rows,
    write_rows,
)
from whatif_assets.home.tables import LAKE, SIZED

AGAIN = "It is computed again."


class Lake:
    """The tables of a home.

    Parameters
    ----------
    home
        The folder of the home.
    files
        Where the lake's files are; below the home's folder where left out.
    """

    def __init__(self, home: Path, files: Files | None = None) -> None:
        self._files = files or LocalFiles(Path(home) / FOLDER)

    def __eq__(self, other: object) -> bool:
        """Whether another object gives the same tables."""
        return isinstance(other, Lake) and other._files == self._files

    def __hash__(self) -> int:
        """Hash of the place of the files."""
        return hash(self._files)

    @property
    def folder(self) -> Path | None:
        """The folder of this machine that holds the lake, or None in a store."""
        return self._files.folder

    # Partitions and their manifests.

    def keys(self, table: str) -> list[str]:
        """List the keys of a table's complete partitions, sorted."""
        return [k for k in self.keys_with(table, MANIFEST) if self.has(table, k)]

    def keys_with(self, table: str, file: str = DATA) -> list[str]:
        """List the keys of the partitions that have a file, complete or not, sorted."""
        names = self._files.names(f"{table}/{axis_of(table)}=*/{file}")
        return sorted(key_in(name) for name in names)

    def incomplete(self, table: str) -> list[str]:
        """List the keys of partitions that have rows and are not complete, sorted."""
        complete = set(self.keys(owner_of(table)))
        return [key for key in self.keys_with(table) if key not in complete]

    def has(self, table: str, key: str) -> bool:
        """Whether a partition is complete."""
        return self.manifest(table, key) is not None

    def begin(self, table: str, key: str) -> None:
        """Mark a partition as being written: it is not complete until finished."""
        self._files.remove(name_of(table, key, MANIFEST))
        self._files.remove_unfinished(folder_of(table, key))

    def finish(self, table: str, key: str, manifest: Manifest) -> None:
        """Mark a partition as complete, with the files that it has now."""
        described = replace(manifest, files=dict(self._sizes(table, key)))
        text = json.dumps(asdict(described), sort_keys=True, indent=1) + "\n"
        self._files.write(name_of(table, key, MANIFEST), text.encode())

    def _sizes(self, table: str, key: str) -> Iterator[tuple[str, int]]:
        """Sizes of the files of a partition, and of what is written with it."""
        declared = LAKE.get(table)
        tables = [table, *(declared.beside if declared else ())]
        if table == "features":
            tables += self._files.names(f"{SIZED}*")
        for one in tables:
            for name in self._files.names(f"{folder_of(one, key)}/[!.]*"):
                if not name.endswith(f"/{MANIFEST}"):
                    yield name, self._files.size(name)

    def manifest(self, table: str, key: str) -> Manifest | None:
        """Return the manifest of a partition, or None where it is not complete.

        A partition with a damaged file is not complete; the damage is logged.
        """
        found, damage = self._examined(table, key)
        if damage is not None:
            tell(self._files.where(damage[0]), damage[1], AGAIN)
        return found

    def why_computed(self, table: str, key: str, inputs: Mapping[str, str]) -> str:
        """Say why a partition has to be computed; see the function of this name.

        A damaged file is a reason, and is named.
        """
        found, damage = self._examined(table, key)
        if damage is not None:
            return f"{FOLDER}/{damage[0]} {damage[1]}"
        return why_computed(found, inputs)

    def _examined(
        self, table: str, key: str
    ) -> tuple[Manifest | None, tuple[str, str] | None]:
        """Manifest of a complete partition, or the damaged file and its fault."""
        name = name_of(table, key, MANIFEST)
        try:
            found = _parsed(self._files, name, self._files.state(name))
        except FileNotFoundError:
            return None, None
        except (TypeError, ValueError) as error:
            return None, (name, f"is damaged ({error})")
        data: Mapping[str, int | None] = {name_of(table, key): None}
        for file, size in (data if found.files is None else found.files).items():
            if fault := self._files.fault(file, size):
                return None, (file, fault)
        return found, None

    def versions(self, table: str, keys: Iterable[str]) -> list[str]:
        """Return the data versions of partitions.

        Raises
        ------
        BadInput
            Some are not materialised; the message names them.
        """
        keys = list(keys)
        manifests = [self.manifest(table, key) for key in keys]
        absent = [key for key, found in zip(keys, manifests) if found is None]
        if absent:
            raise not_materialised(table, *absent)
        return [found.data_version for found in manifests if found is not None]

    # Rows of partitions.

    def write(self, table: str, key: str, frame: pd.DataFrame) -> str:
        """Write the rows of a partition; return the hash of the file."""
        return self.write_encoded(table, key, as_parquet(frame, table))

    def write_encoded(self, table: str, key: str, content: bytes) -> str:
        """Write the rows of a partition, as `as_parquet` encodes them."""
        self.begin(table, key)
        return self._write(name_of(table, key), content)

    def write_parts(self, table: str, key: str, parts: Iterable[pd.DataFrame]) -> str:
        """Write rows that come part by part, as `write` does all of them together.

        One part is in memory at a time. If they raise, the partition stays as it was.
        """
        name = name_of(table, key)

        def _fill(file: BinaryIO) -> None:
            write_rows(file, parts, table)
            self.begin(table, key)

        self._files.write_by(name, _fill)
        with self._files.open(name) as file:
            return hash_of_parts(iter(lambda: file.read(1 << 20), b""))

    def _write(self, name: str, content: bytes) -> str:
        """Write a file unless it has this content already; return its hash."""
        try:
            unchanged = self._files.read(name) == content
        except FileNotFoundError:
            unchanged = False
        if not unchanged:
            self._files.write(name, content)
        return short_hash(content)

    def read(
        self, table: str, key: str, columns: Columns = None, where_in: WhereIn = None
    ) -> pd.DataFrame:
        """Read the rows of a partition, all or as `read_rows` selects them.

        Raises
        ------
        BadInput
            The partition has not been materialised, or lacks a column.
        """
        return pd.DataFrame(self._rows(table, key, columns, where_in).to_pandas())

    def _rows(
        self, table: str, key: str, columns: Columns = None, where_in: WhereIn = None
    ) -> pa.Table:
        if self.manifest(table, key) is None and table in ("price_bars", "features"):
            raise not_materialised(table, key)
        try:
            return self._read(name_of(table, key), table, columns, where_in)
        except FileNotFoundError:
            raise not_materialised(table, key) from None
        except DamagedFile:
            self.begin(owner_of(table), key)  # so that it is computed again
            raise

    def _read(
        self, name: str, table: str, columns: Columns = None, where_in: WhereIn = None
    ) -> pa.Table:
        with self._files.open(name) as file:
            where = self._files.where(name)
            return read_rows(file, where, table, columns, where_in)

    def columns(self, table: str, key: str) -> list[str]:
        """Return the names of the columns that a partition's rows have."""
        with self._files.open(name_of(table, key)) as file:
            return columns_of(file, self.where(table, key))

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
        """Read sessions of a table without asking whether they are complete."""
        keys = [session.isoformat() for session in sessions]
        wanted = None if symbols is None else {"symbol": symbols}
        parts = [self._rows(table, key, columns, wanted) for key in keys]
        together = pa.concat_tables(parts, promote_options="default")
        frame = pd.DataFrame(together.to_pandas())
        days = np.array(list(sessions), dtype="datetime64[s]")
        return frame.assign(session=np.repeat(days, [len(rows) for rows in parts]))

    def remove(self, table: str, key: str, file: str = DATA) -> None:
        """Remove a file of a partition, or all where it is empty, and its manifest."""
        self.begin(table, key)
        self._files.remove(name_of(table, key, file))

    # Further files of a partition.

    def where(self, table: str, key: str, file: str = DATA) -> str:
        """Return the address of a partition's file, for messages."""
        return self._files.where(name_of(table, key, file))

    def read_file(self, table: str, key: str, file: str) -> bytes:
        """Return a file of a partition; FileNotFoundError where it does not exist."""
        return self._files.read(name_of(table, key, file))

    def write_file(self, table: str, key: str, file: str, content: bytes) -> str:
        """Write a file beside the rows of a partition; return its hash."""
        return self._write(name_of(table, key, file), content)

    def store_once(
        self, table: str, key: str, others: Iterable[str], file: str = DATA
    ) -> bool:
        """Store a file once that one of some other partitions has, too; say whether."""
        own = name_of(table, key, file)
        return any(
            self._files.store_once(own, name_of(table, other, file))
            for other in others
            if other != key
        )

    def copy_out(self, table: str, key: str, target: Path) -> None:
        """Copy the rows of a partition to a path outside the lake."""
        self._files.copy_out(name_of(table, key), target)

    # Tables without an axis: one file, or pieces with names of their own.

    def piece_state(self, table: str, piece: str = DATA) -> FileState | None:
        """Return what changes when a piece is written anew; None where it is absent."""
        try:
            return self._files.state(f"{table}/{piece}")
        except FileNotFoundError:
            return None

    def read_piece(self, table: str, piece: str = DATA) -> pd.DataFrame:
        """Read one piece of a table; FileNotFoundError where it does not exist."""
        return pd.DataFrame(self._read(f"{table}/{piece}", table).to_pandas())

    def write_piece(self, table: str, frame: pd.DataFrame, piece: str = DATA) -> str:
        """Write one piece of a table; return the hash of the file."""
        return self._write(f"{table}/{piece}", as_parquet(frame, table))

    def remove_pieces(self, table: str, folder: str, keep: str = "") -> None:
        """Remove the pieces of a table in a folder, except those in one below it."""
        for name in self._files.names(f"{table}/{folder}/*"):
            if not keep or name.rpartition("/")[2] != keep:
                self._files.remove(name)
        if not keep:
            self._files.remove(f"{table}/{folder}")

    def read_note(self, name: str) -> str:
        """Return a text that is kept beside the tables; FileNotFoundError without."""
        return self._files.read(name).decode()

    def write_note(self, name: str, text: str) -> None:
        """Keep a text beside the tables."""
        self._files.write(name, text.encode())

    # All files of a table, for DuckDB, and those that are damaged.

    def globs(self, table: str, keys: Iterable[str] | None = None) -> list[str]:
        """Return globs of a table's files, or of those of some keys, for DuckDB."""
        if keys is None:
            return [self._files.glob(pattern_of(table))]
        return [self._files.glob(as_glob(name_of(table, key))) for key in keys]

    def let_read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection of DuckDB read the files that `globs` names."""
        self._files.let_read(connection)

    def has_rows(self, table: str) -> bool:
        """Whether a table has any file with rows, complete or not."""
        return bool(self._files.names(pattern_of(table)))

    def sized(self, table: str) -> list[str]:
        """List the tables that hold the same for other sizes of bars, and have rows."""
        return [n for n in self._files.names(f"{table}_*") if self.has_rows(n)]

    def set_damaged_aside(self, table: str, thoroughly: bool = False) -> int:
        """Rename the damaged files of a table, and return how many there were.

        Parameters
        ----------
        table
            Name of the table.
        thoroughly
            Read every file completely, which takes its time, and not its ends alone.
        """
        count = 0
        for name in self._files.names(pattern_of(table)):
            fault = self._files.fault(name)
            if thoroughly and not fault:
                with self._files.open(name) as file:
                    fault = fault_within(file, self._files.where(name))
            if fault:
                self._files.set_aside(name, fault, "It is left out.")
                count += 1
        return count


@functools.lru_cache(maxsize=20_000)
def _parsed(files: Files, name: str, state: FileState) -> Manifest:
    """Manifest that a file holds, read once for each state of the file."""
    return Manifest(**json.loads(files.read(name)))
