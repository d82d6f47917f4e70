"""Whether something writes the results of a home, in whatever process.

Writers share a lock of the home, and who removes results holds it alone. A partition
has one writer at a time: another run that needs it too waits, and then reuses it. The
system releases the locks of a process that dies.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.home.lake_owner import claim_lake

LOCK = ".in_use"
PARTITIONS = ".computing"
# Partitions share this many locks, so that a home has few files of them.
DIGITS = 2


@contextlib.contextmanager
def writing(home: Home) -> Iterator[None]:
    """Write results of a home; wait while another process removes some.

    Raises
    ------
    BadInput
        The lake at the home's URL belongs to another home.
    """
    with _locked(home.path / LOCK, fcntl.LOCK_SH):
        claim_lake(home)
        yield


@contextlib.contextmanager
def computing(
    home: Home, table: str, key: str, say: Callable[[str], None]
) -> Iterator[None]:
    """Compute a partition alone; wait while another run computes it.

    Whoever holds one partition must not ask for a second one.

    Parameters
    ----------
    home, table, key
        The partition; the key of an asset without partitions is empty.
    say
        Called with a sentence if there is another run to wait for.
    """
    folder = home.path / PARTITIONS
    folder.mkdir(exist_ok=True)
    path = folder / combined_hash([table, key])[:DIGITS]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            named = f"{table} of {key}" if key else table
            say(f"{named}: waiting until another run has computed it")
            stack.enter_context(_locked(path, fcntl.LOCK_EX))
        yield


@contextlib.contextmanager
def removing(home: Home) -> Iterator[None]:
    """Remove results of a home while nothing writes any.

    Raises
    ------
    BadInput
        A run is writing results, or the lake belongs to another home.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(
                _locked(home.path / LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
            )
        except BlockingIOError:
            raise BadInput(
                f"{home.path}: a run is writing results of this home, so nothing is "
                "removed. Wait until the run has ended, and ask again."
            ) from None
        claim_lake(home)
        yield


@contextlib.contextmanager
def _locked(path: Path, operation: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, operation)
        try:
            yield
        finally:  # a process that was forked meanwhile would keep it locked
            fcntl.flock(file, fcntl.LOCK_UN)
