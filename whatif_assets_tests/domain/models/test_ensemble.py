"""Ensembles combine their members by what the training set alone tells."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models import Model
from whatif_assets.domain.models.ensemble import (
    RULES,
    EnsembleSettings,
    Median,
    RankMean,
    Weighted,
    stacking_weights,
)
from whatif_assets.domain.models.novelty import for_familiar_rows
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.windows import cv_folds
from whatif_assets.engines.fitting import fit
from whatif_assets.home.models import decoded_models, encoded_models
from whatif_assets.steps.forecast_alone import forecast
from whatif_assets_tests.domain.models.made_up import rows_of

X, Y = rows_of(300)
LINE = {"algorithm": "linear", "settings": {"l2": 0.1}, "seed": 1}
FOREST = {"algorithm": "random_forest", "settings": {"n_trees": 10}, "seed": 2}
BOOSTED = {"algorithm": "gradient_boosting", "settings": {"n_trees": 5}, "seed": 3}
MEMBERS = [LINE, FOREST, BOOSTED]
MINUTES = pd.Timestamp("2026-01-05 09:30") + pd.to_timedelta(np.arange(600), "min")


def folds_of(count: int, span: int = 0) -> list[Any]:
    """Return folds of rows a minute apart, whose labels end so many minutes later."""
    ts = pd.Series(MINUTES[:count])
    rows = pd.DataFrame({"ts": ts, "label_ts": ts + pd.Timedelta(span, "min")})
    return cv_folds(rows, 3, 0)


def ensemble(combine: str, x=X, y=Y, members=MEMBERS, **others: Any) -> Any:
    if combine == "stacking" and "folds" not in others:
        others["folds"] = folds_of(len(y))
    settings = {"members": members, "combine": combine}
    return fit("ensemble", "local", x, y, settings, 9, **others)


def alone(member: dict[str, Any], x=X, y=Y, **others: Any) -> Model:
    name, settings, seed = member.values()
    return fit(name, "local", x, y, settings, seed, **others)


def test_each_way_to_combine_is_a_rule() -> None:
    combine = EnsembleSettings.model_fields["combine"].annotation
    assert [*get_args(combine)] == [*RULES]


@pytest.mark.parametrize("weighed", [False, True])
def test_mean_and_median_are_those_of_the_members_fitted_alone(weighed: bool) -> None:
    weights = np.linspace(0.5, 1.5, len(Y)) if weighed else None
    each = [alone(one, weights=weights).predict(X) for one in MEMBERS]
    mean = ensemble("mean", weights=weights)
    np.testing.assert_allclose(mean.predict(X), np.mean(each, axis=0), rtol=1e-14)
    median = ensemble("median", weights=weights).predict(X)
    np.testing.assert_array_equal(median, np.median(each, axis=0))
    of_two = ensemble("median", members=[LINE, FOREST]).predict(X[:5])
    two = [alone(one).predict(X[:5]) for one in (LINE, FOREST)]
    np.testing.assert_array_equal(of_two, np.median(two, axis=0))
    assert mean.importance().sum() == pytest.approx(1)


class Column:
    """A model that forecasts one of its features."""

    def __init__(self, number: int) -> None:
        self.number = number

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x[:, self.number]


def test_a_rank_is_a_place_among_the_forecasts_of_the_training_set() -> None:
    known = np.array([1.0, 2.0, 3.0, 4.0, 100.0, 200.0, 200.0, 400.0])
    levels = np.array([-2.0, -1.0, 1.0, 2.0])
    model = RankMean((Column(0), Column(1)), known, levels)
    # Ranks of the columns, and their mean: the middles of four places are 1/8 to 7/8.
    rows = {
        (1.0, 100.0): -2.0,  # 1/8 and 1/8
        (4.0, 200.0): 1.0,  # 7/8 and 1/2 have the mean 11/16; 5/8 is 1, 7/8 is 2
        (9.0, 900.0): 2.0,  # above all that is known
        (0.0, 900.0): 0.0,  # 0 and 1
    }
    found = model.predict(np.array([*rows]))
    np.testing.assert_allclose(found, [-2, 1.25, 2, 0])
    with_unknown = model.predict(np.array([[np.nan, 100.0], [1.0, 100.0]]))
    assert np.isnan(with_unknown).tolist() == [True, False]


@pytest.mark.parametrize("combine", RULES)
def test_a_forecast_depends_on_its_own_row_alone(combine: str) -> None:
    model = ensemble(combine)
    rows = X[:40].copy()
    rows[3, 1] = np.nan
    together = model.predict(rows)
    apart = np.concatenate([model.predict(row[np.newaxis]) for row in rows])
    assert together.tobytes() == apart.tobytes()
    assert np.flatnonzero(np.isnan(together)).tolist() == [3]


def test_a_rank_mean_does_not_depend_on_the_unit_of_a_member() -> None:
    x = np.random.default_rng(2).normal(size=(400, 2))
    known = [np.sort(x[:, 0]), np.sort(x[:, 1])]
    levels = np.sort(x.mean(axis=1))
    one = RankMean((Column(0), Column(1)), np.concatenate(known), levels)
    larger = RankMean(
        (Column(0), Column(1)), np.concatenate([known[0] * 1e6, known[1]]), levels
    )
    np.testing.assert_array_equal(one.predict(x), larger.predict(x * [1e6, 1]))


@pytest.mark.parametrize("combine", RULES)
def test_an_ensemble_is_stored_as_arrays_and_forecasts_alone(combine: str) -> None:
    inner = ensemble(combine)
    model = for_familiar_rows(inner, X, 0.9)
    for own, part in ((inner, ALL), (model, ALL)):
        content = encoded_models(PartModels({part: own}))
        again = decoded_models(content, Path()).models[part]
        assert again.predict(X).tobytes() == own.predict(X).tobytes()
        with np.load(BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        script = np.array([forecast(arrays, row) for row in X[:30]])
        np.testing.assert_array_equal(script, own.predict(X[:30]))
    apart = PartModels({"a": inner, "b": ensemble(combine, X[50:], Y[50:])})
    stored = decoded_models(encoded_models(apart), Path()).models
    for name, own in apart.models.items():
        assert stored[name].predict(X).tobytes() == own.predict(X).tobytes()
        assert stored[name].to_table().equals(own.to_table())


def test_stacking_finds_the_weights_of_a_known_mixture() -> None:
    draw = np.random.default_rng(4)
    columns = draw.normal(size=(500, 3)) * 1e-4  # such as returns of a minute
    labels = columns @ [0.75, 0.25, -0.5]
    found = stacking_weights(columns[:, :2], columns[:, :2] @ [0.75, 0.25])
    np.testing.assert_allclose(found, [0.75, 0.25], rtol=1e-6)
    assert stacking_weights(columns, labels)[2] == 0
    assert stacking_weights(-columns[:, :1], columns[:, 0]).tolist() == [0]
    assert stacking_weights(np.zeros((9, 2)), np.ones(9)).tolist() == [0, 0]
    twins = np.column_stack([columns[:, 0]] * 2)
    np.testing.assert_allclose(stacking_weights(twins, columns[:, 0]).sum(), 1)


def test_stacking_weighs_rows() -> None:
    forecasts, labels = np.array([[1.0], [1.0]]), np.array([1.0, 3.0])
    found = stacking_weights(forecasts, labels, np.array([3.0, 1.0]))
    np.testing.assert_allclose(found, [1.5])


def error(weights: np.ndarray, members: Any, x: np.ndarray, y: np.ndarray) -> float:
    forecasts = np.column_stack([one.predict(x) for one in members])
    return float(np.mean((y - forecasts @ weights) ** 2) / np.var(y))


def test_stacking_on_in_sample_forecasts_would_flatter_what_remembers() -> None:
    draw = np.random.default_rng(3)
    x, later = draw.normal(size=(2, 600, 4))
    y, truth = (0.1 * rows[:, 0] + draw.normal(size=600) for rows in (x, later))
    honest = ensemble("stacking", x, y, [LINE, FOREST], folds=folds_of(600))
    # The planted mistake: weights from forecasts of the rows that were learned.
    columns = np.column_stack([one.predict(x) for one in honest.members])
    planted = stacking_weights(columns, y)
    assert planted[1] > 2
    assert honest.weights[1] < 0.3
    # It would seem to explain a third, and is far worse than the mean of later rows.
    assert error(planted, honest.members, x, y) < 0.7
    assert error(planted, honest.members, later, truth) > 1.2
    assert error(honest.weights, honest.members, later, truth) < 1.02


def test_overlapping_labels_without_purging_would_flatter_what_remembers() -> None:
    span, count, honest, planted = 20, 600, [], []
    for seed in range(4):
        draw = np.random.default_rng(seed)
        steps = draw.normal(size=count + span)
        y = np.convolve(steps, np.ones(span), "valid")[:count]  # of the next `span`
        x = np.column_stack([np.arange(count) / count, draw.normal(size=count)])
        # The planted mistake: neighbours, whose labels overlap, in different folds.
        fold = draw.integers(0, 4, count)
        mixed = [(fold != number, fold == number) for number in range(4)]
        purged = folds_of(count, span)
        for found, folds in ((planted, mixed), (honest, purged)):
            found.append(ensemble("stacking", x, y, [LINE, FOREST], folds=folds))
    # Nothing can be learned of these labels, so that both should weigh nothing.
    assert min(one.weights[1] for one in planted) > 1
    assert np.mean([one.weights[1] for one in honest]) < 0.2


def test_members_are_fitted_on_all_rows_after_stacking() -> None:
    fitted = ensemble("stacking").members
    for one, own in zip(MEMBERS, fitted, strict=True):
        assert own.predict(X).tobytes() == alone(one).predict(X).tobytes()
    kinds = {c: type(ensemble(c, members=[LINE, FOREST])) for c in RULES}
    assert [*kinds.values()] == [Weighted, Median, RankMean, Weighted]


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([], "needs folds"),
        ([(np.ones(300, bool), np.ones(300, bool))], "trained on 300 of the rows"),
        (
            [(np.zeros(300, bool), np.ones(300, bool))],
            "has 0 rows with a weight to train on",
        ),
    ],
)
def test_folds_that_are_not_out_of_fold_are_refused(folds: Any, message: str) -> None:
    with pytest.raises(BadInput, match=f"combine: stacking.*{message}"):
        ensemble("stacking", folds=folds)


def test_names_of_configurations_cannot_be_fitted() -> None:
    with pytest.raises(BadInput, match="members: found 'line'; a member to fit"):
        ensemble("mean", members=["line", "forest"])


def test_a_fold_whose_rows_all_weigh_nothing_is_refused() -> None:
    weights = np.where(np.arange(len(Y)) < 80, 0.0, 1.0)
    with pytest.raises(BadInput, match="fold 0 has 0 rows with a weight"):
        ensemble("stacking", weights=weights)


def test_a_member_that_cannot_be_fitted_is_named() -> None:
    wrong = {"algorithm": "logistic", "settings": {"penalty": 0.0}, "seed": 1}
    with pytest.raises(BadInput, match="the member logistic with the settings"):
        ensemble("mean", X, np.sign(X[:, 0]), [LINE, wrong])
