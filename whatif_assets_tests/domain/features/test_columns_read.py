"""A feature can be computed from the columns that it is said to read, and no fewer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.features import FEATURES, compute_features, parse_feature
from whatif_assets.domain.features.columns_read import columns_read
from whatif_assets_tests.domain.features.example_facts import (
    BENCHMARK,
    example_facts,
    feature_of,
)
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Two symbols, one of which is what others are compared with."""
    walk = random_walks(weekdays(2), symbols=2)
    return walk.assign(symbol=walk["symbol"].replace(walk["symbol"].max(), BENCHMARK))


def values(bars: pd.DataFrame, feature) -> pd.Series:
    facts = example_facts().beside(bars, bars["ts"] + pd.Timedelta(minutes=1))
    return compute_features(facts, [feature])[feature.column]


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_reads_these_columns_alone(name, bars):
    feature = feature_of(name)
    read = columns_read(feature)
    expected = values(bars, feature)
    assert expected.notna().any()
    found = values(bars[["symbol", "ts", *read]], feature)
    np.testing.assert_array_equal(found, expected)
    for column in () if "bars" in FEATURES[name].inputs else read:
        with pytest.raises(KeyError):
            values(bars[["symbol", "ts", *read]].drop(columns=column), feature)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"ema": {"price": "vwap", "relative_to": "open"}}, ("open", "vwap")),
        ({"rank": {"of": {"ema": {"price": "typical"}}}}, ("high", "low", "close")),
        ("bar_gap", ("open", "high", "low", "close", "volume", "vwap", "trade_count")),
    ],
)
def test_arguments_choose_columns(written, read):
    assert columns_read(parse_feature(written)) == read
