"""Drawing pictures in a second process, while the run continues.

Drawing a picture can take as long as the backtests that it shows, and only the record
that contains the picture has to wait for it.
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

# loky starts a fresh process (a fork of a process with a JVM may hang), and needs no
# guard in the caller's main module.
from joblib.externals.loky import ProcessPoolExecutor

_SECONDS_IDLE = 300.0
_SECONDS_BETWEEN_CHECKS = 1.0
_starting = threading.Lock()
_beside: ProcessPoolExecutor | None = None


class Picture:
    """A picture, drawn when it is needed or, after `draw_beside`, in a second process.

    Parameters
    ----------
    plot
        The function that draws it, defined at the top of a module, such as those of
        `whatif_assets.report.plots`.
    arguments
        Arguments of the function. They are copied to the second process, so they
        should be small.
    """

    def __init__(self, plot: Callable[..., bytes], *arguments: Any) -> None:
        self._plot, self._arguments = plot, arguments
        self._drawn: Future[bytes] | None = None
        if _beside is not None:
            with contextlib.suppress(BrokenExecutor):
                self._drawn = _beside.submit(plot, *arguments)

    def png(self) -> bytes:
        """Return the PNG bytes; wait for them if necessary."""
        if self._drawn is not None:
            # If the second process was killed, this process draws.
            with contextlib.suppress(BrokenExecutor):
                return self._drawn.result()
        return self._plot(*self._arguments)


def start_drawing_process() -> None:
    """Draw the pictures created from now on in a second process.

    Starting the process takes as long as drawing several pictures, so this is worth it
    only for many pictures.
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


def stop_drawing_process() -> None:
    """End the second process and free its memory; pictures not yet drawn are lost."""
    global _beside
    with _starting:
        if _beside is not None:
            _beside.shutdown(kill_workers=True)
        _beside = None


def _end_with(run: int) -> None:
    """Let this process end when the process of the run ends, however that happens.

    This process ignores interrupts, which the run handles. A run that is killed cannot
    end its children, so this process checks whether the run still exists.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_after, args=(run,), daemon=True).start()


def _exit_after(run: int) -> None:
    while os.getppid() == run:
        time.sleep(_SECONDS_BETWEEN_CHECKS)
    os._exit(0)
