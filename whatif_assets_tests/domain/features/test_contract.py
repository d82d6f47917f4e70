"""Properties of every feature in the registry that is computed for each symbol.

For features across symbols see ``test_cross_sections``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.features import (
    FEATURES,
    Feature,
    compute,
    compute_features,
    features_of_sessions,
    session_features,
)
from whatif_assets_tests.domain.features.example_facts import (
    feature_of,
    with_benchmark,
    with_facts,
)
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays
from whatif_assets_tests.generators import bar_frames

OF_ONE = [name for name, function in FEATURES.items() if not function.across_symbols]
ALL = [feature_of(name) for name in OF_ONE]
PRICES = ["open", "high", "low", "close", "vwap"]

# Arguments other than the defaults; each feature gets those that it takes.
OTHERS = {
    "timeperiod": 7,
    "fastperiod": 4,
    "slowperiod": 9,
    "signalperiod": 3,
    "atrperiod": 5,
    "window": 40,
    "price": "vwap",
    "displacement": 3,
    "fastk_period": 6,
    "timeperiod2": 5,
    "other": "low",
}


def with_other_arguments(name: str) -> Feature:
    known = FEATURES[name].arguments.model_fields
    return feature_of(name, **{k: v for k, v in OTHERS.items() if k in known})


def with_inputs(bars: pd.DataFrame) -> pd.DataFrame:
    return with_benchmark(with_facts(bars))


def walks_with_inputs(*arguments: Any, **options: Any) -> pd.DataFrame:
    return with_inputs(random_walks(*arguments, **options))


def frames_with_inputs(**options: Any) -> st.SearchStrategy[pd.DataFrame]:
    return bar_frames(**options).map(with_inputs)


def assert_same_bits(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare the columns of all features."""
    for feature in ALL:
        np.testing.assert_array_equal(
            bits(found[feature.column]), bits(expected[feature.column]), feature.column
        )


def bits(values: pd.Series) -> npt.NDArray[np.int64]:
    return values.to_numpy(dtype=np.float64).view(np.int64)


@settings(max_examples=25, deadline=None)
@given(bars=frames_with_inputs(max_bars=120, max_symbols=2), cut=st.integers(1, 120))
def test_it_is_causal(bars: pd.DataFrame, cut: int) -> None:
    place = bars.groupby("symbol").cumcount()
    changed = bars.copy()
    changed.loc[place >= cut, [*PRICES, "volume"]] *= 3.0
    whole = compute_features(bars, ALL)[place < cut]
    assert_same_bits(compute_features(bars[place < cut], ALL), whole)
    assert_same_bits(compute_features(changed, ALL)[place < cut], whole)


@settings(max_examples=10, deadline=None)
@given(bars=frames_with_inputs(max_bars=100))
def test_symbols_do_not_touch_one_another(bars: pd.DataFrame) -> None:
    together = compute_features(bars, ALL)
    for _, alone in bars.groupby("symbol"):
        assert_same_bits(compute_features(alone, ALL), together.loc[alone.index])


@settings(max_examples=25, deadline=None)
@given(bars=frames_with_inputs(min_bars=1, max_bars=100, max_symbols=1))
def test_no_value_is_infinite(bars: pd.DataFrame) -> None:
    values = compute_features(bars, ALL).drop(columns=["symbol", "ts"])
    assert not np.isinf(values.to_numpy()).any()


@pytest.fixture(scope="module")
def long_walk() -> pd.DataFrame:
    """One symbol for longer than any default warm-up."""
    walk = walks_with_inputs(weekdays(24), symbols=1)
    assert len(walk) > max(feature.warm_up for feature in ALL) + 1000
    return walk


@pytest.mark.parametrize("name", OF_ONE)
def test_its_warm_up_suffices(name: str, long_walk: pd.DataFrame) -> None:
    for feature in (feature_of(name), with_other_arguments(name)):
        whole = feature.of(long_walk)
        scale = np.nanmedian(np.abs(whole))
        for last in (len(whole) - 1, len(whole) - 333, feature.warm_up + 9):
            alone = feature.of(long_walk.iloc[last - feature.warm_up : last + 1])[-1]
            assert not np.isnan(alone)
            np.testing.assert_allclose(
                alone, whole[last], rtol=1e-9, atol=1e-10 * scale
            )


@pytest.mark.parametrize("name", OF_ONE)
def test_it_has_values_once_it_has_warmed_up(name: str) -> None:
    walk = walks_with_inputs(weekdays(1), symbols=1)
    values = with_other_arguments(name).of(walk)
    known = np.flatnonzero(~np.isnan(values))
    assert known[0] <= with_other_arguments(name).warm_up
    assert len(known) == len(walk) - known[0]


def test_a_session_has_the_same_bits_in_any_range() -> None:
    days = weekdays(8)
    walks = walks_with_inputs(days, symbols=2, keep=0.9, bars=120)
    history = {day: days[: days.index(day)] for day in days[5:]}
    together = features_of_sessions(walks, history, ALL)
    by_day = dict(list(walks.groupby("session")))
    for day in days[5:]:
        alone = session_features(
            lambda d: by_day[pd.Timestamp(d)].drop(columns="session"),
            day,
            history[day],
            ALL,
        )
        assert_same_bits(alone, together[together["session"] == pd.Timestamp(day)])


@pytest.mark.parametrize("missing", [*PRICES, "volume"])
def test_a_bar_without_what_it_reads_is_nan_and_skipped(missing: str) -> None:
    walk = walks_with_inputs(weekdays(1), symbols=1)
    rows = [0, 1, 50, 51, 200]
    walk.loc[rows, missing] = np.nan
    found = compute_features(walk, ALL)
    without = compute_features(walk.drop(index=rows), ALL)
    complete = compute_features(walk.fillna({missing: 1.0}), ALL)
    for feature in ALL:
        reads = FEATURES[feature.function].columns(dict(feature.arguments))
        parts = {"high", "low", "close"} if "typical" in reads else set()
        column = found[feature.column]
        if not FEATURES[feature.function].skips_missing:
            continue
        if missing in {*reads, *parts}:
            assert column[rows].isna().all(), feature.column
            np.testing.assert_array_equal(
                column.drop(index=rows), without[feature.column], feature.column
            )
        else:
            np.testing.assert_array_equal(
                column, complete[feature.column], feature.column
            )


def test_its_unit_says_how_it_scales() -> None:
    walk = walks_with_inputs(weekdays(1), symbols=1, bars=500)
    # Powers of two, so that not a bit of a mantissa changes.
    scaled = walk.assign(
        **{price: walk[price] * 2.0**-3 for price in PRICES},
        volume=walk["volume"] * 2.0**4,
    )
    by_unit = {"price": 2.0**-3, "difference": 2.0**-3, "volume": 2.0**4, "money": 2.0}
    before, after = compute_features(walk, ALL), compute_features(scaled, ALL)
    for feature in ALL:
        factor = by_unit.get(FEATURES[feature.function].unit, 1.0)
        if feature.function == "emv":  # a square of a price by a volume
            factor = 2.0**-6 / 2.0**4
        # The logarithm of a price, which scaling moves.
        moved = np.log(2.0**-3) if feature.function == "spread" else 0.0
        np.testing.assert_allclose(
            after[feature.column],
            before[feature.column] * factor + moved,
            rtol=1e-9,
            atol=1e-11,
            err_msg=feature.column,
        )


# Features that are undefined for constant prices without volume; the others are the
# price, or 0.
UNDEFINED = {
    *("adx", "adxr", "dx", "plus_di", "minus_di", "massi", "rsi", "cmo", "cci"),
    *("stochf_k", "stochf_d", "stoch_k", "stoch_d", "stochrsi_k", "stochrsi_d"),
    *("willr", "ultosc", "bollinger", "cvi", "cmf", "obv_ratio", "pvt_ratio", "mfi"),
    *("emv", "weighted_linearreg", "weighted_linearreg_slope"),
    *("weighted_linearreg_intercept", "realized_correlation", "regression_slope"),
    *("regression_intercept", "weighted_regression_slope"),
    *("weighted_regression_intercept", "spread_zscore"),
}


def test_what_is_undefined_is_nan() -> None:
    walk = walks_with_inputs(weekdays(1), symbols=1, bars=500)
    still = walk.assign(**dict.fromkeys(PRICES, 0.1), volume=0.0)
    values = compute_features(still, ALL)
    unknown = {f.function for f in ALL if values[f.column].isna().all()}
    assert unknown == UNDEFINED
    for feature in ALL:
        if feature.function not in UNDEFINED:
            known = values[feature.column].dropna()
            of_scale = FEATURES[feature.function].unit in ("price",)
            expected = 0.1 if of_scale else known.iloc[-1]
            np.testing.assert_allclose(known, expected, rtol=1e-9, atol=1e-12)


def test_it_starts_to_say_something_when_prices_move_again() -> None:
    walk = walks_with_inputs(weekdays(1), symbols=1, bars=500)
    walk.loc[:199, PRICES] = walk.loc[200, "open"]
    walk.loc[:199, "volume"] = 0.0
    values = compute_features(walk, ALL)
    for feature in ALL:
        if feature.function not in ("kvo", "kvo_signal"):
            assert values[feature.column].iloc[-1:].notna().all(), feature.column


@pytest.mark.parametrize("bars", [0, 1])
def test_too_few_bars_give_a_value_each_and_no_error(bars: int) -> None:
    walk = walks_with_inputs(weekdays(1), symbols=1).iloc[:bars]
    assert len(compute_features(walk, ALL)) == bars


def test_it_leaves_the_bars_alone() -> None:
    walk = walks_with_inputs(weekdays(1))
    before = walk.copy()
    compute_features(walk, ALL)
    pd.testing.assert_frame_equal(walk, before)


def test_talib_unstable_periods_change_nothing_and_stay() -> None:
    walk = walks_with_inputs(weekdays(1), symbols=1)
    before = compute_features(walk, ALL)
    talib.set_unstable_period("ALL", 7)
    try:
        assert_same_bits(compute_features(walk, ALL), before)
        assert talib.get_unstable_period("EMA") == 7
    finally:
        talib.set_unstable_period("ALL", 0)


@pytest.mark.parametrize("name", FEATURES)
def test_it_says_what_it_is_and_what_it_reads(name: str) -> None:
    function = FEATURES[name]
    assert function.compute.__doc__
    assert function.description.endswith(".")
    assert function.inputs


def test_columns_are_unique_and_need_no_quotes() -> None:
    columns = [feature_of(name).column for name in FEATURES]
    assert len(set(columns)) == len(columns)
    assert all(column.isidentifier() for column in columns)


def test_several_features_are_the_single_ones_side_by_side() -> None:
    walk = walks_with_inputs(weekdays(2))
    frame = compute_features(walk, ALL)
    assert list(frame.columns) == ["symbol", "ts", *(f.column for f in ALL)]
    singly = {f.column: compute(walk, f.function, **dict(f.arguments)) for f in ALL}
    assert_same_bits(frame, pd.DataFrame(singly))
