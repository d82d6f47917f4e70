"""Messages between a process that requests jobs and one that runs them."""

from __future__ import annotations

import os
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.isolation.shared_arrays import Packed

# The environment variable with the longest time of a job, in seconds.
LIMIT = "WHATIF_STRATEGY_SECONDS"
_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True)
class Task:
    """Jobs on one sleeve, or on one panel.

    Attributes
    ----------
    what
        Name of a function of `whatif_assets.engines.reference` that takes a sleeve, a
        strategy and a variant, or of `whatif_assets.engines.portfolio_reference` that
        takes a panel in place of the sleeve.
    strategy, base
        The strategy's name, and the folder that the name is relative to.
    sleeve, variants
        The bars, and the variants to run on them; each variant is a job.
    seconds
        Longest time of a job.
    sandboxed
        Whether files of earlier jobs are hidden from the jobs.
    """

    what: str
    strategy: str
    base: Path
    sleeve: Sleeve | Panel
    variants: tuple[Variant, ...]
    seconds: float
    sandboxed: bool = False

    def job(self, variant: Variant) -> str:
        """Return the name of one of the jobs for a message."""
        return (
            f"Strategy '{self.strategy}', symbol {self.sleeve.symbol}, variant "
            f"{variant.id}"
        )


@dataclass(frozen=True)
class Import:
    """A strategy's code to import, to find out whether the import succeeds.

    Attributes
    ----------
    strategy, base
        The strategy's name, and the folder that the name is relative to.
    seconds
        Longest time of the import.
    """

    strategy: str
    base: Path
    seconds: float


@dataclass(frozen=True)
class Call:
    """A call of a function without arguments.

    Attributes
    ----------
    what
        Name of the call for a message.
    function
        The pickled function. It is unpickled, and the modules it needs are imported, in
        the process that calls it.
    seconds
        Longest time of the call.
    libraries
        Modules that the process imports before, once for all calls.
    """

    what: str
    function: Packed
    seconds: float
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskResult:
    """Results of jobs.

    Attributes
    ----------
    results
        One result per job, in order, up to the first job that failed.
    failure
        Why that job failed; None if all jobs succeeded.
    printed
        The beginning of the output of the first job that printed something.
    """

    results: list[Any]
    failure: BadInput | None
    printed: str


def send(pipe: int, message: object) -> None:
    """Write a message, preceded by its length; raise OSError if the reader is gone."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    view = memoryview(_LENGTH.pack(len(content)) + content)
    while view:
        view = view[os.write(pipe, view) :]


def receive(pipe: int) -> Any:
    """Read a message; raise EOFError if the writer is gone before its end."""
    (length,) = _LENGTH.unpack(_read(pipe, _LENGTH.size))
    return pickle.loads(_read(pipe, length))  # noqa: S301 - between our own processes


def _read(pipe: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(pipe, min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
