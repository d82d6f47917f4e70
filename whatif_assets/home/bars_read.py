"""Which bars the features of a session were computed from, as a few hashes.

The features of a session may warm up on hundreds of earlier sessions. If a manifest
listed each of them, the manifests of a long history would be larger than its bars. So
the latest sessions are listed one by one, and earlier sessions by month.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from whatif_assets.domain.base.hashing import combined_hash

BARS_OF = "bars of "  # prefix of the name of a part; a session or a range follows
TO = " to "
LATEST_SESSIONS = 40  # at least this many of the latest sessions are listed one by one


def parts_of(days: Sequence[date]) -> list[str]:
    """Name the bars of sessions in parts, each of one session or of one month.

    Parameters
    ----------
    days
        Consecutive sessions, oldest first.

    Returns
    -------
    list of str
        Such as ``bars of 2018-01-16 to 2018-01-31`` and ``bars of 2018-03-01``. The
        part of a month ends on the month's last day, so it covers all its sessions.
    """
    latest = days[-LATEST_SESSIONS:][0]
    singly = bisect_left(days, latest.replace(day=1))
    parts, done = [], 0
    while done < singly:
        first = days[done]
        last = first.replace(day=monthrange(first.year, first.month)[1])
        parts.append(f"{BARS_OF}{max(days[0], first.replace(day=1))}{TO}{last}")
        done = bisect_right(days, last, done)
    return parts + [f"{BARS_OF}{day}" for day in days[singly:]]


def parts_among(names: Iterable[str]) -> list[str]:
    """Select the names that are parts as in `parts_of`, oldest first."""
    return sorted(name for name in names if name.startswith(BARS_OF))


def first_day(part: str) -> str:
    """Return the first day of a part, as ISO 8601."""
    return part.removeprefix(BARS_OF).partition(TO)[0]


def version_of(
    part: str, sessions: Sequence[date], version: Callable[[date], str]
) -> str:
    """Compute the version of the bars of a part.

    Parameters
    ----------
    part
        A name from `parts_of`.
    sessions
        All sessions of the market, oldest first.
    version
        Returns the data version of a session's bars; empty if there are none.
    """
    first, _, last = part.removeprefix(BARS_OF).partition(TO)
    if not last:
        return version(date.fromisoformat(first))
    start = bisect_left(sessions, date.fromisoformat(first))
    stop = bisect_right(sessions, date.fromisoformat(last))
    return _combined(tuple(map(version, sessions[start:stop])))


@functools.lru_cache(maxsize=4096)  # the sessions of a run share most months
def _combined(versions: tuple[str, ...]) -> str:
    return combined_hash(versions)
