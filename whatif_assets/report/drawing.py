"""Drawing pictures in a process beside the run, which goes on meanwhile.

A picture takes as long as some of the backtests that it shows, and nothing waits for
it but the record that it becomes a part of.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

# Starts afresh (a forked copy of a process that holds a JVM may hang) and needs no
# guard in the caller's main module.
from joblib.externals.loky import ProcessPoolExecutor

_SECONDS_IDLE = 300.0
_SECONDS_BETWEEN_LOOKS = 1.0
_starting = threading.Lock()
_beside: ProcessPoolExecutor | None = None


class Picture:
    """A picture, which is drawn once somebody wants it, or beside the run.

    Parameters
    ----------
    plot
        Draws it: a function of a module, such as those of
        `whatif_assets.report.plots`.
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
                max_workers=1,
                timeout=_SECONDS_IDLE,
                initializer=_end_with,
                initargs=(os.getpid(),),
            )


def end_drawing() -> None:
    """End the process that draws, and give its memory back; pictures left are lost."""
    global _beside
    with _starting:
        if _beside is not None:
            _beside.shutdown(kill_workers=True)
        _beside = None


def _end_with(run: int) -> None:
    """Let this process end with that of the run, however that one ends.

    An interrupt is for the run: this process says nothing. A run that was killed, or
    was a child of another process, tells its own children nothing: they look for it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_look_for, args=(run,), daemon=True).start()


def _look_for(run: int) -> None:
    while os.getppid() == run:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(0)
