from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.core.errors import BadInput
from whatif_assets.core.features import (
    FEATURES,
    compute,
    compute_features,
    indicators,
    parse_feature,
)
from whatif_assets_tests.core.features.random_walks import random_walks, weekdays
from whatif_assets_tests.generators import bar_frames

MACD_LINES = ("macd", "macd_signal", "macd_hist")


def bars_of(close: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": "AAA",
            "ts": pd.date_range(
                "2018-02-20 14:30", periods=len(close), freq="min", tz="UTC"
            ),
            "close": close,
            "high": [c + 2 for c in close],
            "low": [c - 1 for c in close],
        }
    )


def test_ema_starts_at_the_mean_and_moves_by_alpha() -> None:
    ema = compute(bars_of([1.0, 2.0, 6.0, 7.0, 1.0]), "ema", timeperiod=3)
    np.testing.assert_array_equal(ema, [np.nan, np.nan, 3.0, 5.0, 3.0])


def test_ema_equals_backtraders(market_data: Path) -> None:
    """Constants of Backtrader's own test_ind_ema, period 30, its three check points."""
    raw = pd.read_csv(market_data / "raw/backtrader/2006-day-001.txt")
    ema = compute(bars_of(raw["Close"].tolist()), "ema", timeperiod=30)
    bars, first = len(raw), 30
    middle = bars - 1 + (first - bars) // 2
    found = ema.iloc[[bars - 1, first - 1, middle]]
    np.testing.assert_allclose(
        found, [4070.115719, 3644.444667, 3581.728712], rtol=0, atol=5e-7
    )
    assert ema.isna().sum() == first - 1


def test_ema_of_one_bar_is_the_price() -> None:
    np.testing.assert_array_equal(
        compute(bars_of([3.0, 4.0]), "ema", timeperiod=1), [3, 4]
    )


def test_macd_is_the_fast_less_the_slow_average_and_hist_the_rest() -> None:
    close = (100 + np.cumsum(np.random.default_rng(3).normal(size=400))).tolist()
    bars = bars_of(close)
    lines = {name: compute(bars, name).to_numpy() for name in MACD_LINES}
    fast, slow = (compute(bars, "ema", timeperiod=n).to_numpy() for n in (12, 26))
    known = slice(300, None)  # both seeds are long forgotten
    np.testing.assert_allclose(lines["macd"][known], (fast - slow)[known], rtol=1e-9)
    np.testing.assert_allclose(lines["macd_hist"], lines["macd"] - lines["macd_signal"])
    assert all(np.isnan(line).sum() == 26 + 9 - 2 for line in lines.values())


def test_typical_price_is_the_mean_of_high_low_and_close() -> None:
    np.testing.assert_allclose(compute(bars_of([10.0]), "typical"), [(12 + 9 + 10) / 3])


def test_relative_to_makes_a_price_a_return_and_a_difference_a_share() -> None:
    bars = bars_of([10.0, 20.0])
    np.testing.assert_allclose(compute(bars, "high", relative_to="close"), [0.2, 0.1])
    walk = random_walks(weekdays(1), symbols=1)
    share = compute(walk, "macd", relative_to="close")
    np.testing.assert_array_equal(share, compute(walk, "macd") / walk["close"])


def test_rsi_is_the_share_of_gains_in_all_moves() -> None:
    # Moves of 1, 1, -2: as much up as down. With 4 more, two thirds of the 2 remain
    # on either side: 4/3 + 4 up, 4/3 down.
    rsi = compute(bars_of([10.0, 11, 12, 10, 14]), "rsi", timeperiod=3)
    np.testing.assert_allclose(rsi, [np.nan] * 3 + [50, 80])


def test_rsi_of_a_price_that_has_not_moved_is_unknown() -> None:
    rsi = compute(bars_of([10.0] * 5 + [11.0]), "rsi", timeperiod=2)
    np.testing.assert_array_equal(rsi, [np.nan] * 5 + [100])


def test_bollinger_is_the_distance_from_the_mean_in_deviations() -> None:
    # Of 1, 2, 6 the mean is 3 and the deviation sqrt(14/3).
    away = compute(bars_of([1.0, 2, 6]), "bollinger", timeperiod=3)
    np.testing.assert_allclose(away, [np.nan, np.nan, 3 / np.sqrt(14 / 3)])


def test_bollinger_where_no_price_differs_is_unknown() -> None:
    away = compute(bars_of([0.1] * 7), "bollinger", timeperiod=3)
    assert away.isna().all()


def test_bollinger_beyond_two_is_beyond_talibs_bands() -> None:
    close = 100 + np.cumsum(np.random.default_rng(3).normal(size=400))
    away = compute(bars_of(close.tolist()), "bollinger", timeperiod=20).to_numpy()
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    known = slice(19, None)
    expected = 2 * (close - middle) / (upper - middle)
    np.testing.assert_allclose(away[known], expected[known], rtol=1e-6)
    np.testing.assert_array_equal(away > 2, close > upper)
    np.testing.assert_array_equal(away < -2, close < lower)


def test_bollinger_does_not_depend_on_how_windows_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walk = random_walks(weekdays(1), symbols=1)
    whole = compute(walk, "bollinger")
    monkeypatch.setattr(indicators, "_WINDOW_VALUES", 100)
    np.testing.assert_allclose(compute(walk, "bollinger"), whole, rtol=1e-12)


@pytest.mark.parametrize("name", ["ema", "rsi", "bollinger", *MACD_LINES])
def test_a_bar_without_a_price_is_nan_and_skipped(name: str) -> None:
    walk = random_walks(weekdays(1), symbols=1)
    missing = [0, 1, 50, 51, 200]
    walk.loc[missing, "close"] = np.nan
    values = compute(walk, name)
    assert values.iloc[missing].isna().all()
    without = compute(walk.drop(index=missing), name)
    np.testing.assert_array_equal(values.drop(index=missing), without)


@pytest.mark.parametrize("name", sorted(FEATURES))
@pytest.mark.parametrize("bars", [0, 1])
def test_too_few_bars_give_a_value_each_and_no_error(name: str, bars: int) -> None:
    walk = random_walks(weekdays(1), symbols=1).iloc[:bars]
    assert len(compute(walk, name)) == bars


def test_all_prices_missing_gives_nan() -> None:
    assert compute(bars_of([np.nan] * 40), "ema").isna().all()
    assert compute(bars_of([np.nan] * 40), "macd").isna().all()


@pytest.mark.parametrize("name", ["ema", "rsi", "bollinger", *MACD_LINES])
@pytest.mark.parametrize("function", ["EMA", "ALL"])
def test_talib_unstable_periods_change_nothing_and_stay(
    name: str, function: str
) -> None:
    walk = random_walks(weekdays(1), symbols=1)
    before = compute(walk, name)
    talib.set_unstable_period(function, 7)
    try:
        np.testing.assert_array_equal(compute(walk, name), before)
        assert talib.get_unstable_period("EMA") == 7
    finally:
        talib.set_unstable_period(function, 0)


def test_columns_that_are_not_contiguous_float64_are_read_right() -> None:
    walk = random_walks(weekdays(1), symbols=1)
    whole = walk.assign(close=np.arange(390) % 7 + 50)  # int64
    odd = walk.assign(close=pd.array(np.arange(390) % 7 + 50, dtype="Int64"))
    np.testing.assert_array_equal(compute(whole, "ema"), compute(odd, "ema"))
    expected = compute(whole.astype({"close": "float64"}), "ema")
    np.testing.assert_array_equal(compute(whole, "ema"), expected)


def test_bars_out_of_order_or_twice_are_refused() -> None:
    walk = random_walks(weekdays(1), bars=3)
    with pytest.raises(BadInput, match=r"row 1 \(S00, .* UTC\) is not after"):
        compute(walk.iloc[[1, 0, 2]], "ema")
    with pytest.raises(BadInput, match=r"row 1 .* each bar once"):
        compute(walk.iloc[[0, 0]], "ema")
    with pytest.raises(BadInput, match=r"row 3 \(S00"):
        compute(walk.iloc[[3, 4, 5, 0]], "ema")


class TestContract:
    """What every feature of the registry keeps to."""

    @pytest.mark.parametrize("name", sorted(FEATURES))
    @settings(max_examples=15, deadline=None)
    @given(bars=bar_frames(max_bars=60), cut=st.integers(1, 60))
    def test_it_is_causal(self, name: str, bars: pd.DataFrame, cut: int) -> None:
        place = bars.groupby("symbol").cumcount()
        kept = bars[place < cut]
        changed = bars.copy()
        prices = ["open", "high", "low", "close", "vwap", "volume"]
        changed.loc[place >= cut, prices] *= 3.0
        whole = compute(bars, name)[kept.index]
        assert_same_bits(compute(kept, name), whole)
        assert_same_bits(compute(changed, name)[kept.index], whole)

    @pytest.mark.parametrize("name", sorted(FEATURES))
    @settings(max_examples=10, deadline=None)
    @given(bars=bar_frames())
    def test_symbols_do_not_touch_one_another(
        self, name: str, bars: pd.DataFrame
    ) -> None:
        together = compute(bars, name)
        for _, alone in bars.groupby("symbol"):
            assert_same_bits(compute(alone, name), together[alone.index])

    @pytest.mark.parametrize("name", sorted(FEATURES))
    def test_it_leaves_the_bars_alone(self, name: str) -> None:
        walk = random_walks(weekdays(1))
        before = walk.copy()
        compute(walk, name)
        pd.testing.assert_frame_equal(walk, before)

    @pytest.mark.parametrize("name", sorted(FEATURES))
    def test_it_says_what_it_is(self, name: str) -> None:
        assert FEATURES[name].compute.__doc__

    def test_columns_are_unique_and_need_no_quotes(self) -> None:
        columns = [parse_feature(name).column for name in FEATURES]
        assert len(set(columns)) == len(columns)
        assert all(column.isidentifier() for column in columns)

    def test_several_features_are_the_single_ones_side_by_side(self) -> None:
        walk = random_walks(weekdays(2))
        features = [parse_feature(name) for name in FEATURES]
        frame = compute_features(walk, features)
        assert list(frame.columns) == ["symbol", "ts", *(f.column for f in features)]
        for feature in features:
            assert_same_bits(frame[feature.column], compute(walk, feature.function))


def assert_same_bits(found: pd.Series, expected: pd.Series) -> None:
    def bits(values: pd.Series) -> npt.NDArray[np.int64]:
        return values.to_numpy(dtype=np.float64).view(np.int64)

    np.testing.assert_array_equal(bits(found), bits(expected))
