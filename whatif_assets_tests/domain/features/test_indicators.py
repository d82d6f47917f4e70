"""Indicators on bars that can be checked by hand."""

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import compute, parse_feature
from whatif_assets.domain.features.indicators import windows
from whatif_assets.domain.features.indicators.momentum import _flat
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

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


def test_all_prices_missing_gives_nan() -> None:
    assert compute(bars_of([np.nan] * 40), "ema").isna().all()
    assert compute(bars_of([np.nan] * 40), "macd").isna().all()


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


def bars_with(**columns: list[float]) -> pd.DataFrame:
    bars = bars_of(columns["close"])
    return bars.assign(**columns)


def test_sar_soon_says_the_same_wherever_it_began() -> None:
    walk = random_walks(weekdays(6), symbols=1)
    high, low = walk["high"].to_numpy(), walk["low"].to_numpy()
    from_the_first_bar = talib.SAR(high, low, 0.02, 0.2)
    found = compute(walk, "sar")
    np.testing.assert_allclose(found[249:], from_the_first_bar[249:], rtol=1e-14)
    assert found[:249].isna().all()


def test_sar_of_a_window_is_what_it_says_that_begins_there() -> None:
    walk = random_walks(weekdays(1), symbols=1)
    found = compute(walk, "sar", window=12)
    high, low = walk["high"].to_numpy(), walk["low"].to_numpy()
    for last in range(11, len(walk)):
        window = slice(last - 11, last + 1)
        begun_there = talib.SAR(high[window], low[window], 0.02, 0.2)
        np.testing.assert_allclose(found[last], begun_there[-1], rtol=1e-14)


def test_sar_refuses_an_acceleration_above_its_maximum() -> None:
    with pytest.raises(BadInput, match=r"acceleration 0.3 is above maximum 0.2"):
        parse_feature({"sar": {"acceleration": 0.3}})


def test_running_totals_are_taken_over_the_last_bars() -> None:
    bars = bars_with(close=[10.0, 12, 11, 11, 22], volume=[5.0, 10, 30, 20, 40]).assign(
        high=[10.0, 12, 12, 11, 24], low=[10.0, 10, 11, 11, 20]
    )
    nan = np.nan
    expected = {
        "obv": [nan, nan, 10 - 30, -30, 40],
        "obv_ratio": [nan, nan, -20 / 40, -30 / 50, 40 / 60],
        "pvt": [nan, nan, 2 - 2.5, -2.5, 40],
        "ad": [nan, 10, 10 - 30, -30, 0],
        "cmf": [nan, 10 / 15, -20 / 40, -30 / 50, 0],
        "nvi": [nan, nan, 1, 1, 1],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(
            compute(bars, name, timeperiod=2), values, err_msg=name
        )


def test_a_span_of_the_cloud_was_known_when_it_was_drawn() -> None:
    walk = random_walks(weekdays(1), symbols=1)
    middle = compute(walk, "midprice", timeperiod=52)
    span = compute(walk, "ichimoku_span_b")
    np.testing.assert_array_equal(span, middle.shift(26))


def test_the_other_price_may_be_that_of_another_symbol() -> None:
    walk = random_walks(weekdays(2), symbols=3, keep=0.9)
    found = compute(walk, "realized_correlation", symbol="S02", other="close")
    prices = walk.pivot(index="ts", columns="symbol", values="close")
    for symbol in ("S00", "S01"):
        own = prices[prices[symbol].notna()]
        mine, theirs = (np.log(own[s]).diff().to_numpy() for s in (symbol, "S02"))
        expected = np.full(len(own), np.nan)
        for last in range(15, len(own)):
            window = slice(last - 14, last + 1)
            both = ~np.isnan(theirs[window])
            expected[last] = np.corrcoef(mine[window][both], theirs[window][both])[0, 1]
        of_symbol = found[walk["symbol"] == symbol]
        np.testing.assert_allclose(of_symbol, expected, rtol=1e-9, atol=1e-12)
    itself = found[walk["symbol"] == "S02"].dropna()
    np.testing.assert_allclose(itself, 1.0)


def test_another_symbol_that_has_no_bars_gives_nan() -> None:
    walk = random_walks(weekdays(1), symbols=1)
    assert compute(walk, "regression_slope", symbol="S09").isna().all()


def test_columns_name_the_other_symbol() -> None:
    feature = parse_feature({"regression_slope": {"symbol": "BRK.B"}})
    assert feature.column == "regression_slope_15_close_open_brkpb"
    assert feature.elsewhere == ("open", "BRK.B")


def test_deviations_side_by_side_are_those_of_each_window_alone():
    values = np.random.default_rng(7).normal(100, 1, 3_000)
    means, deviations = windows.window_deviation(values, 20)
    for last in (19, 1_041, 1_042, 1_043, 2_999):
        alone = windows.window_deviation(values[last - 19 : last + 1].copy(), 20)
        assert (means[last], deviations[last]) == (alone[0][-1], alone[1][-1])
    assert np.isnan(means[:19]).all()


@given(
    low=st.lists(st.sampled_from([1.0, 1.0, 1.0, 2.0]), max_size=12),
    ranges=st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0]), min_size=12, max_size=12),
    bars=st.integers(1, 5),
)
def test_flat_is_where_the_highest_high_is_the_lowest_low(low, ranges, bars):
    lows = np.array(low)
    highs = lows + np.array(ranges[: len(low)])
    spans = [slice(max(n - bars + 1, 0), n + 1) for n in range(len(lows))]
    expected = [
        n >= bars - 1 and highs[span].max() == lows[span].min()
        for n, span in enumerate(spans)
    ]
    assert _flat(highs, lows, bars).tolist() == expected
