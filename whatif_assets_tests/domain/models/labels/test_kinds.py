"""Kinds of labels: examples by hand, and what each may read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.bars.adjustments import Step, Steps, adjusted
from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.labels import LABELS, Label, label, parse_kind
from whatif_assets.domain.models.labels.touches import first_touches
from whatif_assets_tests.generators import bar_frames

NAN = math.nan
WINDOW, HORIZON = 4, 3
VOLATILITY = f"realized_volatility_{WINDOW}_close"
SIDE = "roc_1_close"
# Settings of each kind, and the volatility of a move to the horizon that gives 0.01.
SETTINGS: dict[str, dict[str, Any]] = {
    "level": {},
    "return": {},
    "direction": {"dead_band": 1.0, "volatility_window": WINDOW},
    "scaled_return": {"volatility_window": WINDOW},
    "triple_barrier": {"volatility_window": WINDOW},
    "meta": {"side": {"roc": {"timeperiod": 1}}, "volatility_window": WINDOW},
}
ONE_PERCENT = 0.01 * math.sqrt(WINDOW / HORIZON)


def of(kind: str, horizon: int = HORIZON, **changed: Any) -> Label:
    given = parse_kind(kind, {**SETTINGS[kind], **changed})
    return Label("close", horizon, kind, settings=given)


def bars_of(rows: list[tuple[float, float, float, float]], side: float = 1.0) -> Any:
    """Bars of a minute from open, high, low and close."""
    ts = pd.date_range("2018-02-20 14:30", periods=len(rows), freq="min", tz="UTC")
    bars = pd.DataFrame(rows, columns=["open", "high", "low", "close"], dtype=float)
    return bars.assign(
        symbol="AAA",
        ts=ts.as_unit("us"),
        session=pd.Timestamp("2018-02-20"),
        **{VOLATILITY: ONE_PERCENT, SIDE: side},
    )


def flat(*closes: float) -> Any:
    return bars_of([(c, c, c, c) for c in closes])


def labels_of(bars: pd.DataFrame, wanted: Label) -> tuple[list[float], list[int]]:
    """Labels, and the number of the bar that each ends with; -1 without a label."""
    found = label(bars, wanted, ONE_MINUTE)
    ends = [
        -1 if end is pd.NaT else int(np.flatnonzero(bars["ts"] == end)[0])
        for end in found["label_ts"]
    ]
    return found["label"].tolist(), ends


def test_the_columns_of_the_examples_are_those_of_the_features():
    wanted = of("meta")
    assert [feature.column for feature in wanted.features] == [VOLATILITY, SIDE]
    assert of("direction", dead_band=0.0).features == ()
    assert set(SETTINGS) == set(LABELS)


def test_a_direction_is_the_sign_beyond_the_dead_band():
    bars = flat(100, 100, 100, 100.9, 101.1, 98.9, 100, 100, 100)
    found, ends = labels_of(bars, of("direction"))
    assert found[:6] == [0, 1, -1, 0, -1, 1]
    assert np.isnan(found[6:]).all()
    assert ends == [3, 4, 5, 6, 7, 8, -1, -1, -1]
    found, _ = labels_of(bars, of("direction", dead_band=0.0))
    assert found[:6] == [1, 1, -1, -1, -1, 1]


def test_a_scaled_return_is_in_volatilities_of_a_move_to_the_horizon():
    bars = flat(100, 100, 100, 102, 99).assign(
        **{VOLATILITY: [ONE_PERCENT, 0, 1, 1, 1]}
    )
    found, ends = labels_of(bars, of("scaled_return"))
    assert found[0] == pytest.approx(2.0, rel=1e-12)  # 2 % in units of 1 %
    assert np.isnan(found[1:]).all()  # a volatility of 0, and no bar at the horizon
    assert ends == [3, -1, -1, -1, -1]


BARRIERS = {
    "profit": ([(100, 100.5, 99.5, 100), (100, 101.2, 99.5, 100)], 1, 2, 0.01),
    "stop": ([(100, 100.5, 98.9, 100)], -1, 1, -0.01),
    "both in one bar are the stop": ([(100, 101.5, 98.5, 100)], -1, 1, -0.01),
    "time": ([(100, 100.5, 99.5, 100.4)] * 4, 0, 3, 0.004),
    "touched later than the horizon": ([(100, 100, 100, 100)] * 3, 0, 3, 0.0),
    "opened beyond the profit": ([(102, 103, 101.5, 102)], 1, 1, 0.02),
    "opened beyond the stop": ([(97, 97, 96, 97)], -1, 1, -0.03),
}


@pytest.mark.parametrize("case", BARRIERS)
def test_the_first_barrier_decides(case):
    later, value, end, gain = BARRIERS[case]
    after = [(110, 110, 90, 100)] * (5 - len(later))
    bars = bars_of([(100, 105, 95, 100), *later, *after])
    found, ends = labels_of(bars, of("triple_barrier"))
    assert (found[0], ends[0]) == (value, end)
    found, ends = labels_of(bars, of("triple_barrier", value="return"))
    assert found[0] == pytest.approx(gain, abs=1e-12)
    assert ends[0] == end


def test_barriers_have_widths_of_their_own():
    bars = bars_of([(100, 100, 100, 100), (100, 101.5, 98.5, 100)] + [(100,) * 4] * 3)
    for profit, stop, value in ((2, 1, -1), (1, 2, 1), (2, 2, 0)):
        found, _ = labels_of(bars, of("triple_barrier", profit=profit, stop=stop))
        assert found[0] == value


def test_a_bar_without_a_bar_at_the_horizon_has_no_label_whatever_it_touches():
    """Labels where a barrier is touched, and none elsewhere, would be a selection."""
    bars = bars_of([(100, 100, 100, 100), (100, 150, 100, 100), (100, 100, 50, 100)])
    found, ends = labels_of(bars, of("triple_barrier"))
    assert np.isnan(found).all()
    assert ends == [-1, -1, -1]


def test_a_meta_label_tells_whether_the_trade_of_a_side_gains():
    up = [(100, 100, 100, 100), (100, 101.2, 100, 101)] + [(101,) * 4] * 3
    for side, value in ((2.0, 1.0), (-0.1, 0.0), (0.0, NAN), (NAN, NAN)):
        found, _ = labels_of(bars_of(up, side), of("meta"))
        np.testing.assert_array_equal(found[0], value)
    down = [(100, 100, 100, 100), (100, 100, 98.8, 99)] + [(99,) * 4] * 3
    assert labels_of(bars_of(down, -1.0), of("meta"))[0][0] == 1.0
    neither = [(100, 100, 100, 100)] * 5
    assert labels_of(bars_of(neither), of("meta"))[0][0] == 0.0


def test_a_path_goes_on_across_a_split():
    """Unsplit bars have the same labels as bars of which three become 1 : 3."""
    days = pd.date_range("2018-02-20", periods=12, freq="B")
    draw = np.random.default_rng(5)
    close = 90 * np.exp(np.cumsum(draw.normal(0, 0.02, 12)))
    whole = bars_of([(c, c * 1.01, c * 0.99, c) for c in close]).assign(
        ts=days.tz_localize("UTC").as_unit("us"), session=days, vwap=close
    )
    schedule = pd.DataFrame(
        {"open": whole["ts"], "close": whole["ts"]}, index=days.date
    )
    steps = Steps.of([(days[6].date(), {"AAA": Step(split=3.0)})])
    traded = adjusted(
        whole, Steps.of([(days[6].date(), {"AAA": Step(1 / 3)})]), days[0]
    )
    assert not np.allclose(traded["close"], whole["close"])
    for kind in ("triple_barrier", "scaled_return"):
        expected = label(whole, of(kind), ONE_DAY, schedule)
        found = label(traded, of(kind), ONE_DAY, schedule, steps)
        np.testing.assert_allclose(found["label"], expected["label"], rtol=1e-9)
        assert found["label_ts"].equals(expected["label_ts"])
        assert found["label"].notna().sum() == 9


@pytest.mark.parametrize("kind", LABELS)
@settings(max_examples=12, deadline=None)
@given(bars=bar_frames(min_bars=8), draw=st.randoms(use_true_random=False))
def test_a_label_depends_on_its_bar_and_on_those_up_to_its_end(kind, bars, draw):
    """Neither later nor earlier bars change it; volatility and side are of its bar."""
    rng = np.random.default_rng(draw.randrange(2**31))
    moves = rng.uniform(0.001, 0.05, len(bars))
    bars = bars.assign(
        session=pd.Timestamp("2018-02-20"),
        **{VOLATILITY: moves, SIDE: rng.normal(size=len(bars))},
    )
    before = label(bars, of(kind), ONE_MINUTE)
    known = before[before["label"].notna()]
    if known.empty:
        return
    row = known.loc[draw.choice(known.index.tolist())]
    outside = (bars["ts"] < row["ts"]) | (bars["ts"] > row["label_ts"])
    columns = ["open", "high", "low", "close", VOLATILITY, SIDE]
    changed = bars.copy()
    noise = rng.uniform(0.5, 2, (outside.sum(), len(columns)))
    changed.loc[outside, columns] = bars.loc[outside, columns].to_numpy() * noise
    after = label(changed, of(kind), ONE_MINUTE).loc[row.name]
    assert (after["label"], after["label_ts"]) == (row["label"], row["label_ts"])
    # The end is a bar of the symbol itself.
    at = (bars["ts"] == row["label_ts"]) & (bars["symbol"] == row["symbol"])
    assert at.sum() == 1


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("level", {"profit": 1}, "profit: found with kind: level, .*triple_barrier"),
        ("return", {"widht": 1}, "widht: unknown field"),
        ("meta", {}, "side: this field is required"),
        ("meta", {"side": "macdd"}, "side: feature macdd: unknown"),
        ("triple_barrier", {"stop": 0}, "stop: found 0; a number above 0"),
        ("triple_barrier", {"value": "sign"}, "value: found 'sign'; allowed are"),
        ("direction", {"dead_band": "no"}, "dead_band: found 'no', a text"),
        ("barrier", {}, "kind: found 'barrier'; .*mean 'triple_barrier'"),
    ],
)
def test_settings_that_a_kind_does_not_have_are_refused(kind, given, message):
    with pytest.raises(BadInput, match=message):
        parse_kind(kind, given)


def test_prices_and_barriers_have_no_common_mean():
    for kind in ("level", "triple_barrier", "meta"):
        with pytest.raises(BadInput, match=f"with kind: {kind}, from which"):
            given = parse_kind(kind, SETTINGS[kind])
            Label(kind=kind, relative_to="market", settings=given)


def test_forecasts_become_returns_or_scores():
    rows = pd.DataFrame(
        {"price": [100.0, 0.0], VOLATILITY: [ONE_PERCENT] * 2, SIDE: [-3.0, 2.0]}
    )
    forecasts = np.array([50.0, 0.5])
    expected = {
        "level": [-0.5, NAN],
        "return": [50.0, 0.5],
        "direction": [50.0, 0.5],
        "scaled_return": [0.5, 0.005],
        "triple_barrier": [50.0, 0.5],
        "meta": [-50.0, 0.5],
    }
    for kind, values in expected.items():
        wanted = of(kind)
        found = wanted.of_kind.expected_return(wanted, forecasts, rows)
        np.testing.assert_allclose(found, values, rtol=1e-12)


def test_the_compiled_loop_is_that_of_python():
    draw = np.random.default_rng(3)
    close = 100 + np.cumsum(draw.normal(0, 0.5, 60))
    high, low = close + 0.3, close - 0.3
    first, last = np.arange(1, 41), np.arange(11, 51)
    side = draw.choice([-1.0, 1.0], 40)
    profit, stop = close[:40] + side * 1.8, close[:40] - side * 1.8
    inputs = (high, low, profit, stop, side, first, last)
    compiled = first_touches(*inputs)
    plain = first_touches.py_func(*inputs)
    for one, other in zip(compiled, plain):
        np.testing.assert_array_equal(one, other)
    assert set(plain[1]) == {-1, 0, 1}
