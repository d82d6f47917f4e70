"""What a process that runs jobs and the one that asks for them say to each other."""

from __future__ import annotations

import os
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput

# The environment variable that says how long a job may take.
LIMIT = "WHATIF_STRATEGY_SECONDS"
_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True)
class Task:
    """Jobs on one sleeve.

    Attributes
    ----------
    what
        Name of a function of `whatif_assets.engines.reference` that
        takes a sleeve, a strategy and a variant.
    strategy, base
        The strategy's name, and the folder that it refers to.
    sleeve, variants
        The bars, and what to run on them.
    seconds
        How long a job may take.
    sandboxed
        Whether jobs see none of the files that others, or they themselves, left
        behind.
    """

    what: str
    strategy: str
    base: Path
    sleeve: Sleeve
    variants: tuple[Variant, ...]
    seconds: float
    sandboxed: bool = False

    def job(self, variant: Variant) -> str:
        """Name one of the jobs for a message."""
        return (
            f"Strategy '{self.strategy}', symbol {self.sleeve.symbol}, variant "
            f"{variant.id}"
        )


@dataclass(frozen=True)
class Import:
    """A strategy's code to import, to find out whether that ends well.

    Attributes
    ----------
    strategy, base
        The strategy's name, and the folder that it refers to.
    seconds
        How long the import may take.
    """

    strategy: str
    base: Path
    seconds: float


@dataclass(frozen=True)
class Call:
    """A call of a function that takes nothing.

    Attributes
    ----------
    what
        Names it in a message.
    content
        The function, pickled: it is unpickled, and what it needs imported, in the
        process that calls it.
    seconds
        How long it may take.
    """

    what: str
    content: bytes
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What jobs gave.

    Attributes
    ----------
    results
        One per job, in their order, up to the first that failed.
    failure
        Why that one failed; None where all succeeded.
    printed
        The beginning of what the first job printed.
    """

    results: list[Any]
    failure: BadInput | None
    printed: str


def send(pipe: int, message: object) -> None:
    """Write a message with its length before it; OSError where nobody reads."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    view = memoryview(_LENGTH.pack(len(content)) + content)
    while view:
        view = view[os.write(pipe, view) :]


def receive(pipe: int) -> Any:
    """Read a message; EOFError where nobody is left to write a whole one."""
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
