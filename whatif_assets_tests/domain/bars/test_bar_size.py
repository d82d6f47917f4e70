"""Bar sizes: what may be written, what it means, and when a bar closes."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput

NEW_YORK = Sessions("XNYS", date(2018, 2, 1), date(2018, 12, 31))
DIVISORS = [minutes for minutes in range(1, 1440) if 1440 % minutes == 0]
amounts = st.integers(1, 10**12) | st.decimals(
    "0.001", 1_000_000, places=3, allow_nan=False
).map(float)
sizes = st.one_of(
    st.sampled_from(DIVISORS).map(lambda minutes: BarSize("time", float(minutes))),
    st.just(ONE_DAY),
    st.builds(BarSize, st.sampled_from(["volume", "dollar"]), amounts.map(float)),
)


def utc(*stamps: str) -> pd.Series:
    return pd.Series(pd.DatetimeIndex(stamps, tz="UTC").as_unit("us"))


@given(sizes)
def test_a_size_is_read_as_it_is_written(size):
    assert BarSize.parse(str(size)) == size


@given(st.sampled_from(DIVISORS))
def test_a_time_lasts_what_pandas_reads_in_it(minutes):
    assert BarSize.parse(f"{minutes}min").length == pd.Timedelta(f"{minutes}min")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1min", "1min"),
        ("60min", "1h"),
        ("90min", "90min"),
        ("240min", "4h"),
        ("1day", "1day"),
        ("volume:10000", "volume:10000"),
        ("volume:0.50", "volume:0.5"),
        ("dollar:1000000", "dollar:1000000"),
    ],
)
def test_equal_sizes_are_written_the_same(text, written):
    assert str(BarSize.parse(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "min",
        "0min",
        "7min",
        "25h",
        "24h",
        "1440min",
        "-5min",
        "1.5h",
        "1d",
        "2day",
        "day",
        "volume",
        "volume:",
        "volume:0",
        "volume:-1",
        "volume:1e6",
        "dollar:0.0",
        "dollar:inf",
        "dollar:nan",
        "tick:100",
        "",
        "1 min",
        "1min\n",
        "3\uff10min",
    ],
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(BadInput, match=r"is not a bar size.*Allowed: a time such as"):
        BarSize.parse(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("5mn", "5min"), ("1mins", "1min"), ("1 day", "1day"), ("1hr", "1h")],
)
def test_a_misspelt_size_is_refused_with_a_suggestion(text, meant):
    with pytest.raises(BadInput, match=f"Did you mean '{meant}'"):
        BarSize.parse(text)


@pytest.mark.parametrize("text", ["volume:10000", "dollar:5000"])
def test_bars_of_trades_have_no_length(text):
    with pytest.raises(BadInput, match=f"{text} bars end by amount traded"):
        _ = BarSize.parse(text).length


@given(sizes)
def test_a_size_is_of_one_kind(size):
    of_trades = size.kind in ("volume", "dollar")
    assert [size.daily, size.timed, of_trades].count(True) == 1


def test_a_bar_is_complete_when_it_ends():
    found = BarSize.parse("5min").close_times(utc("2018-02-20 14:30"), NEW_YORK)
    assert found.tolist() == utc("2018-02-20 14:35").tolist()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2018-02-20 14:30", "2018-02-20 15:30"),
        ("2018-02-20 20:30", "2018-02-20 21:00"),
        ("2018-11-23 17:30", "2018-11-23 18:00"),
        ("2018-02-20 21:00", "2018-02-20 22:00"),
    ],
)
def test_a_bar_by_the_hour_ends_with_its_session_at_the_latest(start, end):
    """Half days included; a bar after the close lasts its hour."""
    found = BarSize.parse("1h").close_times(utc(start), NEW_YORK)
    assert found.tolist() == utc(end).tolist()


def test_a_daily_bar_is_complete_at_its_session_s_close():
    found = ONE_DAY.close_times(utc("2018-11-21", "2018-11-23"), NEW_YORK)
    assert found.tolist() == utc("2018-11-21 21:00", "2018-11-23 18:00").tolist()


def test_of_a_bar_of_trades_only_the_start_is_known():
    ts = utc("2018-02-20 14:30:01.000123", "2018-02-20 14:30:07")
    found = BarSize.parse("volume:100").close_times(ts, NEW_YORK)
    assert found.tolist() == ts.tolist()


@given(st.lists(st.integers(0, 389), min_size=1, max_size=5), sizes)
def test_a_bar_is_never_complete_before_it_starts(minutes, size):
    starts = pd.Timestamp("2018-02-20 14:30", tz="UTC") + pd.to_timedelta(
        minutes, "min"
    )
    ts = pd.Series(starts.as_unit("us"), index=range(5, 5 + len(minutes)))
    ts = ts.dt.normalize() if size.daily else ts
    found = size.close_times(ts, NEW_YORK)
    assert found.index.equals(ts.index) and (found >= ts).all()


def test_no_bars_are_complete_at_no_time():
    assert ONE_MINUTE.close_times(utc(), NEW_YORK).empty
