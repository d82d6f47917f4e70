"""Variants that are checked by groups are the same as those checked one by one."""

from __future__ import annotations

from typing import Any

import annotated_types
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies import STRATEGIES, TradingRule
from whatif_assets.engines.compiled.encoding import encode
from whatif_assets.engines.strategies import find_strategy

WITH_LEVELS = [
    name
    for name, rule in STRATEGIES.items()
    if issubclass(rule, TradingRule) and rule.levels
]
BOUNDS = (
    annotated_types.Ge,
    annotated_types.Gt,
    annotated_types.Le,
    annotated_types.Lt,
)
FREE, DEAR = Costs(), Costs(commission_bps=5)
VARIANTS = st.lists(
    st.builds(
        Variant,
        id=st.uuids().map(str),
        settings=st.fixed_dictionaries(
            {
                "param.threshold": st.sampled_from([0, 0.0, 0.001, 0.25, 7.5]),
                "short_threshold": st.sampled_from([None, 0.5, 0.0]),
                "size": st.sampled_from([1, 1.0, 10]),
            },
            optional={"stop_loss": st.sampled_from([0.0, 1.0, 2])},
        ),
        costs=st.sampled_from([FREE, DEAR]),
        cash=st.sampled_from([10.0, 2_000.0]),
    ),
    min_size=1,
    max_size=12,
)


def variants_of(settings: list[dict[str, Any]]) -> list[Variant]:
    return [Variant(str(number), given) for number, given in enumerate(settings)]


@given(variants=VARIANTS)
@settings(max_examples=60, deadline=None)
def test_variants_are_encoded_as_if_each_was_alone(variants: list[Variant]) -> None:
    kind = find_strategy("forecast_threshold")
    assert kind.rule is not None
    together, groups = encode(kind, kind.rule, variants)
    for row, variant in enumerate(variants):
        alone, _ = encode(kind, kind.rule, [variant])
        assert together[row].tobytes() == alone[0].tobytes()
    rows = np.concatenate([rows for _, rows in groups])
    assert sorted(rows) == list(range(len(variants)))


def test_each_series_has_its_variants_in_the_order_of_the_first() -> None:
    kind = find_strategy("ema_cross")
    assert kind.rule is not None
    given = [{"slowperiod": slow, "stop_loss": 1.5} for slow in (30, 20, 30, 40, 20)]
    _, groups = encode(kind, kind.rule, variants_of(given))
    found = [(settings.slowperiod, list(rows)) for settings, rows in groups]
    assert found == [(30, [0, 2]), (20, [1, 4]), (40, [3])]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (-0.5, "greater than or equal to 0|at least 0|below 0|-0.5"),
        (float("nan"), "nan; a finite number is needed"),
        (float("inf"), "inf; a finite number is needed"),
        ("0.5", "'0.5', a text; a number is needed"),
        (True, "true; a number is needed"),
    ],
)
def test_a_wrong_level_is_found_wherever_it_is(wrong: Any, message: str) -> None:
    kind = find_strategy("forecast_threshold")
    assert kind.rule is not None
    levels = [0.5, 0.25, wrong, 0.75, -1.0]
    with pytest.raises(BadInput) as alone:
        kind.settings({"threshold": wrong})
    with pytest.raises(BadInput, match=message) as together:
        encode(kind, kind.rule, variants_of([{"threshold": v} for v in levels]))
    assert str(together.value) == str(alone.value)


def test_rules_with_levels_are_known() -> None:
    assert {"forecast_threshold", "feature_threshold"} <= set(WITH_LEVELS)


@pytest.mark.parametrize("name", WITH_LEVELS)
def test_levels_only_move_the_thresholds(name: str) -> None:
    kind = find_strategy(name)
    assert kind.rule is not None
    rule, default = kind.rule, kind.settings({})
    values = np.array([1.5, 20.25, 60.0])
    for level in rule.levels:
        field = kind.Settings.model_fields[level]
        assert field.annotation in (float, float | None)
        assert all(isinstance(one, BOUNDS) for one in _limits(field.metadata))
        each = [kind.settings({level: float(value)}) for value in values]
        assert {rule.series_key(one) for one in each} == {rule.series_key(default)}
        varied = rule.thresholds(default.model_copy(update={level: values}))
        expected = np.array([rule.thresholds(one) for one in each]).T
        shaped = [np.broadcast_to(side, len(values)) for side in varied]
        np.testing.assert_array_equal(shaped, expected)


def _limits(metadata: list[Any]) -> list[Any]:
    """Constraints of a field, except that a number is finite."""
    return [one for one in metadata if not hasattr(one, "allow_inf_nan")]
