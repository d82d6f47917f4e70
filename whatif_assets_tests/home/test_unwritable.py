"""What can't be written is told in a sentence, however the error is wrapped."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.atomic import append_lines
from whatif_assets.home.unwritable import writable

HOME = Path("/some/home")


def raised(error: BaseException, *wrapped_in: BaseException) -> None:
    """Raise an error as libraries do, from which others are raised."""
    for wrapper in wrapped_in:
        wrapper.__cause__, error = error, wrapper
    with writable(HOME):
        raise error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "Read-only file system"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "Permission denied"),
        (sqlite3.OperationalError("database or disk is full"), "disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "readonly"),
    ],
)
@pytest.mark.parametrize("wrapped_in", [(), (ValueError("event"), RuntimeError("run"))])
def test_a_full_or_closed_disk_is_bad_input(error, reason, wrapped_in):
    with pytest.raises(BadInput, match=f"/some/home: results can't be .*{reason}"):
        raised(error, *wrapped_in)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file"),
        sqlite3.OperationalError("no such table: runs"),
        ZeroDivisionError(),
        KeyboardInterrupt(),
    ],
)
def test_any_other_error_stays_what_it_is(error):
    with pytest.raises(type(error)) as found:
        raised(error)
    assert found.value is error


def test_an_error_that_was_raised_from_itself_ends(tmp_path):
    one, two = ValueError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    with pytest.raises(ValueError):
        raised(one)


def test_a_line_follows_the_last_complete_one(tmp_path):
    path = tmp_path / "lines"
    append_lines(path, "one\n")
    path.write_text(path.read_text() + "tw")  # by a process that died
    append_lines(path, "three\nfour\n")
    assert path.read_text() == "one\nthree\nfour\n"
