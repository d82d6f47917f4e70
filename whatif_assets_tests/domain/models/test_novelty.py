"""Models that forecast only rows like their training rows."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from whatif_assets.domain.models.novelty import FamiliarRows, for_familiar_rows
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.engines.fitting import fit
from whatif_assets.home.models import decoded_models, encoded_models
from whatif_assets.steps.forecast_alone import forecast

DRAW = np.random.default_rng(5)
COVARIANCES = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 4.0]])
X = DRAW.multivariate_normal([1.0, -2.0, 30.0], COVARIANCES, 20_000)
Y = X @ [1.0, 0.5, 0.1]


def guarded(
    x: np.ndarray, quantile: float = 0.99, name: str = "linear"
) -> FamiliarRows:
    labels = np.sign(x[:, 0] - 1) if name == "logistic" else x @ [1.0, 0.5, 0.1]
    found = for_familiar_rows(fit(name, "local", x, labels, {}), x, quantile)
    assert isinstance(found, FamiliarRows)
    return found


def test_the_distance_is_that_of_mahalanobis() -> None:
    away = X[:500] - [1.0, -2.0, 30.0]
    expected = np.einsum("ij,jk,ik->i", away, np.linalg.inv(COVARIANCES), away)
    found = guarded(X).squared_distances(X[:500])
    # Cutting off at three spreads changes the covariances a little.
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("quantile", [0.9, 0.99, 1.0])
def test_so_many_training_rows_have_a_forecast(quantile: float) -> None:
    model = guarded(X, quantile)
    told = ~np.isnan(model.predict(X))
    assert told.mean() == pytest.approx(quantile, abs=1 / len(X))
    bare = fit("linear", "local", X, Y, {}).predict(X)
    assert model.predict(X)[told].tobytes() == bare[told].tobytes()


def test_what_contradicts_the_correlation_is_novel_although_its_values_are_not() -> (
    None
):
    rows = np.array([[2.0, -1.0, 30.0], [2.0, -3.0, 30.0], [1.0, -2.0, 60.0]])
    assert np.isnan(guarded(X).predict(rows)).tolist() == [False, True, True]
    unknown = np.array([[np.nan, -2.0, 30.0], [np.inf, -2.0, 30.0]])
    assert np.isnan(guarded(X).predict(unknown)).all()


def test_a_few_far_outliers_do_not_hide_what_is_novel() -> None:
    x = X.copy()
    x[:20] = 1e6
    model = guarded(x)
    assert np.isnan(model.predict(np.array([[1.0, -2.0, 60.0]]))).all()
    assert np.isfinite(model.predict(np.array([[1.0, -2.0, 30.0]]))).all()


def test_a_feature_that_was_constant_or_a_copy_may_not_differ() -> None:
    x = np.column_stack([X, X[:, 0], np.full(len(X), 7.0)])
    model = for_familiar_rows(guarded(X), x, 0.99)
    assert isinstance(model, FamiliarRows)
    rows = np.tile([1.2, -1.8, 30.0, 1.2, 7.0], (3, 1))
    rows[1, 3] += 0.5
    rows[2, 4] += 0.5
    near = model.squared_distances(rows) <= model.limit[0]
    assert near.tolist() == [True, False, False]


@pytest.mark.parametrize(
    "name", ["linear", "logistic", "random_forest", "sklearn.linear_model:Ridge"]
)
def test_it_is_the_same_to_the_bit_when_stored_and_when_exported(name: str) -> None:
    x = X[:300]
    model = guarded(x, 0.9, name)
    content = encoded_models(PartModels({ALL: model}))
    again = decoded_models(content, Path("fold_0.model"), Path()).models[ALL]
    assert again.predict(x).tobytes() == model.predict(x).tobytes()
    assert encoded_models(PartModels({ALL: again})) == content
    with np.load(BytesIO(content)) as file:
        arrays = dict(file)
    rows = x[:12] if ":" not in name else x[:3]
    rows = np.concatenate([rows, [[2.0, -3.0, 30.0]]])
    found = [forecast(arrays, row) for row in rows]
    alone = [model.predict(row[np.newaxis])[0] for row in rows]
    np.testing.assert_array_equal(found, alone)
    assert np.isnan(found[-1])
    assert np.isfinite(found).any()
