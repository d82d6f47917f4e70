"""States of a home's parts: fresh, stale or missing, and why."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from whatif_assets.home.home import Home

Part = tuple[str, str]  # a table, and the key of one of its partitions


class Status(enum.Enum):
    """How a partition compares with what a run would produce now."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True)
class State:
    """Whether a partition is fresh, and if not, why.

    Attributes
    ----------
    status
        Fresh, stale or missing.
    because
        Why it is not fresh, such as ``settings changed``; empty if it is fresh.
    upstream
        The partition that has to be computed first, as table and key; None if this
        one can be computed now.
    """

    status: Status
    because: str = ""
    upstream: Part | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the partition need not be computed again."""
        return self.status is Status.FRESH

    def __str__(self) -> str:
        """Describe the state in words: ``stale: settings changed``."""
        return f"{self.status.value}: {self.because}" if self.because else "fresh"


FRESH = State(Status.FRESH)


class Judge(Protocol):
    """Decides which partitions of a home are fresh."""

    home: Home

    def of(self, table: str, key: str) -> State:
        """Return whether a partition is fresh, stale or missing, and why."""
        ...
