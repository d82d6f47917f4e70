"""What the files of a home occupy on disk. Links are never followed."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from whatif_assets.home.home import Home
from whatif_assets.home.lake_names import folder_of
from whatif_assets.home.tables import LAKE


@dataclass(frozen=True)
class DiskUse:
    """What some files occupy.

    Attributes
    ----------
    occupied
        Bytes of the files; a file with several names (hard links) counts once.
    freed
        Bytes that are free once the files are removed: those of files without another
        name elsewhere.
    """

    occupied: int
    freed: int

    @classmethod
    def of(cls, paths: Iterable[Path]) -> DiskUse:
        """Measure files, and folders with all that is in them."""
        found = [state for path in paths for state in _files_in(path)]
        names = Counter((state.st_dev, state.st_ino) for state in found)
        once = {(state.st_dev, state.st_ino): state for state in found}
        return cls(
            occupied=sum(state.st_size for state in once.values()),
            freed=sum(
                state.st_size
                for file, state in once.items()
                if names[file] >= state.st_nlink
            ),
        )


def use_of(
    home: Home, partitions: Iterable[tuple[str, str]], paths: Iterable[Path] = ()
) -> DiskUse:
    """Measure partitions of the lake, wherever it is, and other files of the home.

    Parameters
    ----------
    home
        The home.
    partitions
        Tables and keys.
    paths
        Files and folders outside the lake.
    """
    lake, files = home.lake, home.files
    if lake.folder is not None:
        stored = (Path(lake.where(table, key, "")) for table, key in partitions)
        return DiskUse.of([*stored, *paths])
    names = [n for part in partitions for n in files.names(f"{folder_of(*part)}/*")]
    stored_bytes, local = sum(map(files.size, names)), DiskUse.of(paths)
    return DiskUse(local.occupied + stored_bytes, local.freed + stored_bytes)


def _files_in(path: Path) -> Iterator[os.stat_result]:
    """Yield the states of a file, or of all files in a folder, but of no link."""
    if path.is_symlink() or not path.exists():
        return
    if path.is_file():
        yield path.stat()
        return
    with os.scandir(path) as entries:
        for entry in entries:
            yield from _files_in(Path(entry.path))


def is_behind_link(home: Home, path: Path) -> bool:
    """Whether a path in a home is a link, or is in a folder that is one."""
    inside = itertools.takewhile(lambda p: p != home.path, [path, *path.parents])
    return any(part.is_symlink() for part in inside)


def partitions_on_disk(home: Home) -> list[tuple[str, str]]:
    """List the tables and keys of all partitions, complete or not, by table.

    Partitions behind links are left out.
    """
    lake = home.lake
    tables = [name for name, declared in LAKE.items() if declared.axis]
    return [
        (table, key)
        for table in [*tables, *lake.sized("features")]
        for key in sorted(set(lake.keys_with(table, "*")))
        if not is_behind_link(home, Path(lake.where(table, key, "")))
    ]
