import pickle
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
    functions_of,
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
        ({"rank": {"of": "rsi"}}, "rank_market_of_rsi_14_close"),
        (
            {"rank": {"of": {"ema": {"relative_to": "close"}}, "by": "group"}},
            "rank_group_of_ema_10_close_to_close",
        ),
        (
            {
                "zscore": {
                    "of": {"winsorise": {"of": "rsi", "limit": 0.1}},
                    "bar": "60min",
                }
            },
            "zscore_market_of_winsorise_0p1_market_of_rsi_14_close_of_1h",
        ),
        ({"beta": {"to": "SPY"}}, "beta_390_close_spy"),
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
        ("rank", "feature rank: of: missing; write the feature whose values are"),
        ({"rank": {"of": "rsii"}}, "feature rsii: unknown; .* Did you mean 'rsi'?"),
        ({"rank": {"of": 3}}, "feature: found 3; write a name"),
        ({"rank": {"of": "rsi", "by": "sector"}}, "rank: by: found 'sector'; allowed"),
        ({"rank": {"of": {"ema": {"bar": "1h"}}}}, "rank: of: found bar 1h inside; wr"),
        (
            {"rank": {"of": "close", "relative_to": "open"}},
            "rank: relative_to: the fea",
        ),
        ({"ema": {"of": "rsi"}}, "feature ema: of: unknown field; allowed are"),
        ("winsorise+limit=0.5+of=rsi", "winsorise: limit: found 0.5; a number below"),
        ("+of=".join(["rank"] * 5 + ["rsi"]), "of: at most 5 features can be nested"),
        ("rank+of=", r"feature rank: of: missing"),
        ("beta", "feature beta: to: this field is required"),
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
        (
            {"rank": {"by": "group", "bar": "1h", "of": {"ema": {"timeperiod": 5}}}},
            "rank+by=group+bar=1h+of=ema+timeperiod=5",
        ),
        (
            {
                "zscore": {
                    "of": {"winsorise": {"limit": 0.2, "of": {"beta": {"to": "B"}}}}
                }
            },
            "zscore+of=winsorise+limit=0.2+of=beta+to=B",
        ),
    ],
)
def test_a_feature_in_one_line_is_the_same_feature(item: Any, text: str) -> None:
    feature = parse_feature(item)
    assert feature.text == text
    assert parse_feature(text) == feature


def test_a_feature_across_symbols_needs_what_the_feature_inside_needs() -> None:
    inside = parse_feature({"beta": {"to": "SPY", "timeperiod": 20}})
    across = parse_feature({"rank": {"of": {"demean": {"of": inside}}, "bar": "1h"}})
    assert across.warm_up == inside.warm_up == 20
    assert across.elsewhere == inside.elsewhere == ("close", "SPY")
    assert [feature.function for feature in across.chain] == ["rank", "demean", "beta"]
    assert across.leaf == parse_feature("beta+to=SPY+timeperiod=20+bar=1h")
    assert inside.leaf is inside
    assert functions_of([across, parse_feature("rsi")]) == [
        *("beta", "demean", "rank", "rsi")
    ]
    assert parse_feature("rank+of=last_value+fact=macro.DFF").fact == "macro.DFF"
    assert not across.reads_groups
    assert parse_feature("rank+of=demean+by=group+of=rsi").reads_groups


def test_a_feature_across_symbols_is_not_computed_for_one_symbol() -> None:
    walk = random_walks(weekdays(1), symbols=1, bars=5)
    with pytest.raises(BadInput, match="rank_market_of_close: it compares symbols"):
        parse_feature("rank+of=close").of(walk)


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


def test_the_innermost_feature_takes_its_warm_up_along() -> None:
    # In the process that probes a user's function, warm-ups cannot be computed.
    for more in ({}, {"bar": "1h"}):
        of = {"sma": {"timeperiod": 7}}
        feature = parse_feature({"demean": {"of": of, **more}})
        sent = pickle.loads(pickle.dumps(feature))
        assert vars(sent.leaf)["warm_up"] == 6
