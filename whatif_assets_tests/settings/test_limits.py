"""Tests of the limits of a study: what it expands to, and how large its numbers are."""

from __future__ import annotations

import math

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.settings.limits import (
    MOST_CONFIGURATIONS,
    MOST_VARIANTS,
    check_size,
)
from whatif_assets.settings.spec import parse, parse_yaml
from whatif_assets.settings.study import Study

ENTRY = {"strategy": "macd_cross"}


def _axis(name, number):
    return {name: list(range(number))}


def test_a_study_at_the_limits_is_accepted():
    each = {**ENTRY, "each": _axis("size", MOST_CONFIGURATIONS)}
    check_size({"a": each})
    check_size({"a": {**ENTRY, "sweep": _axis("size", MOST_VARIANTS)}})


@pytest.mark.parametrize("axis", ["each", "sweep"])
def test_a_study_that_expands_too_far_is_refused_before_it_is_expanded(axis):
    axes = _axis("size", 3_000) | _axis("max_holding", 3_000) | _axis("stop_loss", 3000)
    what = {"each": "configurations", "sweep": "variants"}[axis]
    with pytest.raises(ValueError, match=f"27,000,000,001 {what}.*'b' alone"):
        check_size({"a": ENTRY, "b": {**ENTRY, axis: axes}})


def test_many_entries_within_the_limits_may_exceed_them_together():
    half = {**ENTRY, "each": _axis("size", MOST_CONFIGURATIONS // 2)}
    check_size({"a": half, "b": half})
    with pytest.raises(ValueError, match="5,001 configurations; at most 5,000"):
        check_size({"a": half, "b": half, "c": ENTRY})


@pytest.mark.parametrize("axis", ["each", "sweep"])
def test_a_wrong_axis_is_left_to_the_entry(axis):
    check_size({"a": {**ENTRY, axis: 3}, "b": {**ENTRY, axis: {"size": 3}}})


NUMBERS = {
    "seed: {}": (2**31 - 1, 2**31),
    "finalists: {}": (2**53 - 1, 2**53),
    "cash: {}": (10**15, 10**15 + 1),
    "label: {{horizon: {}}}": (100_000, 100_001),
    "evaluation: {{embargo: {}}}": (2**53 - 1, 10**30),
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_have_a_largest_value(text, tmp_path):
    allowed, too_large = NUMBERS[text]
    rest = "\nname: s\nconfigurations: {a: {strategy: macd_cross}}"

    def _study(value):
        return parse(Study, parse_yaml(tmp_path / "s.yaml", text.format(value) + rest))

    _study(allowed)
    with pytest.raises(BadInput, match=rf"s\.yaml:1: .*found {too_large}.*is needed"):
        _study(too_large)


def test_the_number_of_folds_is_limited_and_never_counted_one_by_one(tmp_path):
    rest = "\nname: s\nconfigurations: {a: {strategy: macd_cross}}"
    for groups, tested in ((400, 200), (12, 5)):
        text = (
            f"evaluation: {{method: cpcv, groups: {groups}, tested: {tested}}}" + rest
        )
        folds = f"{math.comb(groups, tested):,} folds"
        with pytest.raises(BadInput, match=f"s.yaml:1: evaluation: .*{folds}.* 500 "):
            parse(Study, parse_yaml(tmp_path / "s.yaml", text))
