"""Users' features: leaks that a few cuts in one process miss are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.features import FEATURES, FeatureFunction
from whatif_assets.domain.features.code_copies import Copied, Named, copied
from whatif_assets.domain.leaks.finding import LOW, differences
from whatif_assets.engines.probing.sweeping import BARS_OF_A_RUN
from whatif_assets_tests.domain.leaks.zoo import computing, dated
from whatif_assets_tests.domain.leaks.zoo.honest_features import HONEST
from whatif_assets_tests.domain.leaks.zoo.leaky_features import LEAKY


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """A session of a hundred bars, of two symbols."""
    return computing.walks(sessions=1, bars=100)


@pytest.mark.parametrize(
    "name",
    [
        "ahead_in_one_minute_of_the_day",
        "ahead_at_the_busiest_bars",
        "ahead_on_one_symbol",
        "beside_a_spike",
        "among_large_values",
        "time_to_the_next_bar",
        "memo",
        "kept_on_itself",
        "kept_in_a_file",
    ],
)
def test_a_feature_that_hides_what_it_knows_is_caught(
    bars: pd.DataFrame, name: str
) -> None:
    finding = computing.probed(name, LEAKY[name], bars)
    assert not finding.passed
    assert name in finding.reason


@pytest.mark.parametrize(
    "name", ["large_at_the_open", "by_fast_transform", "drawn_with_a_seed"]
)
def test_an_honest_feature_passes_after_every_bar(
    bars: pd.DataFrame, name: str
) -> None:
    finding = computing.probed(name, HONEST[name], bars)
    assert finding.passed, finding.reason
    rows = int((bars["symbol"] == "S00").sum())
    assert f"S00 on 2018-01-02 after {rows - 1} of {rows} bars" in finding.compared


def test_a_scale_that_was_fitted_once_is_told_as_a_state_in_the_next_session() -> None:
    both = computing.walks(sessions=2, bars=30)
    name = "counted_calls"
    finding = computing.probed(name, LEAKY[name], both)
    assert not finding.passed
    assert "It keeps a state between calls" in finding.reason


def test_what_is_random_is_told_as_that(bars: pd.DataFrame) -> None:
    finding = computing.probed("thrown_dice", LEAKY["thrown_dice"], bars)
    assert "It is random: draw from a generator" in finding.reason


def test_a_function_of_no_module_goes_as_it_was_when_it_became_a_feature(
    bars: pd.DataFrame,
) -> None:
    kept: dict[pd.Timestamp, float] = {}

    def closure(bars: pd.DataFrame) -> pd.Series:
        ahead = bars["close"].shift(-1).fillna(0.0)
        for ts, value in zip(bars["ts"][:-1], ahead):
            kept.setdefault(ts, value)
        return pd.Series([kept.get(ts, 0.0) for ts in bars["ts"]], bars.index)

    alone = bars[bars["symbol"] == "S00"]
    finding = computing.probed("closure", closure, alone)
    assert not finding.passed
    assert isinstance(FeatureFunction(closure).code, Copied)


def test_what_comes_with_the_package_is_known_by_its_module() -> None:
    assert all(function.comes_with_this for function in FEATURES.values())
    assert not FeatureFunction(LEAKY["memo"]).comes_with_this
    assert copied(np.mean) == Named("numpy", str(np.__file__), "mean")


def test_as_many_bars_are_cut_as_find_one_in_a_thousand_with_99_percent() -> None:
    assert 1 - 0.999**BARS_OF_A_RUN >= 0.99
    assert 1 - 0.999 ** (BARS_OF_A_RUN - 1) < 0.99


def test_values_are_compared_with_themselves_and_not_with_the_greatest() -> None:
    old = np.array([1e-3, 1e12, 1e12, 2e-3])
    new = np.array([2e-3, 1e12, 1e12, 2e-3])
    assert 0.5 < differences(old, new, LOW)[0] <= 1.0
    assert differences(old, old, LOW).max() == 0.0
    # Rounding in a difference of prices near 50 is not a leak.
    close = np.array([1e-4, 2e-4, 1e-9])
    assert differences(close, close + 1e-16, LOW).max() < 1e-9


@pytest.mark.parametrize("name", sorted(dated.DATED))
def test_what_is_dated_before_it_could_be_known_is_found(name: str) -> None:
    assert dated.DATED[name]()


def test_honest_facts_are_not_asked_about() -> None:
    assert dated.honest_facts_asked_about() == 0
