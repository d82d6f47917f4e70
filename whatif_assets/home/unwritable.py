"""Disks that are full and folders that can only be read, told in one sentence."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput

_ERRORS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.EIO,
}  # fmt: skip
# SQLite's words for them, in Dagster's history of runs.
_OF_SQLITE = ("disk is full", "readonly database", "disk i/o", "unable to open")


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Raise BadInput in place of an error that says that nothing can be written.

    Parameters
    ----------
    folder
        The folder that is written in the block, for the message.

    Raises
    ------
    BadInput
        The disk is full or fails, or the folder can only be read.
    """
    try:
        yield
    except Exception as error:  # of Dagster, too, which wraps them
        if reason := _reason(error):
            raise BadInput(
                f"{folder}: results can't be written ({reason}). What was finished is "
                "kept, and an earlier database is unchanged. Free disk space, or make "
                "the folder writable; the same command then continues."
            ) from None
        raise


def _reason(error: BaseException | None) -> str:
    """Return why nothing was written, from an error or what it was raised from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _ERRORS:
            return str(error.strerror)
        if isinstance(error, sqlite3.Error) and _is_told(str(error)):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""


def _is_told(text: str) -> bool:
    return any(words in text.lower() for words in _OF_SQLITE)
