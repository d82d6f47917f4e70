"""A process that runs jobs of Backtrader for another, each in a fork of its own.

A user's strategy may end its process, hang, or keep something from one run to the next.
In a fork it costs its own job alone, and starts from scratch each time: this process
imports the libraries that strategies use, and never a strategy.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import io
import os
import pickle
import random
import re
import select
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import numpy as np

from whatif_assets.core.backtesting import reference_engine
from whatif_assets.core.backtesting.job import Variant
from whatif_assets.core.backtesting.messages import (
    LIMIT,
    Outcome,
    Task,
    receive,
    send,
)
from whatif_assets.core.errors import BadInput
from whatif_assets.core.strategies import find_strategy
from whatif_assets.core.strategies.own import libraries_of

IDLE_SECONDS = 60.0
PRINTED = 4_000  # characters that are kept of what a job prints
_DUMP_SECONDS = 2.0
_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
_ASK_WHERE = signal.SIGUSR1


def main() -> None:
    """Work tasks until there is none for a while, or nobody to send one."""
    # Messages take standard input and output, away from what strategies do with them.
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    gc.freeze()
    while select.select([requests], [], [], IDLE_SECONDS)[0]:
        try:
            task = receive(requests)
            send(replies, work(task, requests))
        except (EOFError, BrokenPipeError):
            return


def work(task: Task, requests: int) -> Outcome:
    """Run the jobs of a task one after the other, up to the first that fails.

    Parameters
    ----------
    requests
        The pipe from which the task came: once it is closed nobody waits for it.
    """
    for library in libraries_of(task.strategy, task.base):
        # Once for all jobs; what cannot be imported fails where it is used.
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(library)
    results: list[Any] = []
    told = ""
    for variant in task.variants:
        result, printed = _in_a_fork(task, variant, requests)
        told = told or printed
        if isinstance(result, BadInput):
            return Outcome(results, result, told)
        results.append(result)
    return Outcome(results, None, told)


def _in_a_fork(task: Task, variant: Variant, requests: int) -> tuple[Any, str]:
    """Run a job in a process of its own; its result, or why there is none."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as dump:
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _run(task, variant, writing, dump)
        os.close(writing)
        try:
            return _awaited(task, variant, pid, (reading, requests), dump)
        finally:
            os.close(reading)


def _run(task: Task, variant: Variant, writing: int, dump: IO[bytes]) -> None:
    """Run a job in this process, send what it gave, and end the process."""
    leave, this = os._exit, os.getpid()

    def told(status: int = 0) -> None:
        """End with a message of the line; processes that it starts just end."""
        sys.exit(status) if os.getpid() == this else leave(status)

    os._exit = told  # type: ignore[assignment]
    faulthandler.enable(dump)
    faulthandler.register(_ASK_WHERE, dump, all_threads=False)
    random.seed()
    np.random.seed()  # noqa: NPY002 - strategies draw from it
    sys.stdout = sys.stderr = printed = _Beginning()
    result: Any
    try:
        kind = find_strategy(task.strategy, task.base)
        sys.path.insert(0, str(kind.folder))
        result = getattr(reference_engine, task.what)(task.sleeve, kind, variant)
    except BadInput as error:
        result = error
    except BaseException as error:
        result = BadInput(f"{task.job(variant)}: {type(error).__name__}: {error}")
    try:
        send(writing, (result, printed.text))
    finally:
        leave(0)


class _Beginning(io.TextIOBase):
    """Keeps the beginning of what is written, however much it is."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Keep as much as there is room for."""
        if len(self.text) < PRINTED:
            self.text += text[: PRINTED - len(self.text)]
            if len(self.text) == PRINTED:
                self.text += "\n... (the rest of what it printed is left out)\n"
        return len(text)


def _awaited(
    task: Task, variant: Variant, pid: int, pipes: tuple[int, int], dump: IO[bytes]
) -> tuple[Any, str]:
    """Wait for a job's result, for its end, or for its time to be over."""
    reading, requests = pipes
    deadline = time.monotonic() + task.seconds
    parts: list[bytes] = []
    ended = False
    while not ended:
        left = max(deadline - time.monotonic(), 0.0)
        ready = select.select([reading, requests], [], [], left)[0]
        if reading in ready:
            part = os.read(reading, 1 << 20)
            parts.append(part)
            ended = not part
        elif requests in ready:  # nothing is sent while a task is worked
            _kill(pid)
            raise EOFError
        else:
            where = _asked_where(pid, dump, task)
            _kill(pid)
            return _too_long(task, variant, where), ""
    _, status = os.waitpid(pid, 0)
    try:
        result, printed = _received(b"".join(parts))
    except EOFError:
        return _died(task, variant, status, _where(dump, task)), ""
    return result, str(printed)


def _received(content: bytes) -> Any:
    """Read the one message that a job has written."""
    if len(content) <= 8:
        raise EOFError
    return pickle.loads(content[8:])  # noqa: S301 - from our own fork


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _too_long(task: Task, variant: Variant, where: str) -> BadInput:
    return BadInput(
        f"{task.job(variant)}: it is still running after {task.seconds:.0f} s, for "
        f"{len(task.sleeve)} bars{where}. Look for a loop that never ends; if it needs "
        f"more time, set the environment variable {LIMIT} higher."
    )


def _died(task: Task, variant: Variant, status: int, where: str) -> BadInput:
    code = os.waitstatus_to_exitcode(status)
    how = (
        f"was ended by the signal {signal.Signals(-code).name}"
        if code < 0
        else f"ended with exit status {code}"
    )
    return BadInput(
        f"{task.job(variant)}: its process {how} before there was a result{where}. "
        "Look for what ends a process there, such as a fault in a compiled library or "
        "too little memory."
    )


def _asked_where(pid: int, dump: IO[bytes], task: Task) -> str:
    """Ask a process that goes on which line it is at."""
    os.kill(pid, _ASK_WHERE)
    until = time.monotonic() + _DUMP_SECONDS
    while not (where := _where(dump, task)) and time.monotonic() < until:
        time.sleep(0.05)
    return where


def _where(dump: IO[bytes], task: Task) -> str:
    """Say at which line of the user's a process was, if it could tell."""
    dump.seek(0)
    frames = _FRAME.findall(dump.read().decode("utf-8", "replace"))
    folder = str(Path(task.base).resolve())
    mine = [
        frame for frame in frames if str(Path(frame[0]).resolve()).startswith(folder)
    ]
    for file, line, function in (mine or frames)[:1]:
        return f", at {file}:{line} in {function}"
    return ""


if __name__ == "__main__":
    main()
