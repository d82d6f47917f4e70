"""Tidy bars: order, sessions, hours, vwap, and rows that are not bars."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.bars.tidy import (
    BAR_COLUMNS,
    assign_sessions,
    tidy,
    with_vwap,
)
from whatif_assets.domain.base.errors import BadInput
from whatif_assets_tests.generators import bar_frames

NEW_YORK = Sessions("XNYS", date(2018, 1, 2), date(2018, 12, 31))
WHERE = "The test"


def rows(*stamps: str, symbol: str = "AAA", **columns: object) -> pd.DataFrame:
    """Raw bars at these UTC times, with equal values unless a column is given."""
    frame = pd.DataFrame(
        {
            "symbol": symbol,
            "ts": pd.DatetimeIndex(stamps, tz="UTC").as_unit("us"),
            "open": 10.0,
            "high": 12.0,
            "low": 9.0,
            "close": 12.0,
            "volume": 100.0,
        }
    )
    return frame.assign(**columns)


def tidied(frame, bar_size=ONE_MINUTE, hours="all", sessions=NEW_YORK):
    return tidy(frame, sessions, bar_size, WHERE, hours)


# What comes out


@settings(deadline=None, max_examples=30)
@given(bars=bar_frames(), order=st.randoms())
def test_tidy_bars_do_not_depend_on_the_order_of_rows(bars, order):
    shuffled = list(range(len(bars)))
    order.shuffle(shuffled)
    pd.testing.assert_frame_equal(
        tidied(bars.iloc[shuffled])[0], tidied(bars)[0], check_exact=True
    )


@settings(deadline=None, max_examples=30)
@given(bars=bar_frames())
def test_tidy_bars_are_sorted_unique_and_of_their_types(bars):
    result, report = tidied(bars)
    assert list(result) == [*BAR_COLUMNS, "vwap_is_typical", "session"]
    assert str(result["ts"].dtype) == "datetime64[us, UTC]"
    assert str(result["session"].dtype) == "datetime64[ns]"
    assert str(result["trade_count"].dtype) == "Int64"
    keys = pd.MultiIndex.from_frame(result[["symbol", "ts"]])
    assert keys.is_monotonic_increasing
    assert keys.is_unique
    assert report.rows == len(bars)


@settings(deadline=None, max_examples=30)
@given(bars=bar_frames())
def test_tidying_twice_changes_nothing(bars):
    once, _ = tidied(bars)
    pd.testing.assert_frame_equal(tidied(once)[0], once, check_exact=True)


def test_other_columns_are_left_out_and_absent_ones_are_missing():
    bars, _ = tidied(rows("2018-02-20 14:30", adj_close=1.0))
    assert "adj_close" not in bars
    assert bars["trade_count"].isna().all()


def test_no_rows_are_no_bars():
    bars, report = tidied(rows())
    assert bars.empty
    assert (report.rows, report.symbols, report.sessions) == (0, 0, 0)


# vwap


def test_a_missing_vwap_is_the_typical_price():
    """(high + low + close) / 3 = (12 + 9 + 12) / 3 = 11."""
    bars, filled = with_vwap(
        rows("2018-02-20 14:30", "2018-02-20 14:31", vwap=[np.nan, 10.5])
    )
    assert list(bars["vwap"]) == [11.0, 10.5]
    assert list(bars["vwap_is_typical"]) == [True, False]
    assert filled == 1


def test_the_report_counts_bars_with_the_typical_price():
    _, report = tidied(
        rows("2018-02-20 14:30", "2018-02-20 14:31", vwap=[np.nan, 10.5])
    )
    assert report.vwap_from_typical_price == 1


# Sessions


@pytest.mark.parametrize(
    ("stamp", "session"),
    [
        ("2018-02-20 14:30", "2018-02-20"),  # the open
        ("2018-02-20 05:00", "2018-02-20"),  # midnight in New York
        ("2018-02-21 04:59", "2018-02-20"),  # 23:59 in New York
        ("2018-02-19 14:30", None),  # Presidents' Day
        ("2018-02-17 20:00", None),  # a Saturday
        ("2019-01-02 14:30", None),  # after the market's last session
    ],
)
def test_a_bar_belongs_to_its_day_in_new_york(stamp, session):
    found = assign_sessions(rows(stamp), NEW_YORK, ONE_MINUTE)
    assert str(found.dtype) == "datetime64[ns]"
    assert (
        found.iloc[0] is pd.NaT
        if session is None
        else str(found.iloc[0].date()) == session
    )


@pytest.mark.parametrize(
    ("stamp", "session"),
    [
        ("2018-02-25 23:00", "2018-02-26"),  # Sunday 17:00 in Chicago, the open
        ("2018-02-26 22:59", "2018-02-26"),
        ("2018-02-26 23:00", "2018-02-27"),  # the close belongs to the next
    ],
)
def test_a_futures_bar_belongs_to_the_next_session_to_close(stamp, session):
    market = Sessions("CMES", date(2018, 2, 1), date(2018, 3, 1))
    found = assign_sessions(rows(stamp), market, ONE_MINUTE)
    assert str(found.iloc[0].date()) == session


def test_a_daily_bar_belongs_to_its_utc_date():
    found = assign_sessions(rows("2018-02-20", "2018-02-19"), NEW_YORK, ONE_DAY)
    assert list(found) == [pd.Timestamp("2018-02-20"), pd.NaT]


def test_bars_outside_sessions_are_counted_with_the_session_ahead():
    bars, report = tidied(
        rows("2018-02-17 15:00", "2018-02-19 15:00", "2018-02-20 15:00")
    )
    assert list(bars["session"]) == [pd.Timestamp("2018-02-20")]
    assert report.outside_sessions == {date(2018, 2, 20): 2}


# Hours


def test_regular_hours_are_from_open_to_before_close():
    bars, report = tidied(
        rows(
            "2018-02-20 14:29",
            "2018-02-20 14:30",
            "2018-02-20 20:59",
            "2018-02-20 21:00",
        ),
        hours="regular",
    )
    assert list(bars["ts"].dt.strftime("%H:%M")) == ["14:30", "20:59"]
    assert report.outside_hours == {date(2018, 2, 20): 2}


def test_regular_hours_end_early_on_half_days():
    """2018-07-03 closed at 13:00 in New York, 17:00 UTC."""
    stamps = ["2018-07-03 16:59", "2018-07-03 17:00", "2018-07-03 19:59"]
    bars, report = tidied(rows(*stamps), hours="regular")
    assert list(bars["ts"].dt.strftime("%H:%M")) == ["16:59"]
    assert report.outside_hours == {date(2018, 7, 3): 2}
    assert tidied(rows(*stamps))[1].rows == 3


def test_daily_bars_have_no_hours():
    assert tidied(rows("2018-02-20"), ONE_DAY, "regular")[1].rows == 1


# What is refused


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"open": [10.0, -1.0]}, "open -1.0 where a positive number"),
        ({"close": [10.0, 0.0]}, "close 0.0 where a positive number"),
        ({"low": [9.0, np.nan]}, "low nan where a value"),
        ({"high": [12.0, np.inf]}, "high inf where a positive number"),
        ({"high": [12.0, 8.0]}, "not high at or above low"),
        ({"volume": [1.0, -5.0]}, "volume -5.0 where 0 or more"),
        ({"volume": [1.0, np.nan]}, "volume nan where a value"),
        ({"vwap": [np.nan, 0.0]}, "vwap 0.0 where a positive number"),
        ({"trade_count": [1, -1]}, "trade_count -1 where 0 or more"),
    ],
)
def test_a_row_that_is_no_bar_is_named(columns, words):
    frame = rows("2018-02-20 14:30", "2018-02-20 14:31", **columns)
    with pytest.raises(BadInput) as error:
        tidied(frame)
    message = str(error.value)
    assert message.startswith("The test: 1 row(s) are not bars")
    assert "AAA 2018-02-20 14:31:00 UTC" in message
    assert words in message


def test_the_first_wrong_column_is_named_whatever_other_rows_have():
    for others in (1, 2, 30):
        stamps = [f"2018-02-20 14:{minute}" for minute in range(30, 30 + others)]
        wrong = rows(*stamps)
        wrong.loc[0, ["high", "low", "vwap"]] = -1.0
        wrong.loc[1:, "vwap"] = -2.0
        with pytest.raises(BadInput, match=r"14:30:00 UTC, has high -1\.0"):
            tidied(wrong)


@pytest.mark.parametrize("symbol", ["", None])
def test_a_row_without_symbol_is_refused(symbol):
    with pytest.raises(BadInput, match=r"symbol .* where a (name|value) is needed"):
        tidied(rows("2018-02-20 14:30", symbol=symbol))


def test_messages_name_file_and_line_where_the_source_knows_them():
    frame = rows("2018-02-20 14:30", open=-1.0, file="a.csv", line=7)
    with pytest.raises(BadInput, match=r"\(a\.csv, line 7\)"):
        tidied(frame)


@pytest.mark.parametrize("second_close", [12.0, 11.0])
def test_a_bar_that_is_there_twice_is_refused_whatever_it_says(second_close):
    frame = rows("2018-02-20 14:30", "2018-02-20 14:30", close=[12.0, second_close])
    with pytest.raises(BadInput, match=r"1 row.s. repeat a bar.*AAA 2018-02-20 14:30"):
        tidied(frame)


def test_a_missing_column_is_named():
    with pytest.raises(BadInput, match="The test: column close is missing; found"):
        tidied(rows("2018-02-20 14:30").drop(columns="close"))


@pytest.mark.parametrize(
    ("column", "values"),
    [("close", "twelve"), ("ts", pd.Timestamp("2018-02-20 14:30"))],
)
def test_a_column_of_another_type_is_named(column, values):
    with pytest.raises(BadInput, match=f"The test: column {column} is"):
        tidied(rows("2018-02-20 14:30").assign(**{column: values}))


def test_daily_bars_with_a_time_of_day_are_refused():
    with pytest.raises(BadInput, match="21:00:00 UTC is not a 1day bar"):
        tidied(rows("2018-02-20 21:00"), ONE_DAY)


def test_ticks_are_no_bars():
    with pytest.raises(BadInput, match=r"14:30:07.*on a whole minute"):
        tidied(rows("2018-02-20 14:30:07"))


def test_daily_bars_in_a_market_of_minutes_are_refused():
    with pytest.raises(BadInput, match="stamped 00:00 UTC, like daily bars"):
        tidied(rows("2018-02-20", "2018-02-21"))


def test_minutes_in_a_market_of_longer_bars_are_refused():
    minutes = pd.date_range("2018-02-20 14:30", periods=5, freq="1min").astype(str)
    with pytest.raises(BadInput, match="1 minutes apart, and base_bar is 5min"):
        tidied(rows(*minutes), BarSize.parse("5min"))


def test_one_short_bar_after_the_open_does_not_matter():
    """Hourly bars by the clock begin with half an hour from 09:30."""
    hours = ["2018-02-20 14:30", *(f"2018-02-20 {hour}:00" for hour in range(15, 21))]
    assert tidied(rows(*hours), BarSize.parse("1h"))[1].rows == 7


# The report


def test_the_report_of_a_session_is_what_loading_it_alone_reports():
    stamps = ["2018-02-20 14:29", "2018-02-20 14:30", "2018-02-21 14:30"]
    frame = rows("2018-02-19 15:00", *stamps)
    bars, report = tidied(frame, hours="regular")
    day = date(2018, 2, 20)
    own = bars[bars["session"] == pd.Timestamp(day)]
    assert report.of_session(own, day) == tidied(frame[:3], hours="regular")[1]


def test_the_report_is_shown_as_plain_values():
    _, report = tidied(rows("2018-02-19 15:00", "2018-02-20 14:30"))
    assert report.metadata() == {
        "rows": 1,
        "symbols": 1,
        "sessions": 1,
        "outside_sessions": 1,
        "outside_hours": 0,
        "vwap_from_typical_price": 1,
        "out_of_order": 0,
        "inconsistent": 0,
        "missing": "none",
    }


# What looks wrong and stays


def test_an_open_or_close_outside_the_bar_is_counted_and_stays():
    frame = rows("2018-02-20 14:30", "2018-02-20 14:31", close=[12.0, 12.5])
    bars, report = tidied(frame)
    assert report.inconsistent == {date(2018, 2, 20): 1}
    assert report.metadata()["inconsistent"] == 1
    assert list(bars["close"]) == [12.0, 12.5]


@pytest.mark.parametrize("column", ["open", "close"])
@pytest.mark.parametrize("price", [25.0, 4.0])
def test_a_price_far_outside_the_bar_is_no_price_of_it(column, price):
    frame = rows("2018-02-20 14:30", **{column: price})
    with pytest.raises(BadInput, match="not open and close between half of low"):
        tidied(frame)


def test_columns_that_are_exchanged_are_refused():
    stamps = [f"2018-02-20 14:{minute}" for minute in range(30, 45)]
    frame = rows(*stamps).rename(columns={"open": "high", "high": "open"})
    with pytest.raises(BadInput, match=r"\[low, high\] in 15 of 15 bars, such as AAA"):
        tidied(frame)
