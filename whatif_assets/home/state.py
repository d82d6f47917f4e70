"""States of a home's parts: fresh, stale or missing, and why."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from whatif_assets.home.home import Home

Part = tuple[str, str]  # a table, and the key of one of its partitions


class Status(enum.Enum):
    """How a part of a home is beside what it would be if it were made now."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True)
class State:
    """Whether a part of a home is fresh, and if not, why.

    Attributes
    ----------
    status
        Fresh, stale or missing.
    because
        Why it is not fresh, such as ``settings changed``; empty where it is fresh.
    upstream
        The part that has to be made first, as table and key; None where nothing
        keeps this one from being made now.
    """

    status: Status
    because: str = ""
    upstream: Part | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has to be made again."""
        return self.status is Status.FRESH

    def __str__(self) -> str:
        """Say it in words: ``stale: settings changed``."""
        return f"{self.status.value}: {self.because}" if self.because else "fresh"


FRESH = State(Status.FRESH)


class Judge(Protocol):
    """Knows a home, and what of it is fresh."""

    home: Home

    def of(self, table: str, key: str) -> State:
        """Say whether a partition is fresh, stale or missing."""
        ...
