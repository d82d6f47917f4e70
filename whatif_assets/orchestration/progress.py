"""Progress of long work, reported to listeners such as the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[["Progress"], None]
_listeners: list[Listener] = []


@dataclass
class Progress:
    """Progress of a piece of work.

    Attributes
    ----------
    what
        Name of the work, such as ``features``.
    total, done
        Units of work in all, and units that are finished.
    detail
        The unit that was finished last, such as a partition key.
    started
        Start of the work, in seconds of the monotonic clock.
    """

    what: str
    total: int
    done: int = 0
    detail: str = ""
    started: float = field(default_factory=time.monotonic)

    def advance(self, detail: str = "") -> None:
        """Count one more finished unit, and notify the listeners."""
        self.done += 1
        self.detail = detail
        self.notify()

    def move(self, done: int, total: int) -> None:
        """Set the finished units and the total, and notify the listeners."""
        self.done, self.total = done, total
        self.notify()

    def notify(self) -> None:
        """Pass this progress to all listeners."""
        for listener in _listeners:
            listener(self)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds left at the pace so far; None before the first unit."""
        if not self.done:
            return None
        pace = (time.monotonic() - self.started) / self.done
        return pace * (self.total - self.done)

    def __str__(self) -> str:
        left = self.seconds_left
        estimate = "" if not left else f", about {left:.0f} s left"
        return f"{self.what}: {self.done} of {self.total}{estimate}"


def listen(listener: Listener) -> Callable[[], None]:
    """Register a listener; the returned function removes it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
