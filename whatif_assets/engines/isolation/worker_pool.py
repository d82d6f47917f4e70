"""Run jobs in other processes, where a user's code can harm only its own job."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.isolation.messages import (
    LIMIT,
    Call,
    Import,
    Task,
    TaskResult,
    receive,
    send,
)
from whatif_assets.engines.isolation.shared_arrays import packed

SECONDS = 60.0
BARS = 3_000  # each further 3,000 bars may take SECONDS more

Message = Task | Import | Call
Result = TypeVar("Result")

_WORKER = "whatif_assets.engines.processes.worker"
# Libraries of linear algebra use one thread per process: there are enough processes.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
# Sets of strings have the same order in every process, so that runs can be repeated.
_SAME_ORDER = {"PYTHONHASHSEED": "0"}
_SECONDS_TO_END = 2.0
_idle: list[_Worker] = []
_lock = threading.Lock()


class _Worker:
    """A process that runs tasks, one after the other."""

    def __init__(self) -> None:
        path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, **_SAME_ORDER, "PYTHONPATH": path},
            # Ctrl-C must reach the parent process only, which then ends this one.
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self._replies = self._process.stdout.fileno()

    def work(self, task: Message) -> TaskResult:
        """Run a task; raise EOFError or OSError if the process is gone."""
        send(self._requests, task)
        outcome: TaskResult = receive(self._replies)
        return outcome

    def stop(self) -> None:
        """End the process and its job, by force if needed."""
        if self._process.stdin:
            self._process.stdin.close()  # tells the process to end
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def time_limit(bars: int) -> float:
    """Return the longest time, in seconds, that a strategy may take on some bars.

    It is much more than any strategy should need. The environment variable
    ``WHATIF_STRATEGY_SECONDS`` (60 by default) is the limit of an import and of a
    sleeve without bars; each 3,000 bars add the same time.

    Raises
    ------
    BadInput
        The variable is not a number above 0.
    """
    text = os.environ.get(LIMIT, str(SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadInput(
            f"{LIMIT}: found {text!r}; allowed is a number of seconds above 0, such as "
            f"{SECONDS:.0f}."
        )
    return seconds * (1 + bars / BARS)


def try_import(name: str, base: Path) -> None:
    """Import a strategy's code in another process, where it cannot harm this one.

    Raises
    ------
    BadInput
        The import fails, ends its process, or takes too long.
    """
    run_task(Import(name, base, time_limit(0)))


def run_tasks(tasks: Sequence[Message], processes: int) -> Iterator[TaskResult]:
    """Run tasks in several processes, and yield their outcomes in the order of tasks.

    Closing the iterator early ends the processes that are still running tasks.
    """
    pool = _WorkerPool()
    threads = ThreadPoolExecutor(max_workers=processes)
    try:
        yield from threads.map(pool.work, tasks)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        pool.dismiss()


class _WorkerPool:
    """The processes that run tasks for one caller."""

    def __init__(self) -> None:
        self._busy: set[_Worker] = set()
        self._dismissed = False

    def work(self, task: Message) -> TaskResult:
        """Run one task in an idle process that is alive, or else in a new one."""
        for worker in _candidates():
            with _lock:
                if self._dismissed:
                    _idle.append(worker)
                    break
                self._busy.add(worker)
            try:
                outcome = worker.work(task)
            except (EOFError, OSError):
                with _lock:
                    self._busy.discard(worker)
                worker.stop()
                continue
            with _lock:
                self._busy.discard(worker)
                _idle.append(worker)
            return outcome
        return TaskResult([], _without_process(task), "")

    def dismiss(self) -> None:
        """End the processes that are still running tasks."""
        with _lock:
            self._dismissed = True
            left = list(self._busy)
        for worker in left:
            worker.stop()


def _without_process(task: Message) -> BadInput:
    what = task.what if isinstance(task, Call) else f"Strategy '{task.strategy}'"
    return BadInput(
        f"{what}: its process ended before it could run. Run it again; if this happens "
        "again, check how much memory is free."
    )


def _candidates() -> Iterator[_Worker]:
    """Yield the idle processes, which may have ended meanwhile, then a new one."""
    while True:
        with _lock:
            worker = _idle.pop() if _idle else None
        if worker is None:
            break
        yield worker
    yield _Worker()


def in_new_process(
    what: str,
    function: Callable[[], Result],
    seconds: float,
    libraries: tuple[str, ...] = (),
) -> Result:
    """Call a function in a process in which it has not been called before.

    Parameters
    ----------
    what
        Name of the call for a message.
    function
        A function that can be pickled together with its arguments.
    seconds
        Longest time of the call.
    libraries
        Modules that the function needs; importing them is done once for all calls.

    Raises
    ------
    BadInput
        The function raises, ends its process, or takes too long.
    """
    with packed(function) as sent:
        found: Result = run_task(Call(what, sent, seconds, libraries))
    return found


def run_task(task: Message) -> Any:
    """Run a task with one job and return its result.

    Raises
    ------
    BadInput
        The job fails, ends its process, or takes too long.
    """
    (outcome,) = run_tasks([task], 1)
    if outcome.failure:
        raise outcome.failure
    return outcome.results[0]


# A fork of this process must not use the same workers.
os.register_at_fork(after_in_child=_idle.clear)


@atexit.register
def stop_idle_workers() -> None:
    """End the processes that wait for work; the next task begins a new one."""
    with _lock:
        workers = list(_idle)
        _idle.clear()
    for worker in workers:
        worker.stop()
