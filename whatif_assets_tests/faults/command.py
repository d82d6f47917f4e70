"""The command ``whatif`` in processes that are started quickly, and told on.

Each process is forked from one that has imported the package, so that the time goes
into the work that is disturbed. What it writes is announced to the test.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest import mock

from whatif_assets.orchestration.interruption import _descendants

PRELOADED = (
    "whatif_assets.command_line.studies",
    "whatif_assets.orchestration.runs",
    "whatif_assets_tests.faults.command",
    "whatif_assets_tests.undrawn",
)
LONGEST = 300.0  # seconds of a run
SECONDS_TO_END = 20.0  # of the processes that a run has started
Arrangement = Callable[[], None]


def undisturbed() -> None:
    """Arrange nothing in a process that runs the command."""


@dataclass
class Command:
    """A command in a process of its own.

    Attributes
    ----------
    process
        The process.
    output
        File with all that it prints.
    """

    process: BaseProcess
    output: Path
    _steps: Connection
    _announced: list[str] = field(default_factory=list)
    _started: set[int] = field(default_factory=set)

    @property
    def said(self) -> str:
        """All that the command has printed so far."""
        return self.output.read_text(errors="replace")

    def reaches(self, step: str) -> bool:
        """Wait until the command begins a step; False if it ends before."""
        with contextlib.suppress(EOFError):
            while step not in self._announced and self._steps.poll(LONGEST):
                self._announced.append(self._steps.recv())
        return step in self._announced

    def steps(self) -> list[tuple[str, float]]:
        """Wait for the end; each step that was begun, in order, and its seconds."""
        began: list[tuple[str, float]] = []
        with contextlib.suppress(EOFError):
            while self._steps.poll(LONGEST):
                began.append((self._steps.recv(), time.monotonic()))
        ends = [at for _, at in began[1:]] + [time.monotonic()]
        return [(step, end - at) for (step, at), end in zip(began, ends)]

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the command has ended."""
        if self.process.pid and self.process.is_alive():
            self._started = _descendants(self.process.pid)
            os.kill(self.process.pid, number)

    def ends(self) -> int:
        """Wait for the end of the command and its processes; return its status.

        The status is the negative number of a signal that ended it.
        """
        self.process.join(LONGEST)
        status = self.process.exitcode
        if status is None:
            self.process.kill()
            raise AssertionError(f"the command has not ended: {self.said}")
        until = time.monotonic() + SECONDS_TO_END
        while left := {one for one in self._started if _lives(one)}:
            assert time.monotonic() < until, f"processes are left: {left}"
            time.sleep(0.05)
        return status


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def start(
    output: Path, *arguments: str | Path, arrange: Arrangement = undisturbed
) -> Command:
    """Start ``whatif`` with arguments.

    Parameters
    ----------
    output
        File for all that it prints.
    arguments
        Of the command line.
    arrange
        Called in the process before the command; it makes the conditions worse.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    steps, announced = context.Pipe(duplex=False)
    given = [str(argument) for argument in arguments]
    process = context.Process(target=_run, args=(output, given, announced, arrange))
    process.start()
    announced.close()
    return Command(process, output, steps)


def _run(
    output: Path, arguments: list[str], announced: Connection, arrange: Arrangement
) -> None:
    """Run the command as the shell would start it."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = ["whatif", *arguments]
    from whatif_assets.__main__ import main
    from whatif_assets_tests.undrawn import no_pictures

    arrange()
    with no_pictures(), _announcing(announced):
        main()


@contextlib.contextmanager
def _announcing(announced: Connection) -> Iterator[None]:
    """Announce each step when it first begins or writes a table."""
    from whatif_assets.home.files import LocalFiles
    from whatif_assets.orchestration.progress import listen
    from whatif_assets.report import database

    write, build, known = LocalFiles.write, database._build, set()

    def announce(step: str) -> None:
        if step not in known:
            known.add(step)
            announced.send(step)

    def writing(files: LocalFiles, name: str, content: bytes) -> None:
        announce(name.partition("/")[0])
        write(files, name, content)

    def building(*arguments: object) -> None:
        announce("database")
        build(*arguments)

    stop = listen(lambda progress: announce(progress.what))
    with (
        mock.patch.object(LocalFiles, "write", writing),
        mock.patch.object(database, "_build", building),
    ):
        yield
    stop()
