"""Features of a symbol against another one, compared with pandas and scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import (
    check_symbols_read,
    compute,
    features_of_sessions,
    parse_feature,
)
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

T = 30
NAMES = ["beta", "residual", "spread", "spread_zscore"]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Two symbols of which the first one follows the second one."""
    walks = random_walks(weekdays(1), symbols=2, bars=200)
    leader = walks.loc[walks["symbol"] == "S01", "close"].to_numpy()
    follows = walks["symbol"] == "S00"
    walks.loc[follows, "close"] *= (leader / leader[0]) ** 1.5
    return walks


def closes(bars: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Log prices of the follower and of the leader, by time."""
    wide = np.log(bars.pivot(index="ts", columns="symbol", values="close"))
    return wide["S00"], wide["S01"]


def lines(
    own: pd.Series, other: pd.Series
) -> Iterator[tuple[LinearRegression, npt.NDArray[np.float64]]]:
    """Fit each window by least squares, and return what the line leaves."""
    for first in range(len(own) - T + 1):
        y = own.iloc[first : first + T].to_numpy()
        x = other.iloc[first : first + T].to_numpy()[:, None]
        fit = LinearRegression().fit(x, y)
        yield fit, y - fit.predict(x)


def of_follower(bars: pd.DataFrame, name: str, period: int = T) -> pd.Series:
    values = compute(bars, name, to="S01", timeperiod=period)
    return values[bars["symbol"] == "S00"]


def same(found: pd.Series, expected: pd.Series, atol: float = 0.0) -> None:
    np.testing.assert_allclose(
        found.to_numpy(), expected.to_numpy(), rtol=1e-9, atol=atol
    )


def test_beta_is_the_covariance_over_the_variance(bars: pd.DataFrame) -> None:
    own, other = (series.diff() for series in closes(bars))
    expected = own.rolling(T).cov(other) / other.rolling(T).var()
    assert expected.notna().sum() == 200 - T
    same(of_follower(bars, "beta"), expected)


def test_the_residual_is_the_return_without_its_beta(bars: pd.DataFrame) -> None:
    own, other = (series.diff() for series in closes(bars))
    expected = own - own.rolling(T).cov(other) / other.rolling(T).var() * other
    same(of_follower(bars, "residual"), expected, atol=1e-12)


def test_the_spread_takes_its_hedge_ratio_from_the_last_bars(
    bars: pd.DataFrame,
) -> None:
    own, other = closes(bars)
    hedge = [np.nan] * (T - 1) + [fit.coef_[0] for fit, _ in lines(own, other)]
    same(of_follower(bars, "spread"), own - hedge * other, atol=1e-9)


def test_the_zscore_is_that_of_the_residuals_of_the_window(bars: pd.DataFrame) -> None:
    own, other = closes(bars)
    scores = [left[-1] / left.std(ddof=1) for _, left in lines(own, other)]
    expected = pd.Series([np.nan] * (T - 1) + scores)
    same(of_follower(bars, "spread_zscore"), expected, atol=1e-7)


def test_a_symbol_against_itself_has_nothing_left(bars: pd.DataFrame) -> None:
    found = {name: compute(bars, name, to="S01", timeperiod=T) for name in NAMES}
    own = bars["symbol"] == "S01"
    last = {name: values[own].iloc[T:] for name, values in found.items()}
    np.testing.assert_allclose(last["beta"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(last["residual"], 0.0, atol=1e-12)
    np.testing.assert_allclose(last["spread"], 0.0, atol=1e-9)
    assert last["spread_zscore"].isna().all()


@pytest.mark.parametrize("name", NAMES)
def test_bars_without_a_price_of_both_are_left_out(
    bars: pd.DataFrame, name: str
) -> None:
    gaps = bars.copy()
    row = gaps.index[gaps["symbol"] == "S01"][100]
    gaps.loc[row, "close"] = np.nan
    found, whole = of_follower(gaps, name), of_follower(bars, name)
    same(found.iloc[:100], whole.iloc[:100])
    # A slope needs no value of its own bar.
    assert np.isnan(found.iloc[100]) == (name != "beta")
    assert found.iloc[102:].notna().all()
    ratio = np.abs(found.iloc[102:130] / whole.iloc[102:130] - 1)
    assert ratio.max() > 1e-9  # the bar is missing in their windows
    same(found.iloc[102 + T :], whole.iloc[102 + T :])


@pytest.mark.parametrize("name", NAMES)
def test_prices_of_0_or_less_have_no_logarithm(bars: pd.DataFrame, name: str) -> None:
    below = bars.copy()
    rows = below.index[below["symbol"] == "S01"][[50, 60]]
    below.loc[rows, "close"] = [0.0, -1.0]
    found = of_follower(below, name)
    assert found.iloc[[50, 60]].isna().eq(name != "beta").all()
    assert np.isfinite(found.iloc[62:]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_session_alone_is_exact(name: str) -> None:
    days = weekdays(3)
    walks = random_walks(days, symbols=2, bars=60, keep=0.9)
    feature = parse_feature({name: {"to": "S01", "timeperiod": T}})
    alone = features_of_sessions(walks, {days[2]: days[:2]}, [feature])
    whole = compute(walks, name, to="S01", timeperiod=T)
    last = whole[walks["session"] == pd.Timestamp(days[2])]
    np.testing.assert_array_equal(alone[feature.column], last)


def test_the_other_symbol_has_to_be_named_and_to_exist() -> None:
    with pytest.raises(BadInput, match=r"feature beta: to: .* is missing"):
        parse_feature("beta")
    feature = parse_feature("rank+of=beta+to=SPX")
    check_symbols_read([feature], ["SPX"])
    with pytest.raises(BadInput, match=r"feature beta: to: 'SPX' is not one of .*SPY"):
        check_symbols_read([feature], ["SPY", "QQQ"])
