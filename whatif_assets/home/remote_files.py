"""A lake in an object store, such as S3, reached through fsspec.

An object appears whole or not at all, so a file is put under its own name; nothing is
renamed, and nothing half-written can be seen. Credentials and addresses of servers
come from the environment, as the store's library and fsspec read them.
"""

from __future__ import annotations

import contextlib
import functools
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import duckdb
import fsspec
import pyarrow as pa

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.damage import ASIDE, SHORTEST, fault_in, tell
from whatif_assets.home.files import Files, FileState, LocalFiles
from whatif_assets.settings.lake_url import FOLDER_SCHEME

READ_AT_ONCE = 16_000_000  # bytes; of a larger file, only what is needed is read
SECONDS_KNOWN = 1.0  # how long a listing of a folder is known in this process
_MAGIC = frozenset("*?[")


@functools.lru_cache(maxsize=100)
def files_at(url: str) -> Files:
    """Return the files below a URL, as ``lake`` in ``market.yaml`` allows it."""
    scheme, _, place = url.partition("://")
    return LocalFiles(Path(place)) if scheme == FOLDER_SCHEME else RemoteFiles(url)


class RemoteFiles:
    """Objects below a URL.

    All methods raise BadInput if the store cannot be reached or refuses. What another
    process writes is seen after `SECONDS_KNOWN` at the latest, what this one writes at
    once: a run asks about each file of a partition, and one request answers for all.

    Parameters
    ----------
    url
        The URL without a slash at its end, such as ``s3://bucket/lake``.
    """

    folder = None

    def __init__(self, url: str) -> None:
        self.url = url
        self._listed: dict[str, tuple[float, dict[str, dict[str, Any]]]] = {}

    def __eq__(self, other: object) -> bool:
        """Whether another object gives the objects below the same URL."""
        return isinstance(other, RemoteFiles) and other.url == self.url

    def __hash__(self) -> int:
        """Hash of the URL, so that what was read can be remembered."""
        return hash(self.url)

    @contextlib.contextmanager
    def _store(self, name: str = "") -> Iterator[tuple[Any, str]]:
        """Give fsspec's file system and the path of a name, and translate errors."""
        try:
            # fsspec keeps it for this thread and process. Without a cache of listings,
            # what other processes write is seen.
            store, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
            yield store, f"{root}/{name}" if name else root
        except (FileNotFoundError, FileExistsError):
            raise
        except Exception as error:  # each store's library has errors of its own
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> BadInput:
        reason = " ".join(str(error).split()) or type(error).__name__
        return BadInput(
            f"{self.url}: the lake can't be reached ({reason}). Results that were "
            "finished are kept. Check the URL, the network and the credentials in the "
            "environment; the same command then continues."
        )

    def where(self, name: str) -> str:
        """Return the URL of a file."""
        return f"{self.url}/{name}"

    def glob(self, pattern: str) -> str:
        """Return the URL of a glob, for DuckDB; see `let_read`."""
        return self.where(pattern)

    def let_read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection of DuckDB read URLs of this store through fsspec."""
        with self._store() as (store, _):
            connection.register_filesystem(store)

    def names(self, pattern: str) -> list[str]:
        """List the names that match a glob, sorted, by one listing of a folder."""
        parts = PurePosixPath(pattern).parts
        last = len(parts) - 1
        fixed = next((n for n, part in enumerate(parts) if _MAGIC & set(part)), last)
        with self._store() as (_, root), self._store("/".join(parts[:fixed])) as at:
            store, folder = at
            try:
                if fixed == last:
                    found = store.ls(folder, detail=False)
                else:
                    found = store.find(folder)
            except FileNotFoundError:
                return []
        split = (path.removeprefix(f"{root}/").split("/") for path in found)
        # A folder exists if something is in it.
        cut = {tuple(name[: len(parts)]) for name in split}
        return sorted(
            "/".join(name)
            for name in cut
            if len(name) == len(parts) and all(map(fnmatchcase, name, parts))
        )

    def _info(self, name: str) -> dict[str, Any]:
        """Return what the store says about a file; FileNotFoundError without one."""
        folder = name.rpartition("/")[0]
        listed = self._listed  # a write puts another one in its place
        asked, found = listed.get(folder, (-math.inf, {}))
        if time.monotonic() - asked > SECONDS_KNOWN:
            asked, found = time.monotonic(), self._list(folder)
            listed[folder] = asked, found
        if name not in found:
            raise FileNotFoundError(self.where(name))
        return found[name]

    def _list(self, folder: str) -> dict[str, dict[str, Any]]:
        with self._store() as (_, root), self._store(folder) as (store, path):
            try:
                found = store.ls(path, detail=True)
            except FileNotFoundError:
                return {}
        files = (one for one in found if one["type"] == "file")
        return {one["name"].removeprefix(f"{root}/"): one for one in files}

    def state(self, name: str) -> FileState:
        """Return a hash of what the store says about a file, such as its ETag."""
        said = sorted((key, str(value)) for key, value in self._info(name).items())
        return (int(combined_hash(said), 16),)

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return int(self._info(name)["size"])

    def fault(self, name: str, size: int | None = None) -> str:
        """Say what is wrong with a file by its size and its two ends."""
        try:
            found = self.size(name)
            return fault_in(name, found, size, lambda: self._ends(name, found))
        except FileNotFoundError:
            return "is missing"

    def _ends(self, name: str, size: int) -> tuple[bytes, bytes]:
        """Read the first and last bytes of a file, once for each state of it."""
        return _ends_read(self, name, size, self.state(name))

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return self.part(name)

    def part(
        self, name: str, start: int | None = None, end: int | None = None
    ) -> bytes:
        """Return bytes of a file from ``start`` up to ``end``, all where left out."""
        with self._store(name) as (store, path):
            return bytes(store.cat_file(path, start=start, end=end))

    def open(self, name: str) -> pa.NativeFile:
        """Open a file to read parts of it; a small one is read at once."""
        if self.size(name) <= READ_AT_ONCE:
            return pa.BufferReader(self.read(name))
        with self._store(name) as (store, path):
            return pa.PythonFile(store.open(path, "rb"), mode="r")

    def write(self, name: str, content: bytes) -> None:
        """Put a file, which replaces an earlier one in one step."""
        with self._writing(name) as (store, path):
            store.pipe_file(path, content)

    def write_by(self, name: str, fill: Callable[[BinaryIO], None]) -> None:
        """Let a function write a temporary file of this machine, and put it."""
        with tempfile.NamedTemporaryFile() as file:
            fill(file)  # type: ignore[arg-type]
            file.flush()
            with self._writing(name) as (store, path):
                store.put_file(file.name, path)

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[tuple[Any, str]]:
        """As `_store`; what does not exist is then the bucket."""
        try:
            with self._store(name) as at:
                yield at
        except FileNotFoundError as error:
            raise self._refused(error) from None
        finally:
            self._listed = {}

    def create(self, name: str, content: bytes) -> bool:
        """Write a file if there is none of this name; return whether it was written.

        It is one step if the store has conditional writes, as S3 has.
        """
        try:
            with self._writing(name) as (store, path):
                store.pipe_file(path, content, mode="create")
        except FileExistsError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file, or all files below a name."""
        with self._writing(name) as (store, path):
            if found := store.find(path):
                store.rm(found)

    def remove_unfinished(self, folder: str) -> None:
        """Do nothing: what was not put completely is not there."""

    def set_aside(self, name: str, why: str, consequence: str) -> None:
        """Rename a damaged file, and log its new name."""
        with self._writing(name) as (store, path):
            store.mv(path, f"{path}{ASIDE}")
        tell(
            self.where(name),
            why,
            f"{consequence} The file is now called {name}{ASIDE}.",
        )

    def store_once(self, name: str, other: str) -> bool:
        """Return False: an object has one name."""
        return False

    def copy_out(self, name: str, target: Path) -> None:
        """Copy a file to a path of this machine."""
        with self._store(name) as (store, path):
            store.get_file(path, str(target))


@functools.lru_cache(maxsize=100_000)
def _ends_read(
    files: RemoteFiles, name: str, size: int, state: FileState
) -> tuple[bytes, bytes]:
    """Read the two ends of a file, once for each state of it."""
    return files.part(name, 0, 4), files.part(name, size - SHORTEST, size)
