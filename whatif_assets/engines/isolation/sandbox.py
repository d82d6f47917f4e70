"""Run a user's code with the files of earlier runs hidden.

Memory ends with the process of a job, but files remain: a strategy that writes all its
data to a file would know the future in every later run. A sandboxed job has an empty
working directory, home folder and folder for temporary files. Of all other files it
sees only code and the files of the system and of Python.
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
class SandboxedResult:
    """Result of a function that ran with the files of earlier runs hidden.

    Attributes
    ----------
    result
        What the function returned; None if it failed.
    error
        The error that it raised; None if it succeeded.
    files
        The files that it wrote, and the hidden files that it looked for.
    """

    result: Any
    error: Exception | None
    files: Files


def run_sandboxed(work: Callable[[], Any]) -> SandboxedResult:
    """Call a function while this process sees no files of earlier runs.

    Use it only in a process that does nothing else: files are hidden from all threads,
    and the hooks that hide them cannot be removed.
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
    return SandboxedResult(result, failed, watch.files)


class _Watch:
    """Hides files, and records the files that are written or looked for."""

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
        sys.addaudithook(self._on_event)

    @property
    def files(self) -> Files:
        """The paths that were looked for, and those that were written."""
        return Files(frozenset(self._read), frozenset(self._written))

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record or hide a file; Python calls this before it opens the file."""
        if self.ended or event not in ("open", "sqlite3.connect"):
            return
        path = self._path(arguments[0])
        if path is None:
            return
        flags = arguments[2] if event == "open" else 0
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._written.add(path)
        elif self._hidden(path):
            raise FileNotFoundError(2, "hidden by the probe for look-ahead", path)

    def _stat_of_seen(self, path: Any, *args: Any, **options: Any) -> os.stat_result:
        """Replace ``os.stat``: hidden files do not exist."""
        where = None if self.ended else self._path(path)
        if where is not None and self._hidden(where):
            raise FileNotFoundError(2, "hidden by the probe for look-ahead", where)
        return self._stat(path, *args, **options)

    @staticmethod
    def _path(file: Any) -> str | None:
        """Return the absolute path, None for a file descriptor or another object."""
        if isinstance(file, int):
            return None
        try:
            # Path.resolve would call os.stat, and so this class, again.
            return os.path.abspath(os.fsdecode(file))  # noqa: PTH100
        except TypeError:
            return None

    def _hidden(self, path: str) -> bool:
        """Whether to hide a path; also records it as looked for.

        Never recorded: code, folders, and the files of the system and of Python. The
        job's own files are recorded but not hidden.
        """
        if Path(path).suffix in CODE or path.startswith(self._seen):
            return False
        own = path.startswith(str(self._own))
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(self._stat(path).st_mode):
                return False
        self._read.add(path)
        return not own
