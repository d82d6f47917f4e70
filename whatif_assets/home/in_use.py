"""Whether something writes the results of a home, in whatever process.

Writers share a lock of the home, and who removes results holds it alone. The system
releases the lock of a process that dies.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home

LOCK = ".in_use"


@contextlib.contextmanager
def writing(home: Home) -> Iterator[None]:
    """Write results of a home; wait while another process removes some."""
    with _locked(home, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def removing(home: Home) -> Iterator[None]:
    """Remove results of a home while nothing writes any.

    Raises
    ------
    BadInput
        A run is writing results.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_locked(home, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            raise BadInput(
                f"{home.path}: a run is writing results of this home, so nothing is "
                "removed. Wait until the run has ended, and ask again."
            ) from None
        yield


@contextlib.contextmanager
def _locked(home: Home, operation: int) -> Iterator[None]:
    with (home.path / LOCK).open("a") as file:
        fcntl.flock(file, operation)
        try:
            yield
        finally:  # a process that was forked meanwhile would keep it locked
            fcntl.flock(file, fcntl.LOCK_UN)
