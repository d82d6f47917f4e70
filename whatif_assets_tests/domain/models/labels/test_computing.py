from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.labels import Label, label
from whatif_assets_tests.generators import bar_frames

NAN = np.nan
# 2018-11-23, the day after Thanksgiving, closes at 13:00 New York; 2018-11-22 has no
# session.
HALF_DAY = date(2018, 11, 23)


def bars_at(times: list[str], vwap: list[float], symbol: str = "AAA") -> pd.DataFrame:
    ts = pd.to_datetime(times, utc=True, format="ISO8601").as_unit("us")
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": ts,
            "vwap": np.array(vwap, dtype=float),
            "close": np.array(vwap, dtype=float) + 1,
            "session": ts.tz_localize(None).normalize().astype("datetime64[ns]"),
        }
    )


def minutes(start: str, vwap: list[float]) -> pd.DataFrame:
    times = pd.date_range(start, periods=len(vwap), freq="min")
    return bars_at([str(t) for t in times], vwap)


def found(
    bars: pd.DataFrame, bar_size: BarSize = ONE_MINUTE, **wanted: Any
) -> list[float]:
    schedule = wanted.pop("schedule", None)
    return label(bars, Label(**wanted), bar_size, schedule)["label"].tolist()


def assert_labels(found: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(found, expected)


def test_a_label_is_the_price_of_the_bar_that_starts_the_horizon_later() -> None:
    bars = minutes("2018-02-20 14:30", [10, 11, 12, 13, 14, 15, 16])
    assert_labels(found(bars, horizon=5), [15, 16, NAN, NAN, NAN, NAN, NAN])
    assert_labels(found(bars, horizon=1, price="close"), [12, 13, 14, 15, 16, 17, NAN])


def test_no_return_is_told_from_a_price_of_0_or_less() -> None:
    bars = minutes("2018-02-20 14:30", [10, 0, -5, 20, 30])
    assert_labels(found(bars, horizon=1, kind="return"), [-1.0, NAN, NAN, 0.5, NAN])


def test_a_label_looks_forward_not_back() -> None:
    """A label joined in the wrong direction would be a price that is already known."""
    bars = minutes("2018-02-20 14:30", [1, 2, 4, 8])
    labels = label(bars, Label(horizon=1), ONE_MINUTE)
    assert_labels(labels["label"].tolist(), [2, 4, 8, NAN])
    assert (labels["label_ts"] > labels["ts"])[:3].all()
    assert labels["label_ts"].isna().tolist() == [False] * 3 + [True]


def test_a_return_is_the_later_price_over_the_present_one() -> None:
    bars = minutes("2018-02-20 14:30", [10, 11, 12])
    np.testing.assert_allclose(
        found(bars, horizon=1, kind="return"), [0.1, 12 / 11 - 1, NAN], rtol=1e-15
    )


def test_the_horizon_is_exact_by_the_clock() -> None:
    """A minute without a bar has no label; the next existing bar is not used."""
    times = ["14:30", "14:31", "14:33", "14:34"]
    bars = bars_at([f"2018-02-20 {t}" for t in times], [1, 2, 3, 4])
    assert_labels(found(bars, horizon=2), [NAN, 3, NAN, NAN])
    assert_labels(found(bars, horizon=1), [2, NAN, 4, NAN])


def test_a_label_is_of_the_same_symbol() -> None:
    bars = pd.concat(
        [
            minutes("2018-02-20 14:30", [1, 2]),
            minutes("2018-02-20 14:30", [5, 6, 7]).assign(symbol="BBB"),
        ]
    )
    assert_labels(found(bars, horizon=1), [2, NAN, 6, 7, NAN])


def test_base_bars_of_five_minutes_count_five_minutes_each() -> None:
    bars = bars_at([f"2018-02-20 14:{m}" for m in (30, 35, 40)], [1, 2, 3])
    assert_labels(found(bars, BarSize.parse("5min"), horizon=2), [3, NAN, NAN])


def test_a_label_stays_within_its_session() -> None:
    """In a 24-hour market, the next session begins when this one ends."""
    bars = minutes("2018-01-20 23:58", [1, 2, 3, 4])
    assert_labels(found(bars, horizon=1), [2, NAN, 4, NAN])
    schedule = Sessions("24/7", date(2018, 1, 1)).schedule(
        [date(2018, 1, 20), date(2018, 1, 21)]
    )
    across = found(bars, horizon=1, across_sessions=True, schedule=schedule)
    assert_labels(across, [2, 3, 4, NAN])


def test_across_sessions_trading_time_goes_on_at_the_next_open() -> None:
    """The half day ends at 18:00 UTC, the next session opens Monday 14:30 UTC."""
    bars = pd.concat(
        [
            minutes("2018-11-21 20:58", [1, 2]),
            minutes("2018-11-23 14:30", [3, 4]),
            minutes("2018-11-23 17:58", [5, 6]),
            minutes("2018-11-26 14:30", [7, 8, 9]),
        ]
    )
    days = [date(2018, 11, 21), HALF_DAY, date(2018, 11, 26)]
    schedule = Sessions("XNYS", date(2018, 1, 1)).schedule(days)
    labels = label(bars, Label(horizon=2, across_sessions=True), ONE_MINUTE, schedule)
    assert_labels(labels["label"].tolist(), [3, 4, NAN, NAN, 7, 8, 9, NAN, NAN])
    assert labels["label_ts"].iloc[5] == pd.Timestamp("2018-11-26 14:31", tz="UTC")


def test_across_sessions_a_short_last_bar_counts_as_one() -> None:
    """Hourly bars from 14:30; the seventh bar lasts half an hour."""
    times = ["2018-02-20 19:30", "2018-02-20 20:30", "2018-02-21 14:30"]
    bars = bars_at(times, [1, 2, 3])
    schedule = Sessions("XNYS", date(2018, 1, 1)).schedule(
        [date(2018, 2, 20), date(2018, 2, 21)]
    )
    across = found(
        bars, BarSize.parse("1h"), horizon=1, across_sessions=True, schedule=schedule
    )
    assert_labels(across, [2, 3, NAN])


def test_across_sessions_bars_outside_trading_hours_have_no_label() -> None:
    bars = minutes("2018-02-20 14:29", [1, 2, 3])
    schedule = Sessions("XNYS", date(2018, 1, 1)).schedule([date(2018, 2, 20)])
    across = found(bars, horizon=1, across_sessions=True, schedule=schedule)
    assert_labels(across, [NAN, 3, NAN])


def test_across_sessions_bars_off_the_grid_are_refused() -> None:
    bars = bars_at(["2018-02-20 15:00", "2018-02-20 16:00"], [1, 2])
    schedule = Sessions("XNYS", date(2018, 1, 1)).schedule([date(2018, 2, 20)])
    with pytest.raises(BadInput, match=r"2018-02-20T15:00.* whole number of base bars"):
        found(
            bars,
            BarSize.parse("1h"),
            horizon=1,
            across_sessions=True,
            schedule=schedule,
        )


def test_daily_labels_count_sessions_of_the_calendar() -> None:
    """Monday 2018-02-19 is a holiday; the symbol has no bar on the 21st."""
    bars = bars_at(["2018-02-16", "2018-02-20", "2018-02-22"], [1, 2, 3])
    days = [date(2018, 2, day) for day in (16, 20, 21, 22, 23)]
    schedule = Sessions("XNYS", date(2018, 1, 1)).schedule(days)
    assert_labels(found(bars, ONE_DAY, horizon=1, schedule=schedule), [2, NAN, NAN])
    assert_labels(found(bars, ONE_DAY, horizon=2, schedule=schedule), [NAN, 3, NAN])
    ends = label(bars, Label(horizon=3), ONE_DAY, schedule)
    assert_labels(ends["label"].tolist(), [3, NAN, NAN])
    assert ends["label_ts"].iloc[0] == pd.Timestamp("2018-02-22", tz="UTC")


def test_a_label_along_the_calendar_needs_its_schedule() -> None:
    bars = bars_at(["2018-02-16"], [1])
    with pytest.raises(BadInput, match="needs the schedule"):
        found(bars, ONE_DAY)
    schedule = Sessions("XNYS", date(2018, 1, 1)).schedule([date(2018, 2, 20)])
    with pytest.raises(BadInput, match="lacks the session 2018-02-16 of the bars"):
        found(bars, ONE_DAY, schedule=schedule)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"horizon": 0}, "horizon: found 0; it must be at least 1 bar"),
        ({"horizon": -5}, "horizon: found -5"),
        ({"price": "vwpa"}, "price: found 'vwpa'; .* Did you mean 'vwap'"),
        ({"kind": "returns"}, "kind: found 'returns'; .* Did you mean 'return'"),
        ({"relative_to": "market"}, "relative_to: found 'market' with kind: level"),
        (
            {"relative_to": "grup", "kind": "return"},
            "relative_to: found 'grup'; .* Did you mean 'group'",
        ),
    ],
)
def test_a_label_that_is_no_label_is_refused(wanted: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Label(**wanted)


@settings(max_examples=40, deadline=None)
@given(
    bars=bar_frames(),
    horizon=st.integers(1, 9),
    kind=st.sampled_from(["level", "return"]),
)
def test_every_label_is_a_price_that_a_search_by_hand_finds(
    bars: pd.DataFrame, horizon: int, kind: Any
) -> None:
    bars["session"] = pd.Timestamp("2018-02-20")
    labels = label(bars, Label(horizon=horizon, kind=kind), ONE_MINUTE)
    price = bars.set_index(["symbol", "ts"])["vwap"]
    for row, found in zip(bars.itertuples(), labels.itertuples(), strict=True):
        later = (row.symbol, row.ts + pd.Timedelta(minutes=horizon))
        if later not in price.index:
            assert np.isnan(found.label)
            assert found.label_ts is pd.NaT
            continue
        expected = price[later] if kind == "level" else price[later] / row.vwap - 1
        assert found.label == expected
        assert found.label_ts == later[1]


def test_the_order_of_the_bars_is_kept_and_times_are_microseconds() -> None:
    bars = minutes("2018-02-20 14:30", [1, 2, 3]).iloc[[2, 0, 1]]
    labels = label(bars, Label(horizon=1), ONE_MINUTE)
    assert_labels(labels["label"].tolist(), [NAN, 2, 3])
    assert labels["ts"].tolist() == bars["ts"].tolist()
    assert str(labels["label_ts"].dtype) == "datetime64[us, UTC]"


def test_no_bars_have_no_labels() -> None:
    labels = label(minutes("2018-02-20 14:30", [1]).iloc[:0], Label(), ONE_MINUTE)
    assert list(labels.columns) == ["symbol", "ts", "label", "label_ts"]
    assert labels.empty


# Bars by activity (volume, trades or value)

OF_VOLUME = BarSize.parse("volume:100")
UNEVEN = bars_at(
    [
        "2018-02-20 14:30:00.000001",
        "2018-02-20 14:30:00.000009",
        "2018-02-20 20:59:59",
        "2018-02-21 14:30:07",
        "2018-02-23 14:31:00",
    ],
    [1, 2, 3, 4, 5],
)


def test_bars_of_volume_are_counted_one_by_one_within_their_session() -> None:
    assert_labels(found(UNEVEN, OF_VOLUME, horizon=1), [2, 3, NAN, NAN, NAN])
    assert_labels(found(UNEVEN, OF_VOLUME, horizon=2), [3, NAN, NAN, NAN, NAN])


WEEK = {
    "across_sessions": True,
    "schedule": Sessions("XNYS", date(2018, 1, 1)).schedule(
        day.date() for day in pd.bdate_range("2018-02-20", "2018-02-26")
    ),
}


def test_across_sessions_bars_of_volume_are_counted_on() -> None:
    """Bars are not counted past the session of the 22nd, which has no bars."""
    assert_labels(found(UNEVEN, OF_VOLUME, horizon=1, **WEEK), [2, 3, 4, NAN, NAN])
    assert_labels(found(UNEVEN, OF_VOLUME, horizon=2, **WEEK), [3, 4, NAN, NAN, NAN])


def test_a_session_in_which_others_have_bars_is_counted_over() -> None:
    """Bars are not counted further than ``horizon`` sessions."""
    others = bars_at(["2018-02-21 15:00"], [7], symbol="BBB")
    quiet = bars_at(
        ["2018-02-20 15:00", "2018-02-22 15:00", "2018-02-22 16:00"], [1, 2, 3]
    )
    both = pd.concat([quiet, others], ignore_index=True)
    assert_labels(found(both, OF_VOLUME, horizon=2, **WEEK), [3, NAN, NAN, NAN])
    assert_labels(found(both, OF_VOLUME, horizon=1, **WEEK), [NAN, 3, NAN, NAN])


def test_bars_of_volume_across_sessions_need_the_calendar() -> None:
    with pytest.raises(BadInput, match="needs the schedule of the market's"):
        found(UNEVEN, OF_VOLUME, horizon=1, across_sessions=True)


@given(frame=bar_frames(max_bars=20), horizon=st.integers(1, 5), order=st.randoms())
def test_labels_of_bars_of_volume_are_those_of_a_shift(frame, horizon, order) -> None:
    session = frame["ts"].dt.tz_localize(None).dt.normalize()
    frame = frame.assign(session=session)
    expected = frame.groupby(["symbol", "session"])["vwap"].shift(-horizon)
    rows = order.sample(range(len(frame)), len(frame))
    mixed = frame.iloc[rows].reset_index(drop=True)
    assert_labels(found(mixed, OF_VOLUME, horizon=horizon), expected.iloc[rows])


def three_symbols() -> pd.DataFrame:
    """Bars of three symbols; BBB lacks its last bar, and CCC its second one."""
    rows = [
        minutes("2018-02-20 14:30", prices).assign(symbol=name)
        for name, prices in (
            ("AAA", [10, 11, 12, 15]),
            ("BBB", [20, 21, 18]),
            ("CCC", [50, 40, 44, 55]),
        )
    ]
    bars = pd.concat(rows, ignore_index=True)
    bars["group"] = bars["symbol"].map({"AAA": "x", "BBB": "x", "CCC": "y"})
    return bars.drop(index=8).reset_index(drop=True)


def test_a_label_relative_to_the_market_is_less_the_mean_at_its_time() -> None:
    bars = three_symbols()
    returns = found(bars, horizon=1, kind="return")
    away = found(bars, horizon=1, kind="return", relative_to="market")
    first = (11 / 10 - 1 + 21 / 20 - 1) / 2  # CCC has no bar a minute later
    assert away[0] == pytest.approx(11 / 10 - 1 - first, abs=1e-15)
    assert away[4] == pytest.approx(21 / 20 - 1 - first, abs=1e-15)
    third = (15 / 12 - 1 + 55 / 44 - 1) / 2
    assert away[2] == pytest.approx(15 / 12 - 1 - third, abs=1e-15)
    np.testing.assert_array_equal(np.isnan(away), np.isnan(returns))
    of_group = found(bars, horizon=1, kind="return", relative_to="group")
    np.testing.assert_allclose(of_group[:2], [away[0], (12 / 11 - 18 / 21) / 2])
    assert of_group[2] == 0.0  # the only one of its group with a return


@settings(max_examples=25, deadline=None)
@given(
    bars=bar_frames(max_symbols=4),
    horizon=st.integers(1, 9),
    by=st.sampled_from(["market", "group"]),
)
def test_relative_labels_are_those_of_pandas(
    bars: pd.DataFrame, horizon: int, by: str
) -> None:
    bars = bars.assign(
        session=pd.Timestamp("2018-02-20"),
        group=bars["symbol"].map({"AAA": "x", "CCC": "x"}),
    )
    plain = label(bars, Label(horizon=horizon, kind="return"), ONE_MINUTE)
    keys = [bars["ts"]] + [bars["group"]] * (by == "group")
    mean = plain["label"].groupby(keys, dropna=False).transform("mean")
    relative = Label(horizon=horizon, kind="return", relative_to=by)
    away = label(bars, relative, ONE_MINUTE)
    np.testing.assert_allclose(
        away["label"], plain["label"] - mean, rtol=1e-9, atol=1e-12
    )
    pd.testing.assert_series_equal(away["label_ts"], plain["label_ts"])


def test_a_relative_label_needs_common_times() -> None:
    wanted = Label(kind="return", relative_to="market")
    wanted.check_bars(ONE_MINUTE)
    with pytest.raises(BadInput, match="bars of volume:10 begin at other"):
        label(three_symbols(), wanted, BarSize.parse("volume:10"))
