"""Conditions under which a process runs the command: little memory, a wrong clock."""

from __future__ import annotations

import os
import resource
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

MEGABYTE = 1 << 20


def limit_memory(megabytes: int) -> None:
    """Limit the address space to what is used now and some megabytes more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    limit = used + megabytes * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def move_clock(days: int) -> None:
    """Move the clock of this process, as Python code reads it."""
    seconds, shift = time.time, timedelta(days=days)

    class Moved(datetime):
        """Times of the moved clock."""

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + shift

    time.time = lambda: seconds() + shift.total_seconds()
    for name, module in list(sys.modules.items()):
        ours = name.startswith("whatif_assets.")
        if ours and getattr(module, "datetime", None) is datetime:
            module.datetime = Moved


def age_files(folder: Path, days: int) -> None:
    """Make all files of a folder older, or newer than now for negative days."""
    for path in folder.rglob("*"):
        stamp = path.stat().st_mtime - days * 86_400
        os.utime(path, (stamp, stamp))
