"""Writing files whole or not at all: beside their place, and then renamed.

A file that only grows is written by whole lines; see `append_lines`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

WRITING = ".writing-"  # what is not yet in place, then the number of the process


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it there on success.

    The temporary file or folder is removed if the block raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    holder = Path(tempfile.mkdtemp(prefix=f"{WRITING}{os.getpid()}-", dir=path.parent))
    try:
        temporary = holder / path.name
        yield temporary
        if temporary.is_dir() and path.exists():
            path.rename(holder / "replaced")
        temporary.replace(path)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes were writing in a folder when they were killed."""
    for path in folder.glob(f"{WRITING}*"):
        process = re.match(r"\d+(?=-)", path.name.removeprefix(WRITING))
        if process and _lives(int(process[0])):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, at less cost than by `atomic_path`: without a folder."""
    name = f"{WRITING}{os.getpid()}-{secrets.token_hex(8)}"
    temporary = path.with_name(name)
    try:
        try:
            temporary.write_bytes(content)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def append_lines(path: Path, text: str) -> None:
    """Write lines to the end of a file, and wait until they are on the disk.

    Several processes may do so at the same time. An incomplete last line, left by a
    process that died or by a full disk, is removed first.

    Parameters
    ----------
    path
        The file, which is created if it does not exist.
    text
        Lines that each end with a line feed.
    """
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
