"""Features across symbols: golden values from pandas, and properties of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import (
    FAMILIES,
    FEATURES,
    FeatureFunction,
    compute,
    compute_features,
    features_of_sessions,
    parse_feature,
    session_features,
)
from whatif_assets.domain.features.cross_sections import check_same_times
from whatif_assets.engines.spark.features import compute_features_spark
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays
from whatif_assets_tests.generators import bar_frames

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAMES = list(FAMILIES["Across symbols"])
RETURN = {"rocp": {"timeperiod": 1}}
ALL = [
    parse_feature({name: {"of": of, "by": by}})
    for name in NAMES
    for by in ("market", "group")
    for of in ("volume", RETURN)
]
NESTED = parse_feature({"zscore": {"of": {"winsorise": {"of": RETURN, "limit": 0.2}}}})
COLUMNS = [feature.column for feature in ALL]
SESSIONS = weekdays(6)


def grouped(bars: pd.DataFrame) -> pd.DataFrame:
    """Put the symbols into three groups."""
    return bars.assign(group="g" + (bars["symbol"].str[1:].astype(int) % 3).astype(str))


def walks(symbols: int = 9, bars: int = 40, seed: int = 1) -> pd.DataFrame:
    """Sessions with missing bars, missing values and equal values."""
    made = random_walks(SESSIONS, symbols, bars=bars, keep=0.9, seed=seed)
    rng = np.random.default_rng(seed)
    made["volume"] = np.where(
        rng.random(len(made)) < 0.05, np.nan, made["volume"] // 100
    )
    return grouped(made)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return walks()


Transform = Callable[[Any], Any]
GOLDEN: dict[str, Transform] = {
    "rank": lambda by: by.rank(pct=True),
    "demean": lambda by: by.transform(lambda v: v - v.mean()),
    "zscore": lambda by: by.transform(
        lambda v: (v - v.mean()) / (v.std() if v.nunique() > 1 else np.nan)
    ),
    "winsorise": lambda by: by.transform(
        lambda v: v.clip(v.quantile(0.05), v.quantile(0.95))
    ),
}


def test_every_feature_across_symbols_is_compared_with_pandas() -> None:
    assert set(GOLDEN) == set(NAMES)
    assert {n for n, f in FEATURES.items() if f.across_symbols} == set(NAMES)


@pytest.mark.parametrize("by", ["market", "group"])
@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_pandas(bars: pd.DataFrame, name: str, by: str) -> None:
    keys = ["ts"] if by == "market" else ["ts", "group"]
    for of, values in (("volume", bars["volume"]), (RETURN, None)):
        if values is None:
            values = bars.groupby("symbol")["close"].pct_change(fill_method=None)
        expected = GOLDEN[name](values.groupby([bars[key] for key in keys]))
        found = compute(bars, name, of=of, by=by)
        assert found.notna().sum() > 1000
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_winsorising_takes_its_quantiles_from_the_argument(bars: pd.DataFrame) -> None:
    expected = bars.groupby("ts")["volume"].transform(
        lambda v: v.clip(v.quantile(0.3), v.quantile(0.7))
    )
    found = compute(bars, "winsorise", of="volume", limit=0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_one_feature_across_symbols_may_be_inside_another(bars: pd.DataFrame) -> None:
    moves = bars.groupby("symbol")["close"].pct_change(fill_method=None)
    limited = moves.groupby(bars["ts"]).transform(
        lambda v: v.clip(v.quantile(0.2), v.quantile(0.8))
    )
    expected = GOLDEN["zscore"](limited.groupby(bars["ts"]))
    found = compute_features(bars, [NESTED])[NESTED.column]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [0.1, -7.3, 0.0, 1e9])
def test_equal_values_are_equal_and_not_apart_by_rounding(value: float) -> None:
    still = walks().assign(volume=value)
    found = {name: compute(still, name, of="volume") for name in NAMES}
    assert (found["demean"] == 0).all()
    assert found["zscore"].isna().all()
    assert (found["winsorise"] == value).all()
    sizes = still.groupby("ts")["symbol"].transform("size")
    np.testing.assert_array_equal(found["rank"], (sizes + 1) / 2 / sizes)


def test_a_single_symbol_is_its_own_market(bars: pd.DataFrame) -> None:
    alone = bars[bars["symbol"] == "S03"].dropna(subset="volume")
    assert (compute(alone, "rank", of="volume") == 1).all()
    assert (compute(alone, "demean", of="volume") == 0).all()
    assert compute(alone, "zscore", of="volume").isna().all()
    assert compute(alone, "winsorise", of="volume").equals(
        alone["volume"].rename("winsorise_0p05_market_of_volume")
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_symbol_without_a_finite_value_is_not_in_the_cross_section(
    bars: pd.DataFrame, wrong: float
) -> None:
    rows = bars["symbol"] == "S04"
    spoiled = bars.assign(volume=bars["volume"].mask(rows, wrong))
    of_volume = [f for f in ALL if f.leaf.function == "volume"]
    found = compute_features(spoiled, of_volume)
    without = compute_features(bars[~rows].reset_index(drop=True), of_volume)
    for feature in of_volume:
        column = found[feature.column]
        assert column[rows].isna().all()
        np.testing.assert_array_equal(column[~rows], without[feature.column])


@settings(max_examples=20, deadline=None)
@given(bars=bar_frames(max_bars=40, max_symbols=5), cut=st.integers(0, 60))
def test_they_are_causal(bars: pd.DataFrame, cut: int) -> None:
    bars = bars.assign(group=bars["symbol"].str[-1])
    times = np.sort(bars["ts"].unique())
    until = bars["ts"] <= times[min(cut, len(times) - 1)]
    changed = bars.copy()
    changed.loc[~until, ["open", "high", "low", "close", "vwap", "volume"]] *= 3.0
    expected = compute_features(bars, ALL)[until].reset_index(drop=True)
    for other in (bars[until].reset_index(drop=True), changed):
        found = compute_features(other, ALL)
        found = found[other["ts"].isin(bars.loc[until, "ts"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(bars=bar_frames(max_bars=40, max_symbols=5))
def test_no_value_is_infinite_and_ranks_are_fractions(bars: pd.DataFrame) -> None:
    found = compute_features(bars.assign(group="one"), ALL)
    assert not np.isinf(found[COLUMNS].to_numpy()).any()
    ranks = found[[c for c in COLUMNS if c.startswith("rank")]].stack()
    assert ranks.between(0, 1, inclusive="right").all()


def test_a_session_has_the_same_bits_in_any_range(bars: pd.DataFrame) -> None:
    history = {day: SESSIONS[: SESSIONS.index(day)] for day in SESSIONS[2:]}
    features = [*ALL, NESTED]
    together = features_of_sessions(bars, history, features)
    by_day = dict(list(bars.groupby("session")))
    for day in SESSIONS[2:]:
        alone = session_features(
            lambda d: by_day[pd.Timestamp(d)].drop(columns="session"),
            day,
            history[day],
            features,
        )
        mine = together[together["session"] == pd.Timestamp(day)]
        mine = mine.drop(columns="session").reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, mine, check_exact=True)


def test_a_column_has_the_same_bits_whatever_columns_stand_beside_it(
    bars: pd.DataFrame,
) -> None:
    history = {SESSIONS[-1]: SESSIONS[:-1]}
    together = features_of_sessions(bars, history, [NESTED, *ALL, *ALL[0].chain[1:]])
    assert list(together.columns[3:]) == [NESTED.column, *COLUMNS, "volume"]
    for feature in ALL:
        alone = features_of_sessions(bars, history, [feature])
        expected = together[["symbol", "ts", "session", feature.column]]
        pd.testing.assert_frame_equal(alone, expected, check_exact=True)


def test_a_corrected_symbol_moves_the_others_at_its_time_only(
    bars: pd.DataFrame,
) -> None:
    feature = parse_feature("demean+of=volume")
    row = bars.index[(bars["symbol"] == "S02") & bars["volume"].notna()][30]
    corrected = bars.copy()
    corrected.loc[row, "volume"] += 1000
    before, after = (compute_features(b, [feature]) for b in (bars, corrected))
    moved = before[feature.column] != after[feature.column]
    moved &= before[feature.column].notna()
    at_its_time = bars["ts"] == bars.loc[row, "ts"]
    assert moved.equals(at_its_time & before[feature.column].notna())


def test_groups_have_to_be_there() -> None:
    made = walks().drop(columns="group")
    with pytest.raises(BadInput, match="feature rank: by: the bars have no column"):
        compute(made, "rank", of="volume", by="group")
    compute(made, "rank", of="volume")


def test_a_missing_group_is_a_group(bars: pd.DataFrame) -> None:
    partly = bars.assign(group=bars["group"].where(bars["group"] != "g1", None))
    found = compute(partly, "rank", of="volume", by="group")
    expected = compute(bars, "rank", of="volume", by="group")
    np.testing.assert_array_equal(found, expected)


def test_bars_by_activity_have_no_common_times() -> None:
    features = [parse_feature("rank+of=rsi")]
    check_same_times(features, BarSize.parse("1min"))
    check_same_times([parse_feature("rsi")], BarSize.parse("volume:100"))
    with pytest.raises(BadInput, match="feature rank: bars of volume:100 begin at"):
        check_same_times(features, BarSize.parse("volume:100"))


def test_a_further_feature_is_one_function_and_one_line(
    bars: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_largest(values: np.ndarray, sections: np.ndarray, times: float = 2.0) -> Any:
        largest = np.full(sections.max() + 1, -np.inf)
        np.maximum.at(largest, sections, values)
        return times * values / largest[sections]

    monkeypatch.setitem(FEATURES, "of_largest", FeatureFunction(of_largest))
    largest = bars.groupby("ts")["close"].transform("max")
    found = compute(bars, "of_largest", of="close", times=3)
    np.testing.assert_allclose(found, 3 * bars["close"] / largest, rtol=1e-12)
    assert found.name == "of_largest_3p0_market_of_close"

    monkeypatch.setitem(FEATURES, "short", FeatureFunction(lambda values, sections: 1))
    with pytest.raises(BadInput, match=r"short_market_of_close: .* one value per bar"):
        compute(bars, "short", of="close")


@pytest.mark.spark
def test_spark_gives_the_same_bits(spark: SparkSession, bars: pd.DataFrame) -> None:
    history = {day: SESSIONS[: SESSIONS.index(day)] for day in SESSIONS[3:5]}
    features = [*ALL, NESTED]
    expected = features_of_sessions(bars, history, features)
    found = compute_features_spark(spark, bars, history, features)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    shuffled = bars.sample(frac=1, random_state=1)
    frame = spark.createDataFrame(shuffled.assign(session=shuffled["session"].dt.date))
    found = compute_features_spark(spark, frame, history, features)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    with pytest.raises(BadInput, match="no column 'group'"):
        compute_features_spark(spark, frame.drop("group"), history, features)
