"""Which bars the features of a session came from, as a few hashes.

A session may be warmed up on hundreds of sessions before it. Were each of them named
in its manifest, the manifests of a long history would take more room than its bars.
So the latest sessions are named one by one, and those before them by the month.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from whatif_assets.domain.base.hashing import combined_hash

BARS_OF = "bars of "  # and what it is of: a part of what features come from
TO = " to "
SINGLY = 40  # sessions that are named one by one, at least


def parts_of(days: Sequence[date]) -> list[str]:
    """Name the bars of sessions, in parts of one session or of one month.

    Parameters
    ----------
    days
        Sessions without a gap, oldest first.

    Returns
    -------
    list of str
        Such as ``bars of 2018-01-16 to 2018-01-31`` and ``bars of 2018-03-01``. A
        month ends with its last day, so that no session of it is ever left out.
    """
    latest = days[-SINGLY:][0]
    singly = bisect_left(days, latest.replace(day=1))
    parts, done = [], 0
    while done < singly:
        first = days[done]
        last = first.replace(day=monthrange(first.year, first.month)[1])
        parts.append(f"{BARS_OF}{max(days[0], first.replace(day=1))}{TO}{last}")
        done = bisect_right(days, last, done)
    return parts + [f"{BARS_OF}{day}" for day in days[singly:]]


def parts_among(names: Iterable[str]) -> list[str]:
    """Those of some names that `parts_of` gives, the oldest first."""
    return sorted(name for name in names if name.startswith(BARS_OF))


def first_day(part: str) -> str:
    """First day of a part, as ISO 8601."""
    return part.removeprefix(BARS_OF).partition(TO)[0]


def version_of(
    part: str, sessions: Sequence[date], version: Callable[[date], str]
) -> str:
    """Version of the bars of a part.

    Parameters
    ----------
    part
        As `parts_of` names it.
    sessions
        All sessions of the market, oldest first.
    version
        Gives the data version of a session's bars; empty where there are none.
    """
    first, _, last = part.removeprefix(BARS_OF).partition(TO)
    if not last:
        return version(date.fromisoformat(first))
    start = bisect_left(sessions, date.fromisoformat(first))
    stop = bisect_right(sessions, date.fromisoformat(last))
    return _together(tuple(map(version, sessions[start:stop])))


@functools.lru_cache(maxsize=4096)  # sessions of a run share their months
def _together(versions: tuple[str, ...]) -> str:
    return combined_hash(versions)
