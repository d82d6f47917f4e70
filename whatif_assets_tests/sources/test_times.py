"""Times in the loader: bar starts and ends, time zones, clock changes, half days."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.sources import load_bars, open_source

ROW = "10,11,9,10.5,100\n"


def load(folder, stamps, calendar, bar_size=ONE_MINUTE, hours="all", **options):
    """Write a file with these timestamps and load all of it."""
    lines = "".join(f"{stamp},{ROW}" for stamp in stamps)
    header = "timestamp,open,high,low,close,volume\n"
    (folder / "AAA.csv").write_text(header + lines)
    source = open_source("csv", {"path": "AAA.csv", **options}, folder)
    market = Sessions(calendar, date(2018, 1, 2), date(2018, 12, 28))
    days = market.first, date(2018, 12, 28)
    return load_bars(source, None, market, bar_size, *days, hours=hours)


NEW_YORK = ("XNYS", "America/New_York")
BERLIN = ("XEUR", "Europe/Berlin")
CHICAGO = ("CMES", "America/Chicago")


@pytest.mark.parametrize(
    ("where", "stamp", "written", "ts", "session"),
    [
        # Clocks went forward on 03-11 and back on 11-04 in the US.
        (NEW_YORK, "start", "2018-03-09 09:30", "2018-03-09 14:30", "2018-03-09"),
        (NEW_YORK, "start", "2018-03-12 09:30", "2018-03-12 13:30", "2018-03-12"),
        (NEW_YORK, "start", "2018-11-02 09:30", "2018-11-02 13:30", "2018-11-02"),
        (NEW_YORK, "start", "2018-11-05 09:30", "2018-11-05 14:30", "2018-11-05"),
        (NEW_YORK, "end", "2018-03-12 09:31", "2018-03-12 13:30", "2018-03-12"),
        # An evening in New York is the next day in UTC, and the same session.
        (NEW_YORK, "start", "2018-03-09 19:59", "2018-03-10 00:59", "2018-03-09"),
        # On 03-25 and 10-28 in Europe.
        (BERLIN, "start", "2018-03-23 09:00", "2018-03-23 08:00", "2018-03-23"),
        (BERLIN, "start", "2018-03-26 09:00", "2018-03-26 07:00", "2018-03-26"),
        (BERLIN, "start", "2018-10-26 09:00", "2018-10-26 07:00", "2018-10-26"),
        (BERLIN, "start", "2018-10-29 09:00", "2018-10-29 08:00", "2018-10-29"),
        # Morning in the east is the previous day in UTC.
        (
            ("XASX", "Australia/Sydney"),
            "start",
            "2018-03-29 10:00",
            "2018-03-28 23:00",
            "2018-03-29",
        ),
        (
            ("XTKS", "Asia/Tokyo"),
            "end",
            "2018-03-29 09:01",
            "2018-03-29 00:00",
            "2018-03-29",
        ),
        # Futures: the evening belongs to the next session, Sunday evening to Monday.
        (CHICAGO, "start", "2018-03-08 18:00", "2018-03-09 00:00", "2018-03-09"),
        (CHICAGO, "start", "2018-03-09 15:59", "2018-03-09 21:59", "2018-03-09"),
        (CHICAGO, "start", "2018-03-11 18:00", "2018-03-11 23:00", "2018-03-12"),
        (CHICAGO, "end", "2018-03-12 00:00", "2018-03-12 04:59", "2018-03-12"),
        (CHICAGO, "start", "2018-11-04 18:00", "2018-11-05 00:00", "2018-11-05"),
        # A bar that ends at midnight is the last of its day.
        (("24/7", "UTC"), "end", "2018-01-21 00:00", "2018-01-20 23:59", "2018-01-20"),
        (("24/7", "UTC"), "start", "2018-01-21 00:00", "2018-01-21", "2018-01-21"),
    ],
)
def test_a_bar_has_the_session_of_the_exchange(
    tmp_path, where, stamp, written, ts, session
):
    calendar, zone = where
    beside = "2018-06-05 12:00"  # a file with only midnights would be daily
    bars, report = load(
        tmp_path, [written, beside], calendar, timezone=zone, stamp=stamp
    )
    bar = bars.sort_values("ts").iloc[0 if written < beside else -1]
    assert bar["ts"] == pd.Timestamp(ts, tz="UTC")
    assert bar["session"] == pd.Timestamp(session)
    assert report.outside_sessions == {}


# Sessions around which clocks change, with a holiday and a half day.
WEEKS = {
    "XNYS": ("2018-11-19", "2018-11-23"),
    "XEUR": ("2018-10-26", "2018-10-29"),
    "CMES": ("2018-03-08", "2018-03-13"),
    "24/7": ("2018-03-24", "2018-03-26"),
}


@pytest.mark.parametrize("calendar", WEEKS)
@pytest.mark.parametrize("bar_size", [ONE_MINUTE, BarSize.parse("5min")])
def test_bar_start_or_end_and_the_zone_of_a_file_do_not_matter(
    tmp_path, calendar, bar_size
):
    """Bars are equal for three time zones and for bar starts or ends."""
    market = Sessions(calendar, date(2018, 1, 2), date(2018, 12, 28))
    length = bar_size.length
    days = market.dates(*map(date.fromisoformat, WEEKS[calendar]))
    starts = pd.DatetimeIndex([ts for day in days for ts in market.starts(day, length)])
    starts = starts[::7]
    found = []
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
        for stamp, shift in (("start", pd.Timedelta(0)), ("end", length)):
            written = (starts + shift).tz_convert(zone).strftime("%Y-%m-%dT%H:%M:%S%z")
            options = {"timezone": zone, "stamp": stamp}
            bars, report = load(tmp_path, written, calendar, bar_size, **options)
            assert report.outside_sessions == report.outside_hours == {}
            found.append(bars.drop(columns=["vwap"]))
    assert list(found[0]["ts"]) == list(starts)
    assert sorted(set(found[0]["session"].dt.date)) == days
    for other in found[1:]:
        pd.testing.assert_frame_equal(other, found[0], check_exact=True)


@pytest.mark.parametrize("stamp", ["start", "end"])
@pytest.mark.parametrize("calendar", WEEKS)
def test_a_daily_bar_keeps_its_date_on_every_calendar(tmp_path, calendar, stamp):
    market = Sessions(calendar, date(2018, 1, 2), date(2018, 12, 28))
    days = market.dates(*map(date.fromisoformat, WEEKS[calendar]))
    options = {"timezone": "America/New_York", "stamp": stamp}
    bars, _ = load(tmp_path, days, calendar, ONE_DAY, **options)
    assert list(bars["session"].dt.date) == days
    assert list(bars["ts"].dt.date) == days


def test_half_days_and_holidays_of_a_file_are_reported(tmp_path):
    """Thanksgiving is 11-22; on the day after New York closes at 13:00."""
    stamps = [
        "2018-11-21 15:59",
        "2018-11-22 10:00",
        "2018-11-23 12:59",
        "2018-11-23 13:00",
    ]
    options = {"timezone": "America/New_York", "stamp": "start"}
    bars, report = load(tmp_path, stamps, "XNYS", hours="regular", **options)
    local = bars["ts"].dt.tz_convert("America/New_York")
    assert list(local.dt.strftime("%d %H:%M")) == ["21 15:59", "23 12:59"]
    assert report.outside_sessions == {date(2018, 11, 23): 1}
    assert report.outside_hours == {date(2018, 11, 23): 1}


def test_a_market_without_closures_has_every_minute_of_a_clock_change(tmp_path):
    """On 2018-03-25 Berlin had 23 hours; a market in UTC had 24."""
    stamps = pd.date_range("2018-03-25", periods=1440, freq="min")
    options = {"timezone": "UTC", "stamp": "start"}
    bars, _ = load(tmp_path, stamps, "24/7", **options)
    assert len(bars) == 1440
    assert set(bars["session"]) == {pd.Timestamp("2018-03-25")}
