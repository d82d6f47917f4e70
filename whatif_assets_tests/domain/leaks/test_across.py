"""The probe of features across symbols: each value depends on its own time only."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.features import (
    FAMILIES,
    FEATURES,
    Feature,
    FeatureFunction,
    features_of_sessions,
    parse_feature,
    per_symbol,
)
from whatif_assets.domain.leaks import FEATURES_PROBE, Finding
from whatif_assets.domain.leaks.across import values_depend_on_their_time
from whatif_assets.engines.probing.feature_probe import across_see_no_future
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

SESSIONS = weekdays(2)
DAY = SESSIONS[-1]
SEEN: dict[int, float] = {}


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    walks = random_walks(SESSIONS, symbols=6, bars=50, keep=0.9)
    return walks.assign(group=walks["symbol"].where(walks["symbol"] < "S03", "rest"))


def probed(bars: pd.DataFrame, features: list[Feature], seed: int = 1) -> Finding:
    """Compute features of the last session as a run does, and probe them."""
    history = {DAY: SESSIONS[:-1]}
    every = list(dict.fromkeys([*features, *per_symbol(features)]))
    parts = features_of_sessions(bars, history, every)
    parts = parts.merge(bars[["symbol", "ts", "group"]], on=["symbol", "ts"])
    return across_see_no_future(parts, features, parts, random.Random(seed))


@pytest.mark.parametrize("by", ["market", "group"])
@pytest.mark.parametrize("name", FAMILIES["Across symbols"])
def test_what_ships_keeps_its_bits(bars: pd.DataFrame, name: str, by: str) -> None:
    feature = parse_feature({name: {"of": "vwap", "by": by}})
    nested = parse_feature({name: {"of": {"zscore": {"of": "rsi"}}, "by": by}})
    finding = probed(bars, [feature, nested])
    assert finding.passed, finding.reason
    assert finding.probe == FEATURES_PROBE
    assert finding.largest_difference == 0
    assert finding.checked > 1000
    assert finding.compared.endswith("at 50 times")


def next_time(values: np.ndarray, sections: np.ndarray) -> Any:
    """Mean of the symbols at the next time (look-ahead)."""
    mean = np.bincount(sections, weights=values) / np.bincount(sections)
    return values - np.append(mean[1:], 0.0)[sections]


def whole_session(values: np.ndarray, sections: np.ndarray) -> Any:
    """Deviation from the mean of the whole session (look-ahead)."""
    return values - values.mean()


def highest_of_all(values: np.ndarray, sections: np.ndarray) -> Any:
    """Whether a value is the highest of the session (look-ahead on one bar)."""
    return (values == values.max()).astype(float)


def once_in_a_while(values: np.ndarray, sections: np.ndarray) -> Any:
    """Look ahead at a single time, and be honest at all others."""
    mean = np.bincount(sections, weights=values) / np.bincount(sections)
    mean[13] = mean[min(14, len(mean) - 1)]
    return values - mean[sections]


def before_it(values: np.ndarray, sections: np.ndarray) -> Any:
    """Mean of the time before, which belongs into a feature of one symbol."""
    mean = np.bincount(sections, weights=values) / np.bincount(sections)
    return values - np.append(0.0, mean[:-1])[sections]


def kept(values: np.ndarray, sections: np.ndarray) -> Any:
    """Compare with a mean that was fitted in the first call and kept."""
    return values - SEEN.setdefault(0, float(values.mean()))


def thrown(values: np.ndarray, sections: np.ndarray) -> Any:
    """Random numbers."""
    return np.random.default_rng().random(len(values))


LEAKY = {
    function.__name__: function
    for function in (
        *(next_time, whole_session, highest_of_all, once_in_a_while, before_it),
        *(kept, thrown),
    )
}


@pytest.mark.parametrize("name", LEAKY)
def test_what_reads_other_times_is_caught(
    bars: pd.DataFrame, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    SEEN.clear()
    monkeypatch.setitem(FEATURES, name, FeatureFunction(LEAKY[name]))
    finding = probed(bars, [parse_feature({name: {"of": "close"}})])
    assert not finding.passed
    assert finding.column == f"{name}_market_of_close"
    assert finding.ts is not None
    assert finding.ts.date() == DAY


def test_the_message_says_what_is_allowed(
    bars: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEATURES, "next_time", FeatureFunction(next_time))
    reason = probed(bars, [parse_feature("next_time+of=close")]).reason
    assert reason.startswith("next_time_market_of_close of S0")
    assert "may read only the values of its own time" in reason


def test_an_honest_function_of_a_user_passes(
    bars: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_largest(values: np.ndarray, sections: np.ndarray) -> Any:
        largest = np.full(sections.max() + 1, -np.inf)
        np.maximum.at(largest, sections, values)
        return values / largest[sections]

    monkeypatch.setitem(FEATURES, "of_largest", FeatureFunction(of_largest))
    finding = probed(bars, [parse_feature("of_largest+by=group+of=close")])
    assert finding.passed, finding.reason


def test_written_values_of_some_symbols_are_enough(bars: pd.DataFrame) -> None:
    features = [parse_feature("rank+of=close")]
    parts = features_of_sessions(
        bars, {DAY: SESSIONS[:-1]}, [*features, *per_symbol(features)]
    )
    own = parts[parts["symbol"] == "S02"]
    assert values_depend_on_their_time(parts, features, own, random.Random(1)).passed
    wrong = own.assign(rank_market_of_close=0.5)
    assert not values_depend_on_their_time(
        parts, features, wrong, random.Random(1)
    ).passed
    finding = values_depend_on_their_time(parts, features, wrong, None)
    assert not finding.passed
    assert "when it is computed again from the same bars" in finding.reason


def test_a_session_of_one_time_is_only_repeated() -> None:
    daily = random_walks(SESSIONS, symbols=3, bars=1).assign(group="all")
    finding = probed(daily, [parse_feature("rank+of=close")])
    assert finding.passed
    assert finding.checked == 3
