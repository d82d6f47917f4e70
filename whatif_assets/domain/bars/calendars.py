"""Exchange calendars, built for the years that are needed."""

from __future__ import annotations

import contextlib
import functools
import warnings
from datetime import date

import exchange_calendars as xc

from whatif_assets.domain.base.errors import BadInput

# The holiday rules of calendars are not verified outside of these years.
EARLIEST = date(1950, 1, 1)
LATEST = date(2100, 12, 31)


@functools.lru_cache
def known_calendars() -> tuple[str, ...]:
    """Return the names of all exchange calendars, with aliases such as NYSE."""
    return tuple(xc.get_calendar_names())


def end_of_decade(day: date) -> date:
    """Return the last day of the decade that contains the year after a day."""
    return date((day.year + 1) // 10 * 10 + 9, 12, 31)


def calendar_of(name: str, first: date, last: date) -> xc.ExchangeCalendar:
    """Build a calendar with a year of margin before and after, as far as known."""
    if first >= EARLIEST and last <= LATEST:
        start, end = date(first.year - 1, 1, 1), date(last.year + 1, 12, 31)
        with contextlib.suppress(ValueError):  # as nearly always, it knows the margin
            return _build(name, max(start, EARLIEST), min(end, LATEST))
    earliest, latest = known_span(name)
    if first < earliest or last > latest:
        raise BadInput(
            f"The exchange calendar {name} is known from {earliest} to {latest}, and "
            f"{first} to {last} was requested. Set the market's first_session and "
            "last_session within the known range."
        )
    start, end = date(first.year - 1, 1, 1), date(last.year + 1, 12, 31)
    return _build(name, max(start, earliest), min(end, latest))


@functools.lru_cache
def known_span(name: str) -> tuple[date, date]:
    """Return the first and last day that a calendar can be built for."""
    # The bounds belong to the class, which can only be reached through an instance.
    # Every calendar knows 2022, and building one year takes milliseconds.
    calendar = _build(name, date(2022, 1, 1), date(2022, 12, 31))
    earliest, latest = calendar.bound_min(), calendar.bound_max()
    return (
        EARLIEST if earliest is None else max(earliest.date(), EARLIEST),
        LATEST if latest is None else min(latest.date(), LATEST),
    )


@functools.lru_cache
def days_of(exchange: xc.ExchangeCalendar) -> tuple[date, ...]:
    """Return the sessions of a calendar."""
    return tuple(exchange.sessions.date)


@functools.lru_cache
def _build(name: str, start: date, end: date) -> xc.ExchangeCalendar:
    with warnings.catch_warnings():
        # Some calendars join empty holiday lists, and pandas warns about it.
        warnings.simplefilter("ignore")
        return xc.get_calendar(name, start=start, end=end)
