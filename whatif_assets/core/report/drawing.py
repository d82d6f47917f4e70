"""Drawing pictures in a process beside the run, which goes on meanwhile.

A picture takes as long as some of the backtests that it shows, and nothing waits for
it but the record that it becomes a part of.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

# Starts afresh (a forked copy of a process that holds a JVM may hang) and needs no
# guard in the caller's main module.
from joblib.externals.loky import ProcessPoolExecutor

_SECONDS_IDLE = 300.0
_starting = threading.Lock()
_beside: ProcessPoolExecutor | None = None


class Picture:
    """A picture, which is drawn once somebody wants it, or beside the run.

    Parameters
    ----------
    plot
        Draws it: a function of a module, such as those of
        `whatif_assets.core.report.plots`.
    arguments
        What it is given; a process beside has them copied, so they are small.
    """

    def __init__(self, plot: Callable[..., bytes], *arguments: Any) -> None:
        self._plot, self._arguments = plot, arguments
        self._drawn: Future[bytes] | None = None
        if _beside is not None:
            with contextlib.suppress(BrokenExecutor):
                self._drawn = _beside.submit(plot, *arguments)

    def png(self) -> bytes:
        """Its PNG bytes, for which this waits."""
        if self._drawn is not None:
            # Where the process was killed, it is drawn here.
            with contextlib.suppress(BrokenExecutor):
                return self._drawn.result()
        return self._plot(*self._arguments)


def draw_beside() -> None:
    """Draw the pictures to come in a process of their own.

    Its start takes as long as several pictures: it is for who draws many.
    """
    global _beside
    with _starting:
        if _beside is None:
            _beside = ProcessPoolExecutor(
                max_workers=1, timeout=_SECONDS_IDLE, initializer=_leave_interrupts
            )


def _leave_interrupts() -> None:
    """An interrupt is for the run: this process ends with it, and says nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
