"""Buy-and-hold has the size of the compared strategy, and its words state it."""

from __future__ import annotations

import json

import pytest

from whatif_assets.domain.strategies.benchmark_size import (
    benchmark_in_words,
    benchmark_size,
)
from whatif_assets.domain.strategies.settings import RuleSettings


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "of 100 shares of each symbol"),
        ({"size": 1}, "of 1 share of each symbol"),
        ({"size": "all"}, "with all cash"),
        ({"notional": 10000.0}, "of 10,000 worth of each symbol"),
        ({"equity_percent": 50.0}, "of each symbol with 50% of its equity"),
    ],
)
def test_a_rule_is_held_in_its_own_size(changed, words) -> None:
    settings = {**RuleSettings().model_dump(), "threshold": 0.5, **changed}
    assert benchmark_in_words(settings) == words
    names = ("size", "notional", "equity_percent")
    assert benchmark_size(settings) == {name: settings[name] for name in names}
    assert benchmark_in_words(json.loads(json.dumps(settings))) == words


@pytest.mark.parametrize(
    ("settings", "size", "words"),
    [
        ({"size": 7}, {"size": 7}, "of 7 shares of each symbol"),
        ({"size": "big"}, {}, "with all cash"),
        ({"size": True}, {}, "with all cash"),
        ({"size": None}, {}, "with all cash"),
        ({"notional": "of something else"}, {}, "with all cash"),
    ],
)
def test_of_an_own_strategy_a_size_that_is_a_number_counts_alone(
    settings, size, words
) -> None:
    assert benchmark_size(settings) == size
    assert benchmark_in_words(settings) == words
