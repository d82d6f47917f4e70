"""Files that can't be read: what is wrong with them, told once and by name.

A disk was full, a process was killed, a copy broke off: a file is empty, ends too
early or holds something else. What such a file was made from is still there in most
cases, so that it is computed again.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput

logger = logging.getLogger("whatif_assets")

ASIDE = ".damaged"  # added to the name of a file that is put out of the way
SHORTEST = 22  # bytes of a Parquet file or a model, at least


class DamagedFile(BadInput):
    """A file of the lake can't be read.

    Attributes
    ----------
    path, fault
        The file, and what is wrong with it.
    """

    def __init__(self, path: Path | str, why: str) -> None:
        self.path, self.fault = path, f"is damaged ({' '.join(why.split())})"
        super().__init__(f"{path} {self.fault}. Run again: what it held is made again.")


def file_state(path: Path | str) -> tuple[int, int, int]:
    """What changes when a file is replaced: its number on the disk, size and age."""
    found = os.stat(path)  # noqa: PTH116 - quicker than by a Path, for a text
    return found.st_ino, found.st_size, found.st_mtime_ns


def fault_of(path: Path | str, size: int | None = None) -> str:
    """Say what is wrong with a file, empty where nothing is.

    Of a Parquet file and of a model the two ends are looked at, so that it is quick; of
    others the size alone.

    Parameters
    ----------
    path
        The file.
    size
        Bytes that it should have, where somebody knows.
    """
    try:
        state = file_state(path)
    except FileNotFoundError:
        return "is missing"
    return fault_in(path, state[1], size, lambda: _ends_of(str(path), state))


def fault_in(
    path: Path | str,
    found: int,
    size: int | None,
    ends: Callable[[], tuple[bytes, bytes]],
) -> str:
    """Say what is wrong with a file of which the size and the two ends are known.

    Parameters
    ----------
    path
        The file, of whose name the end says its kind.
    found, size
        Bytes that it has, and those that it should have, where somebody knows.
    ends
        Gives its first 4 bytes and its last `SHORTEST`; asked only if that matters.
    """
    if size is not None and found != size:
        return f"has {found:,} bytes instead of {size:,}"
    kind = os.path.splitext(path)[1]  # noqa: PTH122 - as above
    if kind not in _ENDS or (found >= SHORTEST and _ENDS[kind](*ends(), found)):
        return ""
    return "does not begin or end as such a file does"


def _is_parquet(first: bytes, last: bytes, size: int) -> bool:
    footer = int.from_bytes(last[-8:-4], "little")
    return first == last[-4:] == b"PAR1" and footer <= size


def _is_zip(first: bytes, last: bytes, size: int) -> bool:
    return first == b"PK\x03\x04" and last.startswith(b"PK\x05\x06")


_ENDS = {".parquet": _is_parquet, ".model": _is_zip}


@functools.lru_cache(maxsize=100_000)
def _ends_of(path: str, state: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """Read the first and last bytes of a file, once for each state of it."""
    with Path(path).open("rb") as file:
        first = file.read(4)
        file.seek(-SHORTEST, os.SEEK_END)
        return first, file.read()


@functools.lru_cache(maxsize=1000)
def tell(path: Path | str, why: str, so: str) -> None:
    """Log, once in a process, that a file is damaged.

    Parameters
    ----------
    path
        The file.
    why
        What is wrong with it, such as ``is missing``.
    so
        What becomes of it.
    """
    logger.warning("%s %s. %s", path, why, so)


def set_aside(path: Path, why: str, so: str) -> None:
    """Rename a damaged file, so that nobody stumbles over it, and tell; see `tell`."""
    path.replace(path.with_name(path.name + ASIDE))
    tell(path, why, f"{so} The file is now called {path.name}{ASIDE}.")
