"""The date of today: all that the domain asks of a clock.

A market without a last session ends today, and no bar is of the future.
"""

from __future__ import annotations

from datetime import date, datetime, timezone


def today() -> date:
    """Give the date, UTC."""
    return datetime.now(timezone.utc).date()


def now() -> datetime:
    """Give the instant, UTC."""
    return datetime.now(timezone.utc)
