"""The current date and time: the only access of the domain to the system clock.

A market without a last session ends today, and a bar with a stamp in the future is
refused.
"""

from __future__ import annotations

from datetime import date, datetime, timezone


def today() -> date:
    """Return the current date, UTC."""
    return datetime.now(timezone.utc).date()


def now() -> datetime:
    """Return the current time, UTC."""
    return datetime.now(timezone.utc)
