"""Faults in the files of a home: damage, leftovers, a run that is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb

DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "delete": lambda content: None,
    "empty": lambda content: b"",
    "truncate": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\x00garbage" * 9,
}


def files_of_results(home: Path) -> list[Path]:
    """List the files of results, in order, without those that cannot be rebuilt."""
    history = ("runs", "keys.json")
    return [
        path
        for path in sorted((home / "lake").rglob("*"))
        if path.is_file() and path.relative_to(home).parts[1] not in history
    ]


def damage(path: Path, how: str) -> None:
    """Damage a file in one way of `DAMAGE`; other hard links to it are unchanged."""
    content = DAMAGE[how](path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def leave_wal(database: Path) -> None:
    """Create the write-ahead log that a killed writer leaves next to a database."""
    wal = database.with_name(f"{database.name}.wal")
    wal.unlink(missing_ok=True)  # of one that was killed before
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE OR REPLACE TABLE notes AS SELECT 1 AS note")
        left = wal.read_bytes()
    wal.write_bytes(left)


def interrupt(home: Path, number: signal.Signals, seconds: float) -> int | None:
    """Send a run of its own process a signal after a while.

    Returns
    -------
    int or None
        The exit status, as Python reports it; None if the run ended before.
    """
    environment = {n: v for n, v in os.environ.items() if n != "DAGSTER_HOME"}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "whatif_assets", "run", "--home", home],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            return process.wait()
    return None


class Killed(BaseException):
    """The process is dead."""


@contextlib.contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Die at the n-th change of a directory, and change nothing more.

    As after ``kill -9``, unfinished work stays unfinished, and clean-up code does
    nothing either. If the block makes fewer changes, it ends as usual.
    """
    changes = 0

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **options: Any) -> Any:
            nonlocal changes
            changes += 1
            if changes >= number:
                raise Killed
            return change(*arguments, **options)

        return changed

    names = ("replace", "rename", "unlink", "remove", "rmdir", "link", "mkdir")
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(os, name, dying(getattr(os, name))))
        with contextlib.suppress(Killed):
            yield
