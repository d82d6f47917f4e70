"""Progress of long work, for whoever listens: the terminal or nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[["Progress"], None]
_listeners: list[Listener] = []


@dataclass
class Progress:
    """How far a piece of work is.

    Attributes
    ----------
    what
        Name of the work, such as ``features``.
    total, done
        Units of work.
    detail
        What is being worked on.
    """

    what: str
    total: int
    done: int = 0
    detail: str = ""
    started: float = field(default_factory=time.monotonic)

    def advance(self, detail: str = "") -> None:
        """Note one more unit done and tell the listeners."""
        self.done += 1
        self.detail = detail
        self.tell()

    def move(self, done: int, total: int) -> None:
        """Note how many units of how many are done, and tell the listeners."""
        self.done, self.total = done, total
        self.tell()

    def tell(self) -> None:
        """Tell the listeners how far the work is."""
        for listener in _listeners:
            listener(self)

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the pace so far; None before the first unit is done."""
        if not self.done:
            return None
        pace = (time.monotonic() - self.started) / self.done
        return pace * (self.total - self.done)

    def __str__(self) -> str:
        left = self.seconds_left
        estimate = "" if not left else f", about {left:.0f} s left"
        return f"{self.what}: {self.done} of {self.total}{estimate}"


def listen(listener: Listener) -> Callable[[], None]:
    """Register a listener; the returned function takes it away again."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
