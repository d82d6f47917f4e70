"""A user's code alone: it sees no file that an earlier run left behind.

What survives in memory ends with the process of a job. What survives in a file does
not, so that a strategy which writes down the whole data would know it in every later
run. A sandboxed job has an empty working directory, home and folder for temporary
files. Of all other files it sees only code and what belongs to the system or to Python.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatif_assets.domain.accounts.job import Files

CODE = {".py", ".pyc", ".pyd", ".so", ".pth", ".nbi", ".nbc"}
_FOLDERS = ("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
_SYSTEM = ("/usr", "/etc", "/lib", "/lib64", "/bin", "/opt", "/proc", "/sys", "/dev")


@dataclass(frozen=True)
class Sandboxed:
    """What some work gave that was done without files of earlier runs.

    Attributes
    ----------
    result
        What it gave; None where it failed.
    error
        What it raised, if it did.
    files
        The files that it wrote, and those that it looked for in vain.
    """

    result: Any
    error: Exception | None
    files: Files


def sandboxed(work: Callable[[], Any]) -> Sandboxed:
    """Do some work in this process, which sees no files but its own meanwhile.

    The process must have no other use.
    """
    with tempfile.TemporaryDirectory(prefix="whatif-") as folder:
        watch = _Watch(Path(folder).resolve())
        before = Path.cwd()
        os.chdir(folder)
        os.environ.update(dict.fromkeys(_FOLDERS, folder))
        tempfile.tempdir = None
        result, failed = None, None
        try:
            result = work()
        except Exception as error:
            failed = error
        finally:
            watch.ended = True
            os.chdir(before)
    return Sandboxed(result, failed, watch.files)


class _Watch:
    """Hides files, and notes those that were asked for."""

    def __init__(self, own: Path) -> None:
        self.ended = False
        self._own = own
        self._read: set[str] = set()
        self._written: set[str] = set()
        schemes = sysconfig.get_paths().values()
        seen = {*_SYSTEM, sys.prefix, sys.base_prefix, *schemes}
        self._seen = tuple(f"{folder}{os.sep}" for folder in seen)
        self._stat = os.stat
        os.stat = self._stat_of_seen  # type: ignore[assignment]
        sys.addaudithook(self._asked)

    @property
    def files(self) -> Files:
        """What was looked for, and what was written."""
        return Files(frozenset(self._read), frozenset(self._written))

    def _asked(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note a file that is opened; called by Python before it does so."""
        if self.ended or event not in ("open", "sqlite3.connect"):
            return
        path = self._path(arguments[0])
        if path is None:
            return
        flags = arguments[2] if event == "open" else 0
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._written.add(path)
        elif self._hidden(path):
            raise FileNotFoundError(2, "hidden while leaks are looked for", path)

    def _stat_of_seen(self, path: Any, *args: Any, **options: Any) -> os.stat_result:
        """Tell about a file unless it is hidden."""
        where = None if self.ended else self._path(path)
        if where is not None and self._hidden(where):
            raise FileNotFoundError(2, "hidden while leaks are looked for", where)
        return self._stat(path, *args, **options)

    @staticmethod
    def _path(asked: Any) -> str | None:
        if isinstance(asked, int):
            return None
        try:
            # Path.resolve would ask os.stat, and so this class, again.
            return os.path.abspath(os.fsdecode(asked))  # noqa: PTH100
        except TypeError:
            return None

    def _hidden(self, path: str) -> bool:
        """Whether a path is neither code, a folder, of the system nor the job's own."""
        if Path(path).suffix in CODE or path.startswith(self._seen):
            return False
        own = path.startswith(str(self._own))
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(self._stat(path).st_mode):
                return False
        self._read.add(path)
        return not own
