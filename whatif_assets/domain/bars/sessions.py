"""Sessions: the trading days of a market, from its exchange calendar."""

from __future__ import annotations

import functools
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import exchange_calendars as xc
import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base import clock
from whatif_assets.domain.base.errors import BadInput, did_you_mean

DAY = timedelta(days=1)
MINUTE = pd.Timedelta(minutes=1)
# Rules of holidays reach further, both ways, than anyone has checked them.
EARLIEST = date(1950, 1, 1)
LATEST = date(2100, 12, 31)


@dataclass(frozen=True)
class Sessions:
    """The sessions of one market.

    A session exists once its UTC day is over, so that none is ever read while
    its bars still come in: no method returns today or a later day.

    Attributes
    ----------
    calendar
        A name of `known_calendars`, such as ``XNYS``, ``CMES`` or ``24/7``.
    first
        First day of the market; itself a session or not.
    last
        Last day of the market, or None where it goes on.

    Raises
    ------
    BadInput
        For a calendar that is not known, days in the wrong order, and days that
        lie outside what the calendar knows.

    """

    calendar: str
    first: date
    last: date | None = None

    def __post_init__(self) -> None:
        """Refuse what no session can be found for."""
        if self.calendar not in known_calendars():
            raise BadInput(
                f"'{self.calendar}' is no known exchange calendar."
                f"{did_you_mean(self.calendar, known_calendars())} "
                "XNYS is New York's, 24/7 has every day."
            )
        if self.last is not None and self.last < self.first:
            raise BadInput(
                f"The last session, {self.last}, is before the first, {self.first}."
            )
        _ = self._exchange

    def dates(self, first: date | None = None, last: date | None = None) -> list[date]:
        """Sessions in [first, last], as far as the market has them, in order.

        Parameters
        ----------
        first, last
            Days, sessions or not; None for the market's own.
        """
        start = max(first or self.first, self.first)
        end = min(last or self._end, self._end)
        known = self._days
        return list(known[bisect_left(known, start) : bisect_right(known, end)])

    def check(self, day: date) -> None:
        """Refuse a day that is no session of the market.

        Raises
        ------
        BadInput
            Saying why (holiday, weekend, outside the market, not over yet) and
            which sessions are nearest.
        """
        if self.dates(day, day):
            return
        if day < self.first:
            reason = f": the market's first session is on or after {self.first}"
        elif self.last is not None and day > self.last:
            reason = f": the market's last session is on or before {self.last}"
        elif day > self._end:
            reason = " yet: a session exists from 00:00 UTC of the day after"
        else:
            reason = f" ({self._closed_for(day)})"
        raise BadInput(
            f"{day} is no session of {self.calendar}{reason}{self._nearest(day)}."
        )

    def holidays(self) -> list[date]:
        """Every calendar day of the market, weekends too, that is no session.

        Returns
        -------
        list of date
            From the first day to the last. Where the market goes on, to the end of a
            decade that has at least a year to come, as far as the calendar foresees:
            so the list is the same from day to day.
        """
        if self.last is not None:
            exchange, end = self._exchange, self.last
        else:
            _, known = _known(self.calendar)
            end = min(max(self.first, _end_of_decade(clock.today())), known)
            exchange = _calendar_of(self.calendar, self.first, end)
        days = pd.date_range(self.first, end)
        return list(days.difference(exchange.sessions).date)

    def schedule(self, dates: Iterable[date]) -> pd.DataFrame:
        """Trading hours of some sessions, half days included.

        Parameters
        ----------
        dates
            Sessions of the calendar.

        Returns
        -------
        pd.DataFrame
            Index ``session`` (date objects), columns ``open`` and ``close``
            (datetime64, UTC) and ``minutes`` (int64): trading minutes, the
            lunch break of some exchanges left out.
        """
        asked = pd.DatetimeIndex(list(dates))
        hours = self._exchange.schedule.loc[asked]
        lunch = (hours["break_end"] - hours["break_start"]).fillna(pd.Timedelta(0))
        return pd.DataFrame(
            {
                "open": hours["open"],
                "close": hours["close"],
                "minutes": (hours["close"] - hours["open"] - lunch) // MINUTE,
            }
        ).set_axis(pd.Index(asked.date, name="session"))

    def are_sessions(self, days: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
        """Tell which naive midnights are sessions of the calendar."""
        return np.asarray(days.isin(self._exchange.sessions))

    def number(self, days: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
        """Count the calendar's sessions before each session; a naive midnight."""
        known = self._exchange.sessions.as_unit("ns")
        return np.asarray(known.searchsorted(days.as_unit("ns")), dtype=np.int64)

    def spans(self, dates: Iterable[date]) -> pd.DataFrame:
        """Which instants count to some sessions, trading hours or not.

        Parameters
        ----------
        dates
            Sessions of the calendar.

        Returns
        -------
        pd.DataFrame
            Index ``session`` (date objects), columns ``start`` and ``end``
            (datetime64, UTC): [start, end) is the day at the exchange, or where
            sessions open the evening before, the time from the close before to its
            own. `days` gives the same.
        """
        asked = pd.DatetimeIndex(list(dates))
        if self._overnight:
            hours = self._exchange.schedule
            before = hours["close"].shift().fillna(hours["open"])
            start, end = before.loc[asked].array, hours["close"].loc[asked].array
        else:
            start, end = self._midnights(asked), self._midnights(asked + DAY)
        index = pd.Index(asked.date, name="session")
        return pd.DataFrame({"start": start, "end": end}, index=index)

    def starts(self, session: date, length: timedelta) -> pd.DatetimeIndex:
        """When bars of a length start in a session's trading hours.

        Parameters
        ----------
        session
            A session of the calendar.
        length
            Of a bar; the first starts with the session.

        Returns
        -------
        pd.DatetimeIndex
            datetime64[us], UTC; in [open, close), and none in a lunch break.
        """
        hours = self._exchange.schedule.loc[pd.Timestamp(session)]
        opens, closes = (hours[name].to_datetime64() for name in ("open", "close"))
        every = np.arange(opens, closes, np.timedelta64(length))
        starts = pd.DatetimeIndex(every.astype("datetime64[us]")).tz_localize("UTC")
        if not pd.isna(hours["break_start"]):
            pause = (starts >= hours["break_start"]) & (starts < hours["break_end"])
            starts = starts[~pause]
        return starts

    def previous(self, day: date, n: int) -> list[date]:
        """Up to n sessions of the market before a day, oldest first."""
        known = self._days
        first = bisect_left(known, self.first)
        stop = bisect_right(known, min(day - DAY, self._end))
        return list(known[max(stop - n, first) : max(stop, first)])

    def window(self, first: date, last: date) -> tuple[pd.Timestamp, pd.Timestamp]:
        """When bars can start that belong to the sessions in [first, last].

        Parameters
        ----------
        first, last
            Sessions of the market.

        Returns
        -------
        start, end : Timestamp
            [start, end), UTC: from where the session before first ends to where
            last ends. That is at midnight at the exchange, so with the hours
            before and after trading, or at the close where sessions open the
            evening before (futures). The days in between that are no sessions,
            such as a weekend, are so read with the session that they lead to.
        """
        if self._overnight:
            closes, opens = self._exchange.closes, self._exchange.opens
            earlier = closes[closes.index < pd.Timestamp(first)]
            start = earlier.iloc[-1] if len(earlier) else opens.loc[pd.Timestamp(first)]
            return start, closes.loc[pd.Timestamp(last)]
        before = self.previous(first, 1)
        day = before[0] + DAY if before else first
        return self._midnight(day), self._midnight(last + DAY)

    def days(self, ts: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Day of the exchange that each instant counts to, a session or not.

        Parameters
        ----------
        ts
            Instants with a time zone.

        Returns
        -------
        pd.DatetimeIndex
            Naive midnights, datetime64[ns]: the date at the exchange, or where
            sessions open the evening before, the next session to close.
        """
        number, known = self.numbered_days(ts)
        return pd.DatetimeIndex(known.append(pd.DatetimeIndex([pd.NaT])).take(number))

    def numbered_days(
        self, ts: pd.DatetimeIndex
    ) -> tuple[npt.NDArray[np.intp], pd.DatetimeIndex]:
        """Day of the exchange as `days` has it, by number.

        Returns
        -------
        number
            Of each instant, in the days; -1 where it has none.
        days
            Naive midnights in order, datetime64[ns], others than the instants' too.
        """
        if self._overnight:
            days = self._exchange.sessions.as_unit("ns")
            ends = pd.DatetimeIndex(self._exchange.closes)
            number = ends.searchsorted(ts, side="right")
            return np.where(number < len(days), number, -1), days
        reach = pd.DatetimeIndex([ts.min(), ts.max()])
        if reach.hasnans:  # of no instant at all
            return np.full(len(ts), -1), pd.DatetimeIndex([])
        first, last = reach.tz_convert(self._exchange.tz).tz_localize(None).normalize()
        days = pd.date_range(first, last).as_unit("ns")
        starts = self._midnights(days).as_unit(ts.unit)
        return starts.asi8.searchsorted(ts.asi8, side="right") - 1, days

    @property
    def timezone(self) -> tzinfo:
        """Time zone of the exchange."""
        zone: tzinfo = self._exchange.tz
        return zone

    @property
    def _exchange(self) -> xc.ExchangeCalendar:
        last = self.last or max(self.first, clock.today())
        return _calendar_of(self.calendar, self.first, last)

    @property
    def _end(self) -> date:
        """Last day that may be a session: of the market, and over."""
        over = clock.today() - DAY
        return over if self.last is None else min(self.last, over)

    @property
    def _overnight(self) -> bool:
        return bool(self._exchange.open_offset)

    @property
    def _days(self) -> tuple[date, ...]:
        """Sessions of the exchange, also before the market's first and to come."""
        return _days_of(self._exchange)

    def _midnight(self, day: date) -> pd.Timestamp:
        return self._midnights(pd.DatetimeIndex([day]))[0]

    def _midnights(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Midnights at the exchange; some clocks go forward just then."""
        first = np.ones(len(days), dtype=bool)
        local = days.tz_localize(
            self._exchange.tz, ambiguous=first, nonexistent="shift_forward"
        )
        return local.tz_convert("UTC")

    def _closed_for(self, day: date) -> str:
        """Why the exchange is closed, as far as the calendar tells."""
        if self._exchange.weekmask[day.weekday()] == "0":
            return "weekend"
        holidays = self._exchange.regular_holidays
        if holidays is None:
            return "closed"
        named = holidays.holidays(pd.Timestamp(day), pd.Timestamp(day), True)
        return str(named.iloc[0]) if len(named) else "closed on that day alone"

    def _nearest(self, day: date) -> str:
        """Name the sessions before and after a day, where there are any."""
        days = self.dates()
        left = bisect_left(days, day)
        around = [str(found) for found in days[max(left - 1, 0) : left + 1]]
        if not around:
            return "; the market has no session at all so far"
        return f"; nearest {'is' if len(around) == 1 else 'are'} {' and '.join(around)}"


@functools.lru_cache
def known_calendars() -> tuple[str, ...]:
    """Names of the exchange calendars, aliases such as NYSE included."""
    return tuple(xc.get_calendar_names())


def _end_of_decade(day: date) -> date:
    """Last day of the decade in which the year after a day lies."""
    return date((day.year + 1) // 10 * 10 + 9, 12, 31)


def _calendar_of(name: str, first: date, last: date) -> xc.ExchangeCalendar:
    """Calendar from the year before first to the year after last, where known."""
    earliest, latest = _known(name)
    if first < earliest or last > latest:
        raise BadInput(
            f"The exchange calendar {name} is known from {earliest} to {latest}, and "
            f"{first} to {last} was asked for. Set the market's first_session and "
            "last_session within what is known."
        )
    start, end = date(first.year - 1, 1, 1), date(last.year + 1, 12, 31)
    return _build(name, max(start, earliest), min(end, latest))


@functools.lru_cache
def _known(name: str) -> tuple[date, date]:
    """First and last day that a calendar can be built for."""
    # The bounds belong to the class, which only an instance leads to. Each
    # calendar knows 2022, and one year takes milliseconds.
    calendar = _build(name, date(2022, 1, 1), date(2022, 12, 31))
    earliest, latest = calendar.bound_min(), calendar.bound_max()
    return (
        EARLIEST if earliest is None else max(earliest.date(), EARLIEST),
        LATEST if latest is None else min(latest.date(), LATEST),
    )


@functools.lru_cache
def _days_of(exchange: xc.ExchangeCalendar) -> tuple[date, ...]:
    return tuple(exchange.sessions.date)


@functools.lru_cache
def _build(name: str, start: date, end: date) -> xc.ExchangeCalendar:
    with warnings.catch_warnings():
        # Some calendars join empty holiday lists in a way that pandas warns of.
        warnings.simplefilter("ignore")
        return xc.get_calendar(name, start=start, end=end)
