"""The worker: a process that runs jobs of Backtrader for another, each in a new fork.

A user's strategy may end its process, hang, or keep values from one run to the next. In
a fork it can harm only its own job, and it starts from scratch each time: the worker
imports the libraries that strategies use, but never a strategy.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
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
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines import portfolio_reference
from whatif_assets.engines import reference as reference_engine
from whatif_assets.engines.isolation.messages import (
    LIMIT,
    Call,
    Import,
    Task,
    TaskResult,
    receive,
    send,
)
from whatif_assets.engines.isolation.sandbox import run_sandboxed
from whatif_assets.engines.isolation.shared_arrays import unpacked
from whatif_assets.engines.own_strategies import libraries_of
from whatif_assets.engines.strategies import find_strategy

IDLE_SECONDS = 60.0
PRINTED = 4_000  # longest output of a job that is kept, in characters
_DUMP_SECONDS = 2.0
_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
_ASK_WHERE = signal.SIGUSR1


def main() -> None:
    """Run tasks until none arrives for a minute, or the parent process is gone."""
    # Messages use the original standard input and output. Strategies get others.
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


@dataclass(frozen=True)
class _Job:
    """The work of one fork.

    Attributes
    ----------
    name
        Name of the job for a message.
    call
        Does the work and returns its result.
    base
        The folder of the user's code.
    seconds
        Longest time of the job.
    extent
        The amount of work, for a message.
    """

    name: str
    call: Callable[[], Any]
    base: Path
    seconds: float
    extent: str = ""


def work(task: Task | Import | Call, requests: int) -> TaskResult:
    """Run the jobs of a task one after the other, up to the first that fails.

    Parameters
    ----------
    requests
        The pipe from which the task came. If it is closed, the parent process no longer
        waits for the result.

    Raises
    ------
    EOFError
        ``requests`` was closed during a job.
    """
    libraries: Iterable[str]
    if isinstance(task, Call):
        libraries = task.libraries
    else:
        libraries = libraries_of(task.strategy, task.base)
    for library in libraries:
        # Once for all jobs. A failed import is reported by the job that needs it.
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(library)
    results: list[Any] = []
    first_printed = ""
    for job in _jobs(task):
        result, printed = _in_a_fork(job, requests)
        first_printed = first_printed or printed
        if isinstance(result, BadInput):
            return TaskResult(results, result, first_printed)
        results.append(result)
    return TaskResult(results, None, first_printed)


def _jobs(task: Task | Import | Call) -> list[_Job]:
    if isinstance(task, Call):
        return [_Job(task.what, lambda: _call(task), Path.cwd(), task.seconds)]
    if isinstance(task, Import):
        name = f"Strategy '{task.strategy}', import of its code"
        return [_Job(name, lambda: _import(task), task.base, task.seconds)]
    extent = f", for {len(task.sleeve)} bars"
    return [
        _Job(
            task.job(variant),
            functools.partial(_run, task, variant),
            task.base,
            task.seconds,
            extent,
        )
        for variant in task.variants
    ]


def _call(task: Call) -> Any:
    return unpacked(task.function)()


def _import(task: Import) -> None:
    find_strategy(task.strategy, task.base, tried=True)


def _run(task: Task, variant: Variant) -> Any:
    kind = find_strategy(task.strategy, task.base, tried=True)
    sys.path.insert(0, str(kind.folder.absolute()))
    module = portfolio_reference if isinstance(task.sleeve, Panel) else reference_engine
    work = functools.partial(getattr(module, task.what), task.sleeve, kind, variant)
    if not task.sandboxed:
        return work()
    found = run_sandboxed(work)
    if found.error is not None:
        raise found.error
    return replace(found.result, files=found.files)


def _in_a_fork(job: _Job, requests: int) -> tuple[Any, str]:
    """Run a job in a fork; return its result, or the error, and what it printed."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as dump:
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _send_result(job, writing, dump)
        os.close(writing)
        try:
            return _wait_for(job, pid, (reading, requests), dump)
        finally:
            os.close(reading)


def _send_result(job: _Job, writing: int, dump: IO[bytes]) -> None:
    """Run a job in this process, send its result, and end the process."""
    leave, this = os._exit, os.getpid()

    def _exit(status: int = 0) -> None:
        """Raise SystemExit, so that the line is reported; child processes just end."""
        sys.exit(status) if os.getpid() == this else leave(status)

    os._exit = _exit  # type: ignore[assignment]
    faulthandler.enable(dump)
    faulthandler.register(_ASK_WHERE, dump, all_threads=False)
    random.seed()
    np.random.seed()  # noqa: NPY002 - strategies draw from it
    sys.stdout = sys.stderr = printed = _Beginning()
    result: Any
    try:
        result = job.call()
    except BadInput as error:
        result = error
    except BaseException as error:
        result = BadInput(f"{job.name}: {type(error).__name__}: {error}")
    try:
        send(writing, (result, printed.text))
    finally:
        leave(0)


class _Beginning(io.TextIOBase):
    """A text file that keeps only the beginning of what is written."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        """Return True: the file can be written to."""
        return True

    def write(self, text: str) -> int:
        """Keep the text up to the limit; return its length."""
        if len(self.text) < PRINTED:
            self.text += text[: PRINTED - len(self.text)]
            if len(self.text) == PRINTED:
                self.text += "\n... (the rest of the output is left out)\n"
        return len(text)


def _wait_for(
    job: _Job, pid: int, pipes: tuple[int, int], dump: IO[bytes]
) -> tuple[Any, str]:
    """Wait until a job has sent its result, has ended, or is out of time."""
    reading, requests = pipes
    deadline = time.monotonic() + job.seconds
    parts: list[bytes] = []
    ended = False
    while not ended:
        left = max(deadline - time.monotonic(), 0.0)
        ready = select.select([reading, requests], [], [], left)[0]
        if reading in ready:
            part = os.read(reading, 1 << 20)
            parts.append(part)
            ended = not part
        elif requests in ready:  # closed: nothing is sent while a task is running
            _kill(pid)
            raise EOFError
        else:
            where = _request_line(pid, dump, job)
            _kill(pid)
            return _too_long(job, where), ""
    _, status = os.waitpid(pid, 0)
    try:
        result, printed = _received(b"".join(parts))
    except EOFError:
        return _died(job, status, _where(dump, job)), ""
    return result, str(printed)


def _received(content: bytes) -> Any:
    """Return the one message that a job has written, without its length."""
    if len(content) <= 8:
        raise EOFError
    return pickle.loads(content[8:])  # noqa: S301 - from our own fork


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _too_long(job: _Job, where: str) -> BadInput:
    return BadInput(
        f"{job.name}: it is still running after {job.seconds:.0f} s{job.extent}"
        f"{where}. Look for a loop that never ends; if it needs more time, increase "
        f"the environment variable {LIMIT}."
    )


def _died(job: _Job, status: int, where: str) -> BadInput:
    code = os.waitstatus_to_exitcode(status)
    how = (
        f"was ended by the signal {signal.Signals(-code).name}"
        if code < 0
        else f"ended with exit status {code}"
    )
    return BadInput(
        f"{job.name}: its process {how} before it returned a result{where}. Look there "
        "for code that ends a process, such as a fault in a compiled library or too "
        "little memory."
    )


def _request_line(pid: int, dump: IO[bytes], job: _Job) -> str:
    """Let a running process write its traceback; return its line in the user's code."""
    os.kill(pid, _ASK_WHERE)
    until = time.monotonic() + _DUMP_SECONDS
    while not (where := _where(dump, job)) and time.monotonic() < until:
        time.sleep(0.05)
    return where


def _where(dump: IO[bytes], job: _Job) -> str:
    """Return the line of the user's code in a dumped traceback, or an empty text."""
    dump.seek(0)
    frames = _FRAME.findall(dump.read().decode("utf-8", "replace"))
    folder = str(job.base.resolve())
    own = [f for f in frames if str(Path(f[0]).resolve()).startswith(folder)]
    for file, line, function in (own or frames)[:1]:
        return f", at {file}:{line} in {function}"
    return ""


if __name__ == "__main__":
    main()
