from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.features import (
    bars_with_history,
    compute_features,
    features_of_sessions,
    oldest_sessions_read,
    parse_feature,
    part_with_history,
    session_features,
    warm_up,
)
from whatif_assets.engines.spark.features import compute_features_spark
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ITEMS = (
    "vwap",
    "volume",
    "ema",
    {"ema": {"timeperiod": 30, "relative_to": "close"}},
    "macd",
    "macd_signal",
    {"macd_hist": {"relative_to": "vwap"}},
    {"realized_correlation": {"symbol": "S02", "other": "close"}},
    {"regression_slope": {"symbol": "S02", "other": "typical"}},
)
FEATURES = [parse_feature(item) for item in ITEMS]
COLUMNS = [feature.column for feature in FEATURES]
SESSIONS = weekdays(12)


@pytest.fixture(scope="module")
def walks() -> pd.DataFrame:
    return random_walks(SESSIONS, symbols=3, keep=0.9)


def lake_of(bars: pd.DataFrame) -> Callable[[date], pd.DataFrame]:
    """Bars by session, as read from a lake."""
    by_day = dict(list(bars.groupby("session")))
    empty = bars.iloc[:0]
    return lambda day: by_day.get(pd.Timestamp(day), empty).drop(columns="session")


def history(sessions: list[date]) -> dict[date, list[date]]:
    return {day: SESSIONS[: SESSIONS.index(day)] for day in sessions}


def one(bars: pd.DataFrame, day: date, features: list = FEATURES) -> pd.DataFrame:
    return session_features(lake_of(bars), day, history([day])[day], features)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_session_alone_equals_the_whole_history(walks: pd.DataFrame) -> None:
    whole = compute_features(walks, FEATURES)
    for day in (SESSIONS[4], SESSIONS[-1]):
        of_day = whole[(walks["session"] == pd.Timestamp(day)).to_numpy()]
        alone = one(walks, day)
        assert alone["ts"].tolist() == of_day["ts"].tolist()
        for column in COLUMNS:
            np.testing.assert_allclose(
                alone[column], of_day[column].to_numpy(), rtol=1e-9, err_msg=column
            )


@pytest.mark.parametrize("period", [1, 2, 3, 10, 50, 200])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_warm_up_of_an_average_suffices_at_any_period(period: int, seed: int) -> None:
    walk = random_walks(SESSIONS, symbols=1, seed=seed)
    items = (
        {"ema": {"timeperiod": period}},
        {"macd": {"fastperiod": 2, "slowperiod": period + 3}},
    )
    signal = {"macd_signal": {"slowperiod": 30, "signalperiod": period}}
    features = [parse_feature(item) for item in (*items, signal)]
    whole = compute_features(walk, features)[-390:]
    alone = one(walk, SESSIONS[-1], features)
    for feature in features:
        found, expected = (
            alone[feature.column].to_numpy(),
            whole[feature.column].to_numpy(),
        )
        scale = np.median(np.abs(expected))  # a difference of averages crosses zero
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * scale)


def test_a_session_has_the_same_bits_in_any_range(walks: pd.DataFrame) -> None:
    days = SESSIONS[5:9]
    together = features_of_sessions(walks, history(days), FEATURES)
    singly = pd.concat([one(walks, day) for day in days])
    singly = singly.sort_values(["symbol", "ts"], ignore_index=True)
    assert_same(together.drop(columns="session"), singly)
    later = walks[walks["session"] >= pd.Timestamp(SESSIONS[2])]
    assert_same(features_of_sessions(later, history(days), FEATURES), together)


def test_a_column_has_the_same_bits_whatever_columns_stand_beside_it(
    walks: pd.DataFrame,
) -> None:
    together = one(walks, SESSIONS[-1])
    for feature in FEATURES:
        alone = one(walks, SESSIONS[-1], [feature])
        assert_same(alone, together[["symbol", "ts", feature.column]])


def test_a_symbol_has_the_same_bits_whatever_symbols_it_does_not_read(
    walks: pd.DataFrame,
) -> None:
    together = one(walks, SESSIONS[-1])
    alone = one(walks[walks["symbol"].isin(["S01", "S02"])], SESSIONS[-1])
    alone = alone[alone["symbol"] == "S01"].reset_index(drop=True)
    expected = together[together["symbol"] == "S01"].reset_index(drop=True)
    assert_same(alone, expected)


def test_a_session_ignores_later_sessions(walks: pd.DataFrame) -> None:
    day = SESSIONS[6]
    before = walks[walks["session"] <= pd.Timestamp(day)]
    expected = features_of_sessions(before, history([day]), FEATURES)
    assert_same(features_of_sessions(walks, history([day]), FEATURES), expected)


def test_earlier_sessions_are_read_only_while_some_symbol_lacks_bars(
    walks: pd.DataFrame,
) -> None:
    asked: list[date] = []

    def recording(day: date) -> pd.DataFrame:
        asked.append(day)
        return lake_of(walks)(day)

    session_features(recording, SESSIONS[-1], SESSIONS[:-1], FEATURES[:1])
    assert asked == [SESSIONS[-1]]
    asked.clear()
    session_features(recording, SESSIONS[-1], SESSIONS[:-1], [parse_feature("ema")])
    assert asked == [SESSIONS[-1], SESSIONS[-2]]


def test_a_sparse_symbol_walks_back_further_than_the_others() -> None:
    dense, sparse = (
        random_walks(SESSIONS, symbols=1),
        random_walks(SESSIONS, symbols=2, keep=0.1),
    )
    bars = pd.concat([dense, sparse[sparse["symbol"] == "S01"]], ignore_index=True)
    found = one(bars, SESSIONS[-1])
    whole = compute_features(bars, FEATURES)
    expected = whole[(bars["session"] == pd.Timestamp(SESSIONS[-1])).to_numpy()]
    known = found["symbol"] == "S01"
    np.testing.assert_allclose(
        found.loc[known, "ema_10_close"],
        expected.loc[expected["symbol"] == "S01", "ema_10_close"],
        rtol=1e-9,
    )


def test_what_a_sparse_symbol_reads_of_another_is_read_as_far_back() -> None:
    dense = random_walks(SESSIONS, symbols=1)
    sparse = random_walks(SESSIONS, symbols=2, keep=0.02)
    bars = pd.concat([dense, sparse[sparse["symbol"] == "S01"]], ignore_index=True)
    item = {"realized_correlation": {"symbol": "S00", "other": "close"}}
    features = [parse_feature(item)]
    days = SESSIONS[8:]
    together = features_of_sessions(bars, history(days), features)
    for day in days:
        mine = together[together["session"] == pd.Timestamp(day)]
        mine = mine.drop(columns="session").reset_index(drop=True)
        assert_same(one(bars, day, features), mine)
        assert mine.notna().all().all()


def test_a_newly_listed_symbol_does_not_read_all_history() -> None:
    days = weekdays(60)
    walks = random_walks(days, symbols=2, bars=100)
    new = (walks["symbol"] == "S01") & (walks["session"] < pd.Timestamp(days[-1]))
    asked: list[date] = []

    def recording(day: date) -> pd.DataFrame:
        asked.append(day)
        return lake_of(walks[~new])(day)

    frame = session_features(recording, days[-1], days[:-1], [parse_feature("ema")])
    assert len(asked) == 1 + 10 * 2 + 10  # 170 bars are two sessions of 100
    listed = frame[frame["symbol"] == "S01"]["ema_10_close"]
    assert listed.isna().sum() == 9
    bounded = walks[~new & (walks["session"] >= pd.Timestamp(days[5]))]
    history = {days[-1]: days[:-1]}
    ranged = features_of_sessions(bounded, history, [parse_feature("ema")])
    assert_same(ranged.drop(columns="session"), frame)


def test_the_first_session_of_all_starts_with_nan(walks: pd.DataFrame) -> None:
    frame = one(walks, SESSIONS[0])
    assert (
        frame.groupby("symbol")["ema_10_close"]
        .apply(lambda c: c.isna().sum())
        .eq(9)
        .all()
    )


def test_a_session_without_bars_has_no_rows(walks: pd.DataFrame) -> None:
    frame = session_features(lake_of(walks), date(2018, 1, 1), [], FEATURES)
    assert len(frame) == 0
    assert list(frame.columns) == ["symbol", "ts", *COLUMNS]


@pytest.mark.parametrize("kind", ["date", "datetime64[ns]", "datetime64[us]"])
def test_sessions_may_be_dates_of_any_type(walks: pd.DataFrame, kind: str) -> None:
    days = walks["session"]
    typed = walks.assign(session=days.dt.date if kind == "date" else days.astype(kind))
    found = features_of_sessions(typed, history(SESSIONS[3:5]), FEATURES)
    expected = features_of_sessions(walks, history(SESSIONS[3:5]), FEATURES)
    assert_same(found.drop(columns="session"), expected.drop(columns="session"))


def test_a_stretch_read_at_once_has_what_each_session_reads_alone() -> None:
    days = weekdays(12)
    walks = random_walks(days, symbols=3)
    # One symbol is listed in the middle of the stretch.
    late = (walks["symbol"] == walks["symbol"].iloc[-1]) & (
        walks["session"] < pd.Timestamp(days[8])
    )
    walks = walks[~late].reset_index(drop=True)
    stretch = days[6:11]
    bars = bars_with_history(lake_of(walks), stretch, days[:6], warm_up(FEATURES))
    wanted = {day: days[: days.index(day)] for day in stretch}
    together = features_of_sessions(bars, wanted, FEATURES)
    for day in stretch:
        alone = session_features(lake_of(walks), day, wanted[day], FEATURES)
        mine = together[together["session"] == pd.Timestamp(day)]
        assert_same(mine.drop(columns="session").reset_index(drop=True), alone)


REACHING = [
    parse_feature({"sma": {"timeperiod": 25}}),
    parse_feature(
        {"realized_correlation": {"timeperiod": 12, "symbol": "S00", "other": "close"}}
    ),
]


@st.composite
def thin_markets(draw: st.DrawFn) -> pd.DataFrame:
    """Three symbols with up to 12 bars per session, some only in some sessions."""
    seed = draw(st.integers(0, 99))
    bars = random_walks(SESSIONS, symbols=3, bars=12, seed=seed)
    for symbol in ("S01", "S02"):
        own = bars["symbol"] == symbol
        first, last = sorted(draw(st.tuples(*[st.sampled_from(SESSIONS)] * 2)))
        away = ~bars["session"].between(pd.Timestamp(first), pd.Timestamp(last))
        share = draw(st.sampled_from([0.1, 0.4, 1.0]))
        thinned = np.random.default_rng(seed).random(len(bars)) > share
        bars = bars[~(own & (away | thinned))].reset_index(drop=True)
        if draw(st.booleans()):
            gone = bars["session"] == pd.Timestamp(draw(st.sampled_from(SESSIONS)))
            own = bars["symbol"] == symbol
            bars = bars[~(own & gone)].reset_index(drop=True)
    return bars


@settings(max_examples=25, deadline=None)
@given(bars=thin_markets(), data=st.data())
def test_a_part_of_a_stretch_has_what_it_has_when_it_is_read_alone(
    bars: pd.DataFrame, data: st.DataObject
) -> None:
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, 11)] * 2)))
    needed = data.draw(st.sampled_from([0, 5, 30]))
    also = data.draw(st.sampled_from([set(), {"S00"}]))
    symbols = data.draw(st.sampled_from([{"S01"}, {"S02"}, {"S00", "S01"}]))
    stretch = SESSIONS[first : last + 1]
    from_, to = sorted(data.draw(st.tuples(*[st.sampled_from(stretch)] * 2)))
    days = [day for day in stretch if from_ <= day <= to]
    of_day, previous = lake_of(bars), history([*stretch])
    together = bars_with_history(of_day, stretch, previous[stretch[0]], needed, also)
    wanted = symbols | also

    def of_those(day: date) -> pd.DataFrame:
        return of_day(day)[lambda rows: rows["symbol"].isin(wanted)]

    alone = bars_with_history(of_those, days, previous[days[0]], needed, also)
    args = (days, previous[days[0]], needed, symbols, also)
    pd.testing.assert_frame_equal(part_with_history(together, *args), alone)


def reads(bars: pd.DataFrame, day: date, stretch: list[date]) -> set[date]:
    """Return the sessions that one session's features read, computed with others."""
    first = stretch[0]
    with_history = bars_with_history(
        lake_of(bars),
        stretch,
        history([first])[first],
        warm_up(REACHING),
        {"S00"},
    )
    oldest = oldest_sessions_read(with_history, history(stretch), REACHING)[day]
    return {d for d in SESSIONS if oldest <= d <= day}


@settings(max_examples=15, deadline=None)
@given(bars=thin_markets(), data=st.data())
def test_a_change_reaches_no_session_that_does_not_read_it(
    bars: pd.DataFrame, data: st.DataObject
) -> None:
    """Compared with brute force: change, add or remove bars, and compute again."""
    changed_day = data.draw(st.sampled_from(SESSIONS))
    there = np.flatnonzero(bars["session"] == pd.Timestamp(changed_day))
    how = data.draw(st.sampled_from(["price", "fewer", "more"]))
    if how == "price":
        row = data.draw(st.sampled_from(list(there)))
        after = bars.copy()
        after.loc[row, ["open", "high", "low", "close", "vwap"]] *= 1.5
    elif how == "fewer":
        after = bars.drop(index=there[:: data.draw(st.integers(1, 3))])
    else:
        full = random_walks(SESSIONS, symbols=3, bars=12, seed=7)
        new = full[full["session"] == pd.Timestamp(changed_day)]
        both = pd.concat([bars, new]).drop_duplicates(["symbol", "ts"])
        after = both.sort_values(["symbol", "ts"])
    after = after.reset_index(drop=True)
    for day in SESSIONS:
        same = one(bars, day, REACHING).equals(one(after, day, REACHING))
        assert same or changed_day in reads(bars, day, [day])
        if changed_day not in reads(bars, day, [day]):
            assert reads(after, day, [day]) == reads(bars, day, [day])


@settings(max_examples=10, deadline=None)
@given(bars=thin_markets())
def test_a_session_of_a_stretch_reads_what_it_reads_alone(bars: pd.DataFrame) -> None:
    stretch = SESSIONS[3:]
    for day in stretch:
        assert reads(bars, day, stretch) == reads(bars, day, [day])


def test_what_a_session_reads_decides_its_features() -> None:
    """The bars of the oldest session that is reported do affect the values."""
    bars = random_walks(SESSIONS, symbols=2, bars=12)
    day = SESSIONS[-1]
    assert reads(bars, day, [day]) == set(SESSIONS[-3:])  # 24 bars before the first
    for earlier, moves in ((SESSIONS[-3], True), (SESSIONS[-4], False)):
        after = bars.copy()
        rows = after["session"] == pd.Timestamp(earlier)
        after.loc[rows, "close"] *= 2
        assert one(bars, day, REACHING).equals(one(after, day, REACHING)) is not moves


@pytest.mark.spark
def test_spark_gives_the_same_bits(spark: SparkSession, walks: pd.DataFrame) -> None:
    days = SESSIONS[5:8]
    expected = features_of_sessions(walks, history(days), FEATURES)
    assert_same(compute_features_spark(spark, walks, history(days), FEATURES), expected)


@pytest.mark.spark
def test_spark_reads_its_own_frames_in_any_order(
    spark: SparkSession, walks: pd.DataFrame
) -> None:
    days = SESSIONS[5:6]
    shuffled = walks.sample(frac=1, random_state=1)
    frame = spark.createDataFrame(shuffled.assign(session=shuffled["session"].dt.date))
    expected = features_of_sessions(walks, history(days), FEATURES)
    assert_same(compute_features_spark(spark, frame, history(days), FEATURES), expected)
