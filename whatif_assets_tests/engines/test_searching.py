"""Ways to search: what they try is scored as the grid scores it, within a budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.ranges import Range
from whatif_assets.domain.models.windows import cv_folds
from whatif_assets.engines.searching import METHODS, Plan, search
from whatif_assets_tests.domain.models.made_up import rows_of

X, Y = rows_of(300)
TIMES = pd.DataFrame({"ts": pd.date_range("2026-01-05", periods=300, freq="min")})
FOLDS = cv_folds(TIMES, 3, 5)
SETTINGS = ["max_depth", "min_rows_per_leaf"]
FOREST = {"max_depth": [1, 2, 3, 5], "min_rows_per_leaf": [1, 5, 20, 60]}


def found(
    method: str, trials: int = 100, seed: int = 3
) -> tuple[dict[str, Any], pd.DataFrame]:
    plan = Plan(method, trials)
    fixed = {"n_trees": 3}
    return search("random_forest", "local", X, Y, fixed, FOREST, FOLDS, seed, plan=plan)


def errors(scores: pd.DataFrame) -> dict[tuple[Any, ...], float]:
    keys = scores[[*SETTINGS, "cv_fold"]].itertuples(index=False, name=None)
    return dict(zip(keys, scores["rmse"]))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_what_is_tried_is_scored_as_the_grid_scores_it(method: str) -> None:
    whole = errors(found("grid", seed=5)[1])
    best, scores = found(method, trials=9, seed=5)
    own = errors(scores)
    assert own.items() <= whole.items()
    complete = scores.groupby(SETTINGS)["rmse"].agg(["mean", "count"])
    complete = complete.loc[complete["count"] == len(FOLDS), "mean"]
    assert complete[tuple(best.values())] == complete.min()
    again = found(method, trials=9, seed=5)[1]
    pd.testing.assert_frame_equal(
        scores.drop(columns="seconds"), again.drop(columns="seconds")
    )


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_no_more_is_tried_than_asked_for(method: str) -> None:
    scores = found(method, trials=6)[1]
    tried = scores[SETTINGS].drop_duplicates()
    assert 1 < len(tried) <= 6
    if method == "random":
        assert len(tried) == 6


def test_a_random_search_of_everything_is_the_grid() -> None:
    assert errors(found("random")[1]) == errors(found("grid")[1])


def test_what_is_given_up_lacks_its_last_folds_and_is_not_chosen() -> None:
    best, scores = found("tpe", trials=40)
    folds = scores.groupby(SETTINGS).size()
    assert (folds < len(FOLDS)).any()
    assert folds[tuple(best.values())] == len(FOLDS)


def test_what_is_near_what_did_well_is_tried_more_often() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(300, 4))
    y = draw.normal(size=300) + 0.1 * x[:, 0]
    grid = {"l2": [10.0**power for power in range(-6, 7)]}
    _, scores = search("linear", "local", x, y, {}, grid, FOLDS, 2, plan=Plan("grid"))
    by_value = scores.groupby("l2")["rmse"].mean()
    best, tried = search(
        "linear", "local", x, y, {}, grid, FOLDS, 2, plan=Plan("tpe", 30)
    )
    assert tried["l2"].nunique() > 1
    assert by_value[best["l2"]] <= by_value.quantile(0.3)


RANGES = {"penalty": Range(1e-5, 1.0, log=True), "l1_ratio": [0.0, 0.5]}


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_numbers_of_a_range_are_scored_as_listed_ones(method: str) -> None:
    def _found(seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
        plan = Plan(method, 8)
        return search("elastic_net", "local", X, Y, {}, RANGES, FOLDS, seed, plan=plan)

    best, scores = _found(4)
    penalties = scores["penalty"].unique()
    assert len(penalties) > 4
    assert ((penalties >= 1e-5) & (penalties <= 1.0)).all()
    listed = {"penalty": [best["penalty"]], "l1_ratio": [best["l1_ratio"]]}
    alone = search("elastic_net", "local", X, Y, {}, listed, FOLDS, 4)[1]
    own = scores[(scores["penalty"] == best["penalty"])]
    own = own[own["l1_ratio"] == best["l1_ratio"]]
    assert own["rmse"].tolist() == alone["rmse"].tolist()
    again = _found(4)[1]
    assert again["penalty"].tolist() == scores["penalty"].tolist()


def test_a_range_of_few_whole_numbers_is_tried_once_each() -> None:
    grid = {"max_depth": Range(1, 3), "n_trees": Range(2, 3)}
    scores = search(
        "random_forest", "local", X, Y, {}, grid, FOLDS, 1, plan=Plan("random", 50)
    )[1]
    tried = scores[["max_depth", "n_trees"]].drop_duplicates()
    assert len(tried) == 6
    assert set(map(type, tried["max_depth"].tolist())) == {int}


def test_a_grid_needs_lists() -> None:
    with pytest.raises(BadInput, match="penalty: found a range; a grid needs a list"):
        search("elastic_net", "local", X, Y, {}, RANGES, FOLDS)
