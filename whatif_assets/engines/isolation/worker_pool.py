"""Jobs of Backtrader in other processes, where a strategy harms nothing but its job."""

from __future__ import annotations

import atexit
import os
import pickle
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
    Outcome,
    Task,
    receive,
    send,
)

SECONDS = 60.0
BARS = 3_000  # bars that may take as long again

Message = Task | Import | Call
Result = TypeVar("Result")

_WORKER = "whatif_assets.engines.processes.worker"
# A thread for each process of a library of linear algebra: there are enough of them.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
# Sets of texts have one order in every process, so that a run can be repeated.
_SAME_ORDER = {"PYTHONHASHSEED": "0"}
_SECONDS_TO_END = 2.0
_idle: list[_Worker] = []
_lock = threading.Lock()


class _Worker:
    """A process that works tasks, one after the other."""

    def __init__(self) -> None:
        path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, **_SAME_ORDER, "PYTHONPATH": path},
            # Ctrl-C is for the process that asks; it ends this one.
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self._replies = self._process.stdout.fileno()

    def work(self, task: Message) -> Outcome:
        """Work a task; EOFError or OSError where the process is gone."""
        send(self._requests, task)
        outcome: Outcome = receive(self._replies)
        return outcome

    def stop(self) -> None:
        """End the process, whatever it does; its job ends with it."""
        if self._process.stdin:
            self._process.stdin.close()  # the process sees that nobody asks any more
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def seconds_for(bars: int) -> float:
    """Time that a strategy may take on some bars: much more than any should need.

    The environment variable ``WHATIF_STRATEGY_SECONDS`` sets what the shortest sleeve
    has, and the import of a strategy (60 by default); each 3,000 bars add as much.

    Raises
    ------
    BadInput
        The variable is no number above 0.
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
    """Import a strategy's code in another process, where it harms nothing.

    Raises
    ------
    BadInput
        The import fails, ends its process, or takes too long.
    """
    only(Import(name, base, seconds_for(0)))


def worked(tasks: Sequence[Message], processes: int) -> Iterator[Outcome]:
    """Work tasks in some processes, and give their outcomes in the order of the tasks.

    Whoever stops listening ends what is being worked.
    """
    crew = _WorkerPool()
    threads = ThreadPoolExecutor(max_workers=processes)
    try:
        yield from threads.map(crew.work, tasks)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        crew.dismiss()


class _WorkerPool:
    """The processes that are at work for one caller."""

    def __init__(self) -> None:
        self._busy: set[_Worker] = set()
        self._dismissed = False

    def work(self, task: Message) -> Outcome:
        """Work one task in an idle process, or a new one where that has gone."""
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
        return Outcome([], _without_process(task), "")

    def dismiss(self) -> None:
        """End the processes that are still at work."""
        with _lock:
            self._dismissed = True
            left = list(self._busy)
        for worker in left:
            worker.stop()


def _without_process(task: Message) -> BadInput:
    what = task.what if isinstance(task, Call) else f"Strategy '{task.strategy}'"
    return BadInput(
        f"{what}: the process that was to run it ended. Run it again; if it ends "
        "again, look at the memory that is free."
    )


def _candidates() -> Iterator[_Worker]:
    """Idle processes, some of which may be gone, and then a new one."""
    while True:
        with _lock:
            worker = _idle.pop() if _idle else None
        if worker is None:
            break
        yield worker
    yield _Worker()


def in_new_process(what: str, function: Callable[[], Result], seconds: float) -> Result:
    """Call a function in a process in which it has not been called before.

    Parameters
    ----------
    what
        Names the call in a message.
    function
        The function, which can be pickled with all that it needs.
    seconds
        How long it may take.

    Raises
    ------
    BadInput
        The function raises, ends its process, or takes too long.
    """
    found: Result = only(Call(what, pickle.dumps(function), seconds))
    return found


def only(task: Message) -> Any:
    """Work one task of one job and give its result; BadInput where it failed."""
    (outcome,) = worked([task], 1)
    if outcome.failure:
        raise outcome.failure
    return outcome.results[0]


# A process that is forked from this one must not talk to the same workers.
os.register_at_fork(after_in_child=_idle.clear)


@atexit.register
def _stop_all() -> None:
    with _lock:
        workers = list(_idle)
        _idle.clear()
    for worker in workers:
        worker.stop()
