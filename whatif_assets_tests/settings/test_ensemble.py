"""Members of an ensemble are configurations of its study, and part of its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import (
    expand,
    find_configuration,
    resolve_each,
)
from whatif_assets.settings.study import Study

RULE = {"strategy": "forecast_threshold"}
LINE = {**RULE, "algorithm": "linear"}
FOREST = {**RULE, "algorithm": "random_forest", "n_trees": 5}
BOTH = {**RULE, "algorithm": "ensemble", "members": ["line", "forest"]}


def study(**configurations: Any) -> Study:
    entries = {"line": LINE, "forest": FOREST, "both": BOTH, **configurations}
    return Study(name="demo", configurations=entries)


def found(one: Study, name: str = "both") -> Configuration:
    return find_configuration({"demo": one}, f"demo.{name}", Path())


def test_its_settings_are_the_models_of_its_members() -> None:
    settings = found(study()).settings()
    assert settings["combine"] == "mean"
    names = [one["algorithm"] for one in settings["members"]]
    assert names == ["linear", "random_forest"]
    assert settings["members"][1]["settings"]["n_trees"] == 5
    assert settings["members"][1]["seed"] == 7
    assert "search_folds" not in settings
    stacked = study(both={**BOTH, "combine": "stacking", "search_folds": 4})
    assert found(stacked).settings()["search_folds"] == 4


@pytest.mark.parametrize(
    ("edited", "same"),
    [
        ({"forest": {**FOREST, "n_trees": 6}}, False),
        ({"forest": {**FOREST, "model_seed": 8}}, False),
        ({"both": {**BOTH, "combine": "median"}}, False),
        ({"forest": {**FOREST, "threshold": 0.5}}, True),
        ({"both": {**BOTH, "members": ["forest", "line"]}}, True),
        ({"both": {**BOTH, "members": ["line", "wood"]}, "wood": FOREST}, True),
    ],
)
def test_an_edited_member_is_another_model(edited: dict[str, Any], same: bool) -> None:
    before, after = study(), study(**edited)
    hashes = [found(one).model_hash(one) for one in (before, after)]
    assert (hashes[0] == hashes[1]) is same


def test_members_and_their_combination_are_axes() -> None:
    axes = {"members": [["line", "forest"], ["line", "deep"]], "combine": ["median"]}
    entry = {**RULE, "algorithm": "ensemble", "each": axes}
    one = study(both=entry, deep={**FOREST, "max_depth": 9})
    listed = [each for each in expand(one, Path()) if each.name == "both"]
    keys = [f"demo.both~members=line+{b}~combine=median" for b in ("forest", "deep")]
    assert [each.key for each in listed] == keys
    assert [found(one, key.removeprefix("demo.")) for key in keys] == listed


def test_one_value_of_a_members_axis_may_be_named() -> None:
    forest = {**FOREST, "each": {"max_depth": [2, 3]}}
    named = {**BOTH, "members": ["line", "forest~max_depth=3"]}
    members = found(study(forest=forest, both=named)).settings()["members"]
    assert members[1]["settings"]["max_depth"] == 3


OTHER = {"both": {**BOTH, "members": ["line", "other"]}}


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        ({"both": {**BOTH, "members": ["line"]}}, "members: "),
        ({"both": {**BOTH, "members": ["line", 1]}}, "members: found 1; the name"),
        ({"both": {**BOTH, "members": ["line", "forrest"]}}, "Did you mean 'forest'"),
        ({"both": {**BOTH, "members": ["line", "line"]}}, "are the same model"),
        ({**OTHER, "other": {**LINE, "backend": "spark"}}, "are fitted locally"),
        (
            {**OTHER, "other": {**RULE, "algorithm": "sklearn.linear_model:Ridge"}},
            "found sklearn.linear_model:Ridge; members need one of .*VotingRegressor",
        ),
        ({**OTHER, "other": BOTH}, "'other' cannot be a member: it is an ensemble"),
        ({**OTHER, "other": {"strategy": "buy_and_hold"}}, "algorithm: found none"),
        ({**OTHER, "other": {**LINE, "l2": "x"}}, "'other' cannot be a member: "),
        ({**OTHER, "other": {**FOREST, "horizon": 3}}, r"label: found .*3.*ensemble"),
        ({**OTHER, "other": {**FOREST, "features": ["open"]}}, "features: found"),
        ({**OTHER, "other": {**FOREST, "novelty": 0.9}}, "novelty: found 0.9"),
        ({**OTHER, "other": {**FOREST, "symbols": ["A"]}}, "symbols: found"),
        (
            {**OTHER, "other": {**FOREST, "weight_half_life": 5}},
            "weight_half_life: found 5",
        ),
        (
            {**OTHER, "other": {**LINE, "search": {"l2": [1, 2]}}},
            r"search: found 'l2'; .* such as 'other~l2=1'",
        ),
        (
            {**OTHER, "other": {**FOREST, "each": {"max_depth": [2, 3]}}},
            r"choose one value of max_depth \(2\+3\)",
        ),
        ({"both": {**BOTH, "backend": "spark"}}, "ensemble has no fit on Spark"),
        ({"both": {**BOTH, "search": {"combine": ["median"]}}}, "search: an ensemble"),
        (
            {"both": {**RULE, "algorithm": "ensemble", "each": {"members": [
                ["line", "forest~max_depth=3"], ["line", "forest"]]}}},
            "under each, where a key cannot name it",
        ),
        (
            {"both": {**BOTH, "members": [{"algorithm": "linear", "settings": {},
                "seed": 1}, "line"]}},
            "write the name of a configuration",
        ),
    ],
)  # fmt: skip
def test_a_wrong_member_costs_the_ensemble_alone(
    edited: dict[str, Any], message: str
) -> None:
    results = [*resolve_each(study(**edited), Path())]
    wrong = [error for name, error in results if name == "both"]
    with pytest.raises(BadInput, match=message) as caught:
        raise wrong[0]
    assert str(caught.value).startswith("Configuration demo.both")
    others = {name: one for name, one in results if name in ("line", "forest")}
    assert all(isinstance(one, Configuration) for one in others.values())
