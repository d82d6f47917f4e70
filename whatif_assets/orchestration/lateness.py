"""Whether the last session of a market is late, by the market's own calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from whatif_assets.domain.base import clock
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import LEFT_OUT

CHECK = "last_session_on_time"
LATE_AFTER = timedelta(hours=3)
ABOUT = (
    "Whether the last session has bars three hours after it was over, by the market's "
    "calendar. The sensor register_configurations looks, too, so that the check fails "
    "without a run. Not evaluated for a market that has a last session."
)


def was_read(home: Home, session: date) -> bool:
    """Whether the source had a session: its bars are in the lake, or are blocked."""
    key = session.isoformat()
    return home.lake.has("price_bars", key) or key in home.lake.keys_with(LEFT_OUT)


def last_due(home: Home, now: datetime) -> date | None:
    """Return the last session that should have bars by now.

    Parameters
    ----------
    home, now
        The home, and a time with a time zone.

    Returns
    -------
    datetime.date or None
        None if there is none, or if the market has a last session: nobody waits for
        the sessions of a market that has ended.
    """
    if home.market.last_session is not None:
        return None
    return home.market.sessions.last_over(now - LATE_AFTER)


def lateness(home: Home, session: date) -> str:
    """Say that a session that is due is late; empty if it was read.

    Bars that were read and blocked are not late.
    """
    if was_read(home, session):
        return ""
    hours = LATE_AFTER // timedelta(hours=1)
    return (
        f"Session {session} is late: it has no bars {hours} hours after it was over. "
        f"Check the source '{home.market.source}', and that its sessions are read."
    )


def on_time_results(home: Home) -> Iterator[dg.AssetCheckResult]:
    """Yield the result of the check; nothing if no session is due."""
    due = last_due(home, clock.now())
    if due is not None:
        yield dg.AssetCheckResult(
            check_name=CHECK, **_outcome(due, lateness(home, due))
        )


def report_lateness(home: Home, instance: dg.DagsterInstance, before: str) -> str:
    """Record the result of the check without a run, if it is not what it was before.

    Parameters
    ----------
    home, instance
        The home, and the instance to record in. Nothing is recorded for a home that
        has no bars yet.
    before
        What the last call returned; empty at first.

    Returns
    -------
    str
        Why the last session is late; empty if it is not.
    """
    due = last_due(home, clock.now())
    if due is None or not home.lake.keys("price_bars"):
        return ""
    late = lateness(home, due)
    if late != before:
        key = dg.AssetKey([*home.market.key_prefix, "data_quality"])
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(key, CHECK, **_outcome(due, late))
        )
    return late


def _outcome(due: date, late: str) -> dict[str, Any]:
    return {
        "passed": not late,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": late or f"Session {due} was read.",
        "metadata": {"session": str(due)},
    }
