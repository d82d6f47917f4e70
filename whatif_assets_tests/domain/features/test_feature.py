from typing import Any

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import (
    FEATURES,
    FeatureFunction,
    check_symbols_read,
    compute,
    parse_feature,
    warm_up,
)
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays


@pytest.mark.parametrize(
    ("item", "column"),
    [
        ("vwap", "vwap"),
        ("typical", "typical"),
        ("ema", "ema_10_close"),
        ({"ema": None}, "ema_10_close"),
        ({"ema": {"timeperiod": 30, "price": "vwap"}}, "ema_30_vwap"),
        ({"ema": {"relative_to": "close"}}, "ema_10_close_to_close"),
        ({"close": {"relative_to": "vwap"}}, "close_to_vwap"),
        ("macd", "macd_12_26_9_close"),
        ({"macd_signal": {"slowperiod": 40}}, "macd_signal_12_40_9_close"),
        ("ema+timeperiod=30+price=vwap", "ema_30_vwap"),
        ("t3+vfactor=0.5+relative_to=close", "t3_5_0p5_close_to_close"),
    ],
)
def test_a_column_is_named_after_what_was_asked_for(item: Any, column: str) -> None:
    assert parse_feature(item).column == column


def test_defaults_written_out_are_the_same_feature() -> None:
    written = {"ema": {"price": "close", "timeperiod": 10}}
    assert parse_feature(written) == parse_feature("ema")
    assert parse_feature(parse_feature("ema")) == parse_feature("ema")
    assert hash(parse_feature(written)) == hash(parse_feature("ema"))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("emma", "feature emma: unknown; allowed are .* Did you mean 'ema'?"),
        ({"ema": {"period": 3}}, "ema: period: unknown .* timeperiod.* Did you mean"),
        (
            {"ema": {"timeperiod": 0}},
            "feature ema: timeperiod: found 0; a number of 1 or more",
        ),
        ({"ema": {"timeperiod": 2.5}}, "feature ema: timeperiod: found 2.5; "),
        ({"ema": {"price": "clsoe"}}, "price: found 'clsoe'.* Did you mean 'close'?"),
        ({"macd": {"fastperiod": 26}}, "fastperiod 26 is not below slowperiod 26"),
        ({"ema": {"relative_to": "volume"}}, "relative_to: found 'volume'; allowed"),
        (
            {"volume": {"relative_to": "close"}},
            "volume: relative_to: the feature is not a price",
        ),
        ({"ema": 10}, "feature: found {'ema': 10}; write"),
        ({"ema": {}, "vwap": {}}, "a name with arguments"),
        (7, "feature: found 7; write"),
        ("ema+timeperiod", r"feature: found 'ema\+timeperiod'; write"),
        ("ema+timeperiod=x", "feature ema: timeperiod: found 'x', a text; "),
    ],
)
def test_a_wrong_feature_is_refused_by_name(item: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message.replace("?", r"\?")):
        parse_feature(item)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"ema": {"timeperiod": 10}}, "ema"),
        (
            {"kc_upper": {"nbdev": 1.5, "price": "vwap"}},
            "kc_upper+nbdev=1.5+price=vwap",
        ),
        ({"high": {"relative_to": "close"}}, "high+relative_to=close"),
        (
            {"regression_slope": {"symbol": "BRK.B"}},
            "regression_slope+symbol=BRK.B",
        ),
    ],
)
def test_a_feature_in_one_line_is_the_same_feature(item: Any, text: str) -> None:
    feature = parse_feature(item)
    assert feature.text == text
    assert parse_feature(text) == feature


def test_warm_up_is_the_longest_of_the_features() -> None:
    features = [parse_feature(item) for item in ("vwap", "ema", "macd")]
    assert [f.warm_up for f in features] == sorted(f.warm_up for f in features)
    assert warm_up(features) == features[-1].warm_up
    assert warm_up(features[:1]) == warm_up([]) == 0


def test_a_symbol_that_the_market_lacks_is_named() -> None:
    feature = parse_feature("realized_correlation+symbol=SPX")
    check_symbols_read([feature], ["SPX"])
    with pytest.raises(
        BadInput,
        match=r"'SPX' is not one of the market's 2 symbols.* Did you mean 'SPY'\?",
    ):
        check_symbols_read([parse_feature("ema"), feature], ["SPY", "QQQ"])


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, FeatureFunction]:
    monkeypatch.setattr(
        "whatif_assets.domain.features.feature.FEATURES", extended := dict(FEATURES)
    )
    return extended


def test_a_further_feature_is_one_function_and_one_line(
    registry: dict[str, FeatureFunction],
) -> None:
    def momentum(
        bars: pd.DataFrame, bars_back: int = 3, share: float = 0.5
    ) -> pd.Series:
        return bars["close"].diff(bars_back) * share

    registry["momentum"] = FeatureFunction(momentum, lambda bars_back, share: bars_back)
    feature = parse_feature({"momentum": {"bars_back": 2}})
    assert feature.column == "momentum_2_0p5"
    assert feature.warm_up == 2
    walk = random_walks(weekdays(1), symbols=1, bars=5)
    expected = (walk["close"] - walk["close"].shift(2)) * 0.5
    np.testing.assert_array_equal(compute(walk, "momentum", bars_back=2), expected)
    with pytest.raises(BadInput, match="bars_back: found 'x'"):
        parse_feature({"momentum": {"bars_back": "x"}})


def test_a_function_that_returns_too_few_values_is_named(
    registry: dict[str, FeatureFunction],
) -> None:
    registry["short"] = FeatureFunction(lambda bars: bars["close"].iloc[1:])
    with pytest.raises(BadInput, match=r"feature short: .* shape \(4,\) for 5 bars"):
        compute(random_walks(weekdays(1), symbols=1, bars=5), "short")
