"""The place where a lake is kept: named files, each written completely or not at all.

The lake asks no more of a place than `Files` lists. `LocalFiles` is a folder of this
machine; `whatif_assets.home.remote_files` has an object store. A name is relative, with
``/`` between its parts, such as ``price_bars/session=2018-03-01/data.parquet``.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

import duckdb
import pyarrow as pa

from whatif_assets.home.atomic import (
    WRITING,
    atomic_path,
    remove_leftovers,
    write_bytes,
)
from whatif_assets.home.damage import fault_of, file_state, set_aside

FileState = tuple[int, ...]  # differs once a file has been replaced


class Files(Protocol):
    """Named files of a lake; equal objects give the same files."""

    @property
    def folder(self) -> Path | None:
        """The folder of this machine that holds them, or None in a store."""

    def __hash__(self) -> int:
        """Return a hash of the place, so that what was read can be remembered."""

    def where(self, name: str) -> str:
        """Return the full address of a file, for people."""

    def glob(self, pattern: str) -> str:
        """Return the full address of a glob of names, for DuckDB; see `let_read`."""

    def let_read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection of DuckDB read the addresses that `glob` returns."""

    def names(self, pattern: str) -> list[str]:
        """List the names that match a glob, sorted."""

    def state(self, name: str) -> FileState:
        """Return the state of a file; FileNotFoundError where it does not exist."""

    def size(self, name: str) -> int:
        """Return the bytes of a file; FileNotFoundError where it does not exist."""

    def fault(self, name: str, size: int | None = None) -> str:
        """Say what is wrong with a file; empty where nothing is.

        Parameters
        ----------
        name
            Name of the file.
        size
            Bytes that it should have, where that is known.
        """

    def read(self, name: str) -> bytes:
        """Return the content of a file; FileNotFoundError where it does not exist."""

    def open(self, name: str) -> pa.NativeFile:
        """Open a file to read parts of it; FileNotFoundError as for `read`."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file completely, or leave the earlier one as it is."""

    def write_by(self, name: str, fill: Callable[[BinaryIO], None]) -> None:
        """Write a file by a function; if it raises, the earlier file stays."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file if there is none of this name; return whether it was written."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it, if it exists."""

    def remove_unfinished(self, folder: str) -> None:
        """Remove what a killed process has left half-written in a folder."""

    def set_aside(self, name: str, why: str, consequence: str) -> None:
        """Rename a damaged file, so that the others can be read, and log that."""

    def store_once(self, name: str, other: str) -> bool:
        """Store two files of equal content once, where the place can do that.

        Returns
        -------
        bool
            Whether both now share their storage.
        """

    def copy_out(self, name: str, target: Path) -> None:
        """Copy a file to a path of this machine, without its bytes if possible."""


class LocalFiles:
    """Files below a folder of this machine.

    Parameters
    ----------
    root
        The folder. It is created with the first file.
    """

    def __init__(self, root: Path) -> None:
        self.root = str(root)

    def __eq__(self, other: object) -> bool:
        """Whether another object gives the files of the same folder."""
        return isinstance(other, LocalFiles) and other.root == self.root

    def __hash__(self) -> int:
        """Hash of the folder, so that what was read of it can be remembered."""
        return hash(self.root)

    def where(self, name: str) -> str:
        """Return the absolute path of a file."""
        # A text, as paths take longer, and a run asks about thousands of partitions.
        return f"{self.root}/{name}"

    @property
    def folder(self) -> Path:
        """The folder."""
        return Path(self.root)

    def glob(self, pattern: str) -> str:
        """Return the absolute path of a glob, in which the folder is no pattern."""
        return f"{as_glob(str(self.folder.resolve()))}/{pattern}"

    def let_read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: DuckDB reads files of this machine by itself."""

    def names(self, pattern: str) -> list[str]:
        """List the names that match a glob, sorted."""
        root = Path(self.root)
        return sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))

    def state(self, name: str) -> FileState:
        """Return inode, size and time of modification of a file."""
        return file_state(self.where(name))

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return Path(self.where(name)).stat().st_size

    def fault(self, name: str, size: int | None = None) -> str:
        """Say what is wrong with a file by its size and its two ends."""
        return fault_of(self.where(name), size)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return Path(self.where(name)).read_bytes()

    def open(self, name: str) -> pa.NativeFile:
        """Open a file to read parts of it."""
        return pa.OSFile(self.where(name), "rb")

    def write(self, name: str, content: bytes) -> None:
        """Write a file beside its place and rename it there."""
        write_bytes(Path(self.where(name)), content)

    def write_by(self, name: str, fill: Callable[[BinaryIO], None]) -> None:
        """Let a function write a file beside its place, and rename it there."""
        with atomic_path(Path(self.where(name))) as path, path.open("wb") as file:
            fill(file)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file beside its place, and link it there if nothing is there."""
        path = Path(self.where(name))
        beside = path.with_name(f"{WRITING}{os.getpid()}-{secrets.token_hex(8)}")
        write_bytes(beside, content)
        try:
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            beside.unlink()
        return True

    def remove(self, name: str) -> None:
        """Remove a file or a folder."""
        path = Path(self.where(name))
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def remove_unfinished(self, folder: str) -> None:
        """Remove temporary files of processes that no longer exist."""
        remove_leftovers(Path(self.where(folder)))

    def set_aside(self, name: str, why: str, consequence: str) -> None:
        """Rename a damaged file, and log its new name."""
        set_aside(Path(self.where(name)), why, consequence)

    def store_once(self, name: str, other: str) -> bool:
        """Make a file a second name (hard link) of another of the same content."""
        own, source = Path(self.where(name)), Path(self.where(other))
        linked = own.with_name(f"{WRITING}{os.getpid()}-{secrets.token_hex(8)}")
        with contextlib.suppress(OSError):
            if own.samefile(source):
                return True
            same_size = own.stat().st_size == source.stat().st_size
            if same_size and filecmp.cmp(own, source, shallow=False):
                os.link(source, linked)
                linked.replace(own)
                return True
        linked.unlink(missing_ok=True)
        return False

    def copy_out(self, name: str, target: Path) -> None:
        """Link a file to a path, or copy it where links are not possible.

        No file of a lake is changed in place, so that a link stays as it is.
        """
        source = self.where(name)
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, target)


def as_glob(path: str) -> str:
    """Write a path for DuckDB, which takes every name for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", path)
