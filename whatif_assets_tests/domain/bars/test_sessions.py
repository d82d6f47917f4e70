"""Sessions: agreement with the calendars of exchanges, and refused input."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.bars import calendars
from whatif_assets.domain.bars.calendars import known_calendars
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base import clock
from whatif_assets.domain.base.errors import BadInput

NEW_YORK_2018 = Sessions("XNYS", date(2018, 1, 1), date(2018, 12, 31))
# Weekdays on which the New York Stock Exchange was closed: its holiday notice for
# 2018, and the national day of mourning for George H. W. Bush.
CLOSED_2018 = [
    date(2018, 1, 1),
    date(2018, 1, 15),
    date(2018, 2, 19),
    date(2018, 3, 30),
    date(2018, 5, 28),
    date(2018, 7, 4),
    date(2018, 9, 3),
    date(2018, 11, 22),
    date(2018, 12, 5),
    date(2018, 12, 25),
]
# Early closings at 13:00, from the same notice.
HALF_DAYS_2018 = [date(2018, 7, 3), date(2018, 11, 23), date(2018, 12, 24)]


def test_new_york_was_closed_on_its_published_holidays_of_2018():
    holidays = NEW_YORK_2018.holidays()
    assert [day for day in holidays if day.weekday() < 5] == CLOSED_2018


def test_new_york_had_251_sessions_in_2018():
    assert len(NEW_YORK_2018.dates()) == 251


def test_half_days_of_2018_close_at_13_in_new_york():
    schedule = NEW_YORK_2018.schedule(NEW_YORK_2018.dates())
    short = schedule[schedule["minutes"] != 390]
    assert list(short.index) == HALF_DAYS_2018
    assert (short["minutes"] == 210).all()
    local = short["close"].dt.tz_convert("America/New_York")
    assert (local.dt.strftime("%H:%M") == "13:00").all()


def test_open_in_utc_moves_with_daylight_saving():
    """Clocks went forward on Sunday 2018-03-11: 09:30 was 14:30 UTC, then 13:30."""
    schedule = NEW_YORK_2018.schedule([date(2018, 3, 9), date(2018, 3, 12)])
    assert list(schedule["open"]) == [
        pd.Timestamp("2018-03-09 14:30", tz="UTC"),
        pd.Timestamp("2018-03-12 13:30", tz="UTC"),
    ]
    assert list(schedule["close"].dt.strftime("%H:%M")) == ["21:00", "20:00"]


def test_lunch_break_is_no_trading_time():
    """Hong Kong trades 09:30 to 12:00 and 13:00 to 16:00."""
    sessions = Sessions("XHKG", date(2018, 3, 1), date(2018, 3, 1))
    assert list(sessions.schedule(sessions.dates())["minutes"]) == [330]


def test_a_calendar_without_closures_has_every_day():
    sessions = Sessions("24/7", date(2018, 2, 17), date(2018, 2, 20))
    assert len(sessions.dates()) == 4
    assert sessions.holidays() == []
    assert (sessions.schedule(sessions.dates())["minutes"] == 1440).all()


@settings(deadline=None, max_examples=30)
@given(
    calendar=st.sampled_from(["XNYS", "24/7", "CMES", "XHKG", "XLON"]),
    first=st.dates(date(2017, 12, 1), date(2018, 12, 31)),
    days=st.integers(0, 40),
)
def test_each_day_is_either_a_session_or_a_holiday(calendar, first, days):
    last = first + timedelta(days)
    sessions = Sessions(calendar, first, last)
    every = [first + timedelta(n) for n in range(days + 1)]
    assert sorted(sessions.dates() + sessions.holidays()) == every


def test_dates_stay_within_the_market():
    sessions = Sessions("XNYS", date(2018, 2, 16), date(2018, 2, 22))
    everything = [date(2018, 2, day) for day in (16, 20, 21, 22)]
    assert sessions.dates(date(2000, 1, 1), date(2030, 1, 1)) == everything
    assert sessions.dates(date(2018, 2, 17), date(2018, 2, 20)) == [date(2018, 2, 20)]
    assert sessions.dates(date(2018, 2, 21), date(2018, 2, 20)) == []


def test_previous_sessions_are_oldest_first_and_not_before_the_market():
    sessions = Sessions("XNYS", date(2018, 2, 15))
    monday = date(2018, 2, 26)
    assert sessions.previous(monday, 2) == [date(2018, 2, 22), date(2018, 2, 23)]
    assert sessions.previous(date(2018, 2, 20), 9) == [
        date(2018, 2, 15),
        date(2018, 2, 16),
    ]
    assert sessions.previous(date(2018, 2, 15), 3) == []
    assert sessions.previous(monday, 0) == []


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2018, 2, 19), ["President", "2018-02-16 and 2018-02-20"]),
        (date(2018, 2, 17), ["weekend", "2018-02-16 and 2018-02-20"]),
        (date(2018, 12, 5), ["closed on that day", "2018-12-04 and 2018-12-06"]),
        (date(2017, 12, 29), ["first session is on or after 2018-01-01"]),
        (date(2019, 1, 2), ["last session is on or before 2018-12-31", "2018-12-31"]),
    ],
)
def test_a_day_without_session_is_refused_with_its_reason(day, words):
    with pytest.raises(BadInput) as error:
        NEW_YORK_2018.check(day)
    assert str(error.value).startswith(f"{day} is not a session of XNYS")
    assert all(word in str(error.value) for word in words)


def test_a_session_passes_the_check():
    NEW_YORK_2018.check(date(2018, 2, 20))


def test_a_session_exists_once_its_utc_day_is_over(monkeypatch):
    sessions = Sessions("XNYS", date(2018, 2, 1))
    monkeypatch.setattr(clock, "today", lambda: date(2018, 2, 20))
    assert sessions.dates()[-1] == date(2018, 2, 16)
    with pytest.raises(BadInput, match="yet: a session exists from 00:00 UTC"):
        sessions.check(date(2018, 2, 20))
    monkeypatch.setattr(clock, "today", lambda: date(2018, 2, 21))
    assert sessions.dates()[-1] == date(2018, 2, 20)


def test_a_market_that_has_not_begun_has_no_session(monkeypatch):
    monkeypatch.setattr(clock, "today", lambda: date(2018, 2, 20))
    assert Sessions("XNYS", date(2021, 1, 4)).dates() == []


def test_bars_of_a_weekend_are_read_with_the_session_after_it():
    """Tuesday's window opens when Friday ends, at midnight in New York."""
    start, end = NEW_YORK_2018.window(date(2018, 2, 20), date(2018, 2, 20))
    assert start == pd.Timestamp("2018-02-17 05:00", tz="UTC")
    assert end == pd.Timestamp("2018-02-21 05:00", tz="UTC")


def test_a_futures_session_begins_the_evening_before():
    """CME Globex: Sunday 17:00 in Chicago opens Monday's session."""
    sessions = Sessions("CMES", date(2018, 2, 1), date(2018, 3, 1))
    sunday_evening = pd.DatetimeIndex(["2018-02-25 23:30"], tz="UTC")
    assert list(sessions.days(sunday_evening)) == [pd.Timestamp("2018-02-26")]
    start, end = sessions.window(date(2018, 2, 26), date(2018, 2, 26))
    assert start == pd.Timestamp("2018-02-23 23:00", tz="UTC")
    assert end == pd.Timestamp("2018-02-26 23:00", tz="UTC")


def test_an_unknown_calendar_is_refused_with_a_suggestion():
    with pytest.raises(BadInput, match=r"'XNYX' is not a known.*Did you mean 'XNYS'"):
        Sessions("XNYX", date(2018, 1, 2))


def test_days_in_the_wrong_order_are_refused():
    with pytest.raises(BadInput, match="2017-01-03, is before the first, 2018-01-02"):
        Sessions("XNYS", date(2018, 1, 2), date(2017, 1, 3))


@pytest.mark.parametrize(
    ("calendar", "first", "last", "known"),
    [
        ("XNYS", date(1900, 1, 1), date(1901, 1, 1), "1950-01-01 to 2100-12-31"),
        ("XNYS", date(2018, 1, 1), date(2101, 1, 1), "1950-01-01 to 2100-12-31"),
        ("XTKS", date(1990, 1, 1), date(2000, 1, 1), "1997-01-01 to"),
    ],
)
def test_days_that_the_calendar_does_not_know_are_refused(calendar, first, last, known):
    with pytest.raises(BadInput, match=f"{calendar} is known from {known}"):
        Sessions(calendar, first, last)


@pytest.mark.parametrize("calendar", ["XNYS", "XTKS", "XSAU", "XBOM", "24/7"])
def test_the_first_known_day_can_be_a_market_s_first(calendar):
    earliest, _ = calendars.known_span(calendar)
    assert Sessions(calendar, earliest, earliest + timedelta(30)).dates()


@pytest.mark.slow
def test_every_calendar_knows_2022():
    """The bounds of a calendar are read from its calendar of 2022."""
    for name in known_calendars():
        earliest, latest = calendars.known_span(name)
        assert earliest.year < 2022 < latest.year


@pytest.mark.parametrize("calendar", ["XNYS", "BVMF", "XASX", "XBOM", "24/7"])
def test_a_day_is_the_date_on_the_exchange_s_clock(calendar):
    """Also where clocks change at midnight (Sao Paulo until 2019)."""
    sessions = Sessions(calendar, date(2016, 1, 4), date(2019, 12, 30))
    instants = pd.date_range("2016-01-03", "2019-12-31", freq="13min", tz="UTC")
    clock = instants.tz_convert(sessions.timezone).tz_localize(None).normalize()
    assert (sessions.days(instants.as_unit("us")) == clock).all()


def test_no_instant_has_no_day():
    nothing = pd.DatetimeIndex([pd.NaT], tz="UTC")
    assert sessions_of(nothing).isna().all()
    assert len(sessions_of(nothing[:0])) == 0


def sessions_of(instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return NEW_YORK_2018.days(instants)
