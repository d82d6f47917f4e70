"""The schedule that computes a home by itself, once for each new session."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.orchestration.lateness import was_read
from whatif_assets.orchestration.stale_studies import BUSY, is_busy

HOURLY = "5 * * * *"
JOB = "bars_to_winner"


def after_close(home: Home) -> dg.ScheduleDefinition:
    """Build the schedule, which is off until it is switched on.

    It looks every hour in the market's time zone, because the hour in which a session
    can be read varies: by half days, by daylight saving time, by calendar. Holdouts
    stay sealed, since nobody has decided to open them.
    """
    prefix = home.market.prefix
    config: dict[str, Any] = {
        "ops": {f"{prefix}{JOB}_by_form": {"config": {"sealed": True}}}
    }

    @dg.schedule(
        name=f"{prefix}after_close",
        job_name=f"{prefix}{JOB}",
        cron_schedule=HOURLY,
        execution_timezone=str(home.market.sessions.timezone),
        description=f"Runs {prefix}{JOB}, sealed, once a session can be read: after "
        "the exchange's close and the end of the session's UTC day. Days without a "
        "session start no run. While the source has no bars of the last session, it "
        "is asked again 1, 3, 7 and 15 hours after the first time.",
    )
    def _schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time.astimezone(timezone.utc)
        key, attempt = due(home, now)
        if not key:
            return dg.SkipReason("No session of the market can be read yet.")
        if not attempt:
            return dg.SkipReason(f"Session {key}, the last one, is not due now.")
        if is_busy(home, context.instance):
            return dg.SkipReason(f"{BUSY} If {key} is not read then, it is due again.")
        return dg.RunRequest(run_key=f"{key} attempt {attempt}", run_config=config)

    return _schedule


def due(home: Home, now: datetime) -> tuple[str, int]:
    """Return the last session that can be read, and which attempt at it is due.

    Parameters
    ----------
    now
        A time, with a time zone.

    Returns
    -------
    str
        The session; empty if there is none.
    int
        1 in the session's first hour. Later attempts, each after twice the pause of
        the one before, are due only while the source has no bars of the session: bars
        that are blocked do not become better by being read again. 0 if none is due.
    """
    last = home.market.sessions.last_over(now)
    if last is None:
        return "", 0
    key = last.isoformat()
    hour = int((now - home.market.sessions.over_at(last)).total_seconds() // 3600) + 1
    # Hours 1, 2, 4, 8 and 16 have one bit set.
    if hour > 16 or hour.bit_count() != 1:
        return key, 0
    return key, hour.bit_length() if hour == 1 or not was_read(home, last) else 0
