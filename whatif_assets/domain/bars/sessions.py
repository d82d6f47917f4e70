"""Sessions: the trading days of a market, from its exchange calendar."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo

import exchange_calendars as xc
import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.calendars import (
    calendar_of,
    days_of,
    end_of_decade,
    known_calendars,
    known_span,
)
from whatif_assets.domain.base import clock
from whatif_assets.domain.base.errors import BadInput, did_you_mean

DAY = timedelta(days=1)
MINUTE = pd.Timedelta(minutes=1)


@dataclass(frozen=True)
class Sessions:
    """The sessions of one market.

    A session exists only when its UTC day is over, so that no session is read while
    its bars are still being published: `dates`, `check` and `previous` never admit
    today or a later day.

    Attributes
    ----------
    calendar
        One of the names in `known_calendars`, such as ``XNYS``, ``CMES`` or ``24/7``.
    first
        First day of the market; it need not be a session.
    last
        Last day of the market; None if the market has no end.

    Raises
    ------
    BadInput
        The calendar is unknown, ``last`` is before ``first``, or the days lie outside
        the range of the calendar.

    """

    calendar: str
    first: date
    last: date | None = None

    def __post_init__(self) -> None:
        """Raise when the calendar or the days are not valid."""
        if self.calendar not in known_calendars():
            raise BadInput(
                f"'{self.calendar}' is not a known exchange calendar."
                f"{did_you_mean(self.calendar, known_calendars())} "
                "XNYS is New York's; 24/7 has every day."
            )
        if self.last is not None and self.last < self.first:
            raise BadInput(
                f"The last session, {self.last}, is before the first, {self.first}."
            )
        _ = self._exchange

    def dates(self, first: date | None = None, last: date | None = None) -> list[date]:
        """Return the market's sessions in [first, last], in order.

        Parameters
        ----------
        first, last
            Any days; None for the market's first or last day.
        """
        start = max(first or self.first, self.first)
        end = min(last or self._end, self._end)
        known = self._days
        return list(known[bisect_left(known, start) : bisect_right(known, end)])

    def check(self, day: date) -> None:
        """Raise when a day is not a session of the market.

        Raises
        ------
        BadInput
            The message gives the reason (holiday, weekend, outside the market, not
            over yet) and the nearest sessions.
        """
        if self.dates(day, day):
            return
        if day < self.first:
            reason = f": the market's first session is on or after {self.first}"
        elif self.last is not None and day > self.last:
            reason = f": the market's last session is on or before {self.last}"
        elif day > self._end:
            reason = " yet: a session exists from 00:00 UTC of the next day"
        else:
            reason = f" ({self._closed_for(day)})"
        raise BadInput(
            f"{day} is not a session of {self.calendar}{reason}{self._nearest(day)}."
        )

    def holidays(self) -> list[date]:
        """Return every day of the market that is not a session, weekends included.

        Returns
        -------
        list of date
            Days from the first day of the market to its last. If the market has no
            end, the list ends with the decade in which the day one year from now
            lies, or with the range of the calendar: so the list does not change from
            day to day.
        """
        if self.last is not None:
            exchange, end = self._exchange, self.last
        else:
            _, known = known_span(self.calendar)
            end = min(max(self.first, end_of_decade(clock.today())), known)
            exchange = calendar_of(self.calendar, self.first, end)
        days = pd.date_range(self.first, end)
        return list(days.difference(exchange.sessions).date)

    def schedule(self, dates: Iterable[date]) -> pd.DataFrame:
        """Return the trading hours of sessions, with early closes on half days.

        Parameters
        ----------
        dates
            Sessions of the calendar.

        Returns
        -------
        pd.DataFrame
            Index ``session`` (date objects), columns ``open`` and ``close``
            (datetime64, UTC) and ``minutes`` (int64): trading minutes, without the
            lunch break that some exchanges have.
        """
        requested = pd.DatetimeIndex(list(dates))
        hours = self._exchange.schedule.loc[requested]
        lunch = (hours["break_end"] - hours["break_start"]).fillna(pd.Timedelta(0))
        return pd.DataFrame(
            {
                "open": hours["open"],
                "close": hours["close"],
                "minutes": (hours["close"] - hours["open"] - lunch) // MINUTE,
            }
        ).set_axis(pd.Index(requested.date, name="session"))

    def are_sessions(self, days: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
        """Whether each day, a naive midnight, is a session of the calendar."""
        return np.asarray(days.isin(self._exchange.sessions))

    def number(self, days: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
        """Return the position of each session in the calendar.

        Parameters
        ----------
        days
            Sessions of the calendar, as naive midnights.

        Returns
        -------
        numpy.ndarray
            Number of the calendar's sessions before each session, int64.
        """
        known = self._exchange.sessions.as_unit("ns")
        return np.asarray(known.searchsorted(days.as_unit("ns")), dtype=np.int64)

    def spans(self, dates: Iterable[date]) -> pd.DataFrame:
        """Return the time span that belongs to each session, also outside its hours.

        Parameters
        ----------
        dates
            Sessions of the calendar.

        Returns
        -------
        pd.DataFrame
            Index ``session`` (date objects), columns ``start`` and ``end``
            (datetime64, UTC): [start, end) is the day at the exchange. If sessions
            open on the evening before (futures), it is the time from the previous
            session's close to the session's own close. `days` uses the same spans.
        """
        requested = pd.DatetimeIndex(list(dates))
        if self._overnight:
            hours = self._exchange.schedule
            before = hours["close"].shift().fillna(hours["open"])
            start = before.loc[requested].array
            end = hours["close"].loc[requested].array
        else:
            start, end = self._midnights(requested), self._midnights(requested + DAY)
        index = pd.Index(requested.date, name="session")
        return pd.DataFrame({"start": start, "end": end}, index=index)

    def starts(self, session: date, length: timedelta) -> pd.DatetimeIndex:
        """Return the times at which bars start in a session's trading hours.

        Parameters
        ----------
        session
            A session of the calendar.
        length
            Length of a bar; the first bar starts at the open.

        Returns
        -------
        pd.DatetimeIndex
            datetime64[us], UTC, in [open, close) and outside of the lunch break.
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
        """Return up to n sessions of the market before a day, oldest first."""
        known = self._days
        first = bisect_left(known, self.first)
        stop = bisect_right(known, min(day - DAY, self._end))
        return list(known[max(stop - n, first) : max(stop, first)])

    def over_at(self, session: date) -> datetime:
        """Return the time from which a session can be read, UTC.

        It is the session's close, early on half days, or the end of its UTC day,
        whichever is later.
        """
        closes: pd.Series[pd.Timestamp] = self._exchange.closes
        close = closes.loc[pd.Timestamp(session)].to_pydatetime()
        day_ends = datetime.combine(session + DAY, time(), timezone.utc)
        return max(close, day_ends)

    def last_over(self, now: datetime) -> date | None:
        """Return the last session that can be read at a time; None if there is none.

        Parameters
        ----------
        now
            A time, with a time zone.
        """
        recent = self.dates(last=now.astimezone(timezone.utc).date())[-2:]
        return max((day for day in recent if self.over_at(day) <= now), default=None)

    def window(self, first: date, last: date) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Return the time window of all bars that belong to sessions in [first, last].

        Parameters
        ----------
        first, last
            Sessions of the market.

        Returns
        -------
        start, end : Timestamp
            [start, end), UTC: from the end of the session before ``first`` to the end
            of ``last``. A session ends at midnight at the exchange, so that the hours
            before and after trading are included; if sessions open on the evening
            before (futures), it ends at its close. Days that are not sessions, such
            as a weekend, belong to the window of the session after them.
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
        """Return the day that each instant belongs to, whether it is a session or not.

        Parameters
        ----------
        ts
            Instants with a time zone.

        Returns
        -------
        pd.DatetimeIndex
            Naive midnights, datetime64[ns]: the date at the exchange, or, if sessions
            open on the evening before (futures), the next session to close. NaT for
            NaT.
        """
        number, known = self.numbered_days(ts)
        return pd.DatetimeIndex(known.append(pd.DatetimeIndex([pd.NaT])).take(number))

    def numbered_days(
        self, ts: pd.DatetimeIndex
    ) -> tuple[npt.NDArray[np.intp], pd.DatetimeIndex]:
        """Return the same days as `days`, as positions in a list of days.

        Returns
        -------
        number
            Position of each instant's day in ``days``; -1 if it has no day.
        days
            Naive midnights in order, datetime64[ns]; also days without an instant.
        """
        if self._overnight:
            days = self._exchange.sessions.as_unit("ns")
            ends = pd.DatetimeIndex(self._exchange.closes)
            number = ends.searchsorted(ts, side="right")
            return np.where(number < len(days), number, -1), days
        reach = pd.DatetimeIndex([ts.min(), ts.max()])
        if reach.hasnans:  # there is no instant
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
        return calendar_of(self.calendar, self.first, last)

    @property
    def _end(self) -> date:
        """Last day that can be a session: within the market, and over."""
        over = clock.today() - DAY
        return over if self.last is None else min(self.last, over)

    @property
    def _overnight(self) -> bool:
        return bool(self._exchange.open_offset)

    @property
    def _days(self) -> tuple[date, ...]:
        """Sessions of the exchange, also before the market's first and future ones."""
        return days_of(self._exchange)

    def _midnight(self, day: date) -> pd.Timestamp:
        return self._midnights(pd.DatetimeIndex([day]))[0]

    def _midnights(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Midnights at the exchange, in UTC.

        Where clocks go forward at midnight, the first instant of the day is returned.
        """
        first = np.ones(len(days), dtype=bool)
        local = days.tz_localize(
            self._exchange.tz, ambiguous=first, nonexistent="shift_forward"
        )
        return local.tz_convert("UTC")

    def _closed_for(self, day: date) -> str:
        """Return the reason why the exchange is closed, if the calendar knows it."""
        if self._exchange.weekmask[day.weekday()] == "0":
            return "weekend"
        holidays = self._exchange.regular_holidays
        if holidays is None:
            return "closed"
        named = holidays.holidays(pd.Timestamp(day), pd.Timestamp(day), True)
        return str(named.iloc[0]) if len(named) else "closed on that day alone"

    def _nearest(self, day: date) -> str:
        """Word the sessions nearest to a day, before and after it."""
        days = self.dates()
        left = bisect_left(days, day)
        around = [str(found) for found in days[max(left - 1, 0) : left + 1]]
        if not around:
            return "; the market has no sessions yet"
        return f"; nearest {'is' if len(around) == 1 else 'are'} {' and '.join(around)}"
