"""Ending on Ctrl-C or SIGTERM: one message, no process left, the usual exit status.

An exception is not enough: a library that is interrupted during its import may swallow
the exception or raise another one, and a long call into C code sees it only when the
call ends. So a thread watches for signals as well.

Outside :func:`cleaning_up` the process ends immediately, because nothing can be lost.
Inside, the first signal raises KeyboardInterrupt, so that the work can record that it
was interrupted. A second signal ends the process immediately; so does work that is
still running `SECONDS_TO_CLEAN_UP` later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

WORDS = {signal.SIGINT: "Interrupted.", signal.SIGTERM: "Terminated."}
KEPT = "What was finished is kept; the same command continues from there."
SECONDS_TO_CLEAN_UP = 10.0
SECONDS_TO_TERMINATE = 2.0
SECONDS_TO_REPEAT = 0.1
STDERR = 2
SHOW_CURSOR = "\x1b[?25h"


class _State:
    """The signal received, and how far the process is in ending."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.cleans_up = False
        self.worked = False
        self.is_printed = False
        self.repeated = 0
        self.printing = threading.Lock()


_state = _State()


def watch_for_signals() -> None:
    """Watch for Ctrl-C and SIGTERM from now on.

    Call it once, in the main thread, before slow imports. A signal that is already
    ignored, as under ``nohup``, stays ignored.
    """
    sys.unraisablehook = _repeat_if_swallowed
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in WORDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise_inside_work)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()


@contextlib.contextmanager
def cleaning_up() -> Iterator[None]:
    """Let the first signal raise KeyboardInterrupt instead of ending the process.

    Raises
    ------
    KeyboardInterrupt
        Also at the end of the block, if the block swallowed the first one.
    """
    _state.cleans_up = _state.worked = True
    try:
        yield
    finally:
        _state.cleans_up = False
    if _state.received:
        raise KeyboardInterrupt


def interrupted() -> int:
    """Print that the work was interrupted, and end the processes that it started.

    Returns
    -------
    int
        The exit status: 128 plus the number of the signal.
    """
    number = _state.received or signal.SIGINT
    _print_once(number)
    end_children()
    return 128 + number


def end_children() -> None:
    """Terminate all descendants of this process; kill those that do not end in time."""
    children = _descendants(os.getpid())
    _send(signal.SIGTERM, children)
    until = time.monotonic() + SECONDS_TO_TERMINATE
    while time.monotonic() < until and not children.isdisjoint(_parents()):
        time.sleep(0.02)
    _send(signal.SIGKILL, children)


def _send(number: signal.Signals, processes: set[int]) -> None:
    for process in processes:
        with contextlib.suppress(OSError):
            os.kill(process, number)


def _raise_inside_work(number: int, frame: FrameType | None) -> None:
    if _state.cleans_up:
        _state.received = _state.received or signal.Signals(number)
        raise KeyboardInterrupt


def _repeat_if_swallowed(unraisable: sys.UnraisableHookArgs) -> None:
    """Send the signal once more if Python dropped the exception that it raised.

    Python drops exceptions in finalizers and in callbacks of the garbage collector.
    While Dagster runs, the exception is Dagster's own, not KeyboardInterrupt.
    """
    interrupts = not issubclass(unraisable.exc_type, Exception)
    if interrupts and _state.received:
        timer = threading.Timer(SECONDS_TO_REPEAT, _repeat, [_state.received])
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(unraisable)


def _repeat(number: signal.Signals) -> None:
    _state.repeated += 1
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def _watch(pipe: int) -> None:
    # The handler in the main thread may run before this thread, or not at all while a
    # library has replaced it.
    noticed = False
    while received := os.read(pipe, 1):
        if _state.repeated:
            _state.repeated -= 1
        elif received[0] in list(WORDS):
            number = signal.Signals(received[0])
            if noticed or not (_state.cleans_up or _state.received):
                _end(number)
            noticed, _state.received = True, _state.received or number
            late = threading.Timer(SECONDS_TO_CLEAN_UP, _end, [number])
            late.daemon = True
            late.start()


def _end(number: signal.Signals) -> None:
    _print_once(number)
    end_children()
    os._exit(128 + number)


def _print_once(number: signal.Signals) -> None:
    """Print the message, unless another thread has printed it."""
    with _state.printing:
        if not _state.is_printed:
            # An interrupted progress display leaves the cursor hidden.
            cursor = SHOW_CURSOR if os.isatty(STDERR) else ""
            kept = f" {KEPT}" if _state.worked else ""
            with contextlib.suppress(OSError):
                os.write(STDERR, f"{cursor}{WORDS[number]}{kept}\n".encode())
        _state.is_printed = True


def _descendants(ancestor: int) -> set[int]:
    parents = _parents()
    found: set[int] = set()
    wave = {ancestor}
    while wave:
        wave = {child for child, parent in parents.items() if parent in wave} - found
        found |= wave
    return found


def _parents() -> dict[int, int]:
    """Return the parent of every running process, by process id."""
    if Path("/proc/self/stat").exists():
        return dict(_parents_in_proc())
    listed = ["/bin/ps", "-A", "-o", "pid=,ppid=,stat="]
    lines = subprocess.run(listed, capture_output=True, text=True, check=False).stdout  # noqa: S603
    rows = (line.split() for line in lines.splitlines())
    return {int(pid): int(parent) for pid, parent, state in rows if state[0] != "Z"}


def _parents_in_proc() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The program's name, in parentheses, may contain any character.
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                yield int(path.parent.name), int(parent)
