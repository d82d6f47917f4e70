from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models import ALGORITHMS, Linear, spark_rows
from whatif_assets.domain.models.spark_trees import of_spark
from whatif_assets.domain.models.windows import cv_folds
from whatif_assets.engines.fitting import fit
from whatif_assets.engines.searching import search
from whatif_assets_tests.domain.models.made_up import rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

SETTINGS: dict[str, dict[str, Any]] = {
    "random_forest": {"n_trees": 7, "max_depth": 6, "max_features": 0.5},
    "gradient_boosting": {"n_trees": 5, "max_depth": 4, "max_features": 0.5},
    "linear": {"l2": 0.01},
    "elastic_net": {"penalty": 0.05},
    "logistic": {"penalty": 0.02},
    "random_forest_classifier": {"n_trees": 3, "max_depth": 4, "max_features": 0.5},
    "gradient_boosting_classifier": {"n_trees": 5, "max_depth": 3},
}
NESTED = [
    name
    for name, algorithm in sorted(ALGORITHMS.items())
    if algorithm.nesting and "spark" in algorithm.nesting.exact_on
]
ESTIMATORS = {
    "random_forest": "RandomForestRegressor",
    "gradient_boosting": "GBTRegressor",
}
CLASSIFIERS = {
    "random_forest_classifier": "RandomForestClassifier",
    "gradient_boosting_classifier": "GBTClassifier",
}
X, Y = rows_of(1_365)
# Of two classes, for gradient boosting on Spark, and of three.
UP = np.where(Y > 170, 1.0, -1.0)
CLASSES = np.digitize(Y, [169.6, 170.4]) - 1.0
LABELS = {
    name: UP if algorithm.classifies else Y for name, algorithm in ALGORITHMS.items()
}


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_a_forest_scores_and_weighs_as_sparks_own_does(
    name: str, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyspark.ml.regression as regression

    fitted: list[Any] = []

    class Recording(getattr(regression, ESTIMATORS[name])):  # type: ignore[misc]
        def fit(self, rows: Any) -> Any:
            fitted.append(super().fit(rows))
            return fitted[-1]

    monkeypatch.setattr(regression, ESTIMATORS[name], Recording)
    model = fit(name, "spark", X, Y, SETTINGS[name], 3, lambda: spark)
    with spark_rows.spark_rows(spark, X, Y) as rows:
        theirs = fitted[0].transform(rows).toPandas().sort_values("label")
    order = np.argsort(Y)  # rows come back in another order
    np.testing.assert_array_equal(theirs["label"], Y[order])
    expected = theirs["prediction"] + Y.mean()  # labels are centered for Spark
    np.testing.assert_allclose(model.predict(X)[order], expected, rtol=1e-12)
    importance = fitted[0].featureImportances.toArray()
    np.testing.assert_allclose(model.importance(), importance, atol=1e-15)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_same_seed_gives_the_same_bits_in_several_partitions(
    name: str, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_rows, "ROWS_PER_PARTITION", 300)
    tables = [
        fit(name, "spark", X, LABELS[name], SETTINGS[name], 3, lambda: spark).to_table()
        for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.parametrize("name", NESTED)
def test_a_smaller_model_lies_inside_a_larger_one(
    name: str, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_rows, "ROWS_PER_PARTITION", 300)
    nesting = ALGORITHMS[name].nesting
    assert nesting is not None

    def of_size(size: int) -> Any:
        settings = {**SETTINGS[name], nesting.setting: size}
        return fit(name, "spark", X, LABELS[name], settings, 3, lambda: spark)

    smaller = nesting.smaller(of_size(6), 2)
    pd.testing.assert_frame_equal(
        smaller.to_table(), of_size(2).to_table(), check_exact=True
    )


def test_the_first_trees_of_a_forest_estimate_a_forest_of_their_own(
    spark: SparkSession,
) -> None:
    """Trees depend on their number on Spark, so a search scores a similar forest."""
    new_x, new_y = rows_of(3_000, seed=2)
    nesting = ALGORITHMS["random_forest"].nesting
    assert nesting is not None

    def fitted(n_trees: int, seed: int) -> Any:
        settings = {"n_trees": n_trees, "max_depth": 5}
        return fit("random_forest", "spark", X, Y, settings, seed, lambda: spark)

    def error(model: Any) -> float:
        return float(np.std(model.predict(new_x) - new_y))

    own = [error(fitted(5, seed)) for seed in range(3)]
    first = [error(nesting.smaller(fitted(20, seed), 5)) for seed in range(3)]
    assert np.mean(first) == pytest.approx(np.mean(own), rel=0.05)


def test_a_forest_on_spark_is_as_good_as_one_here(spark: SparkSession) -> None:
    new_x, new_y = rows_of(3_000, seed=2)
    errors = []
    for backend in ("local", "spark"):
        model = fit("random_forest", backend, X, Y, {"max_depth": 8}, 3, lambda: spark)
        errors.append(np.std(model.predict(new_x) - new_y))
    assert errors[0] == pytest.approx(errors[1], rel=0.1)


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_the_line_on_spark_is_the_line_here(l2: float, spark: SparkSession) -> None:
    x = X * [1, 10, 100, 1e-3, 1, 1] + 50
    ours = fit("linear", "local", x, Y, {"l2": l2})
    theirs = fit("linear", "spark", x, Y, {"l2": l2}, spark=lambda: spark)
    assert isinstance(ours, Linear)
    assert isinstance(theirs, Linear)
    np.testing.assert_allclose(theirs.coefficients, ours.coefficients, rtol=1e-9)
    np.testing.assert_allclose(theirs.predict(x), ours.predict(x), rtol=1e-11)
    np.testing.assert_allclose(theirs.importance(), ours.importance(), atol=1e-9)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_the_elastic_net_on_spark_is_the_one_here(
    l1_ratio: float, spark: SparkSession
) -> None:
    x, weights = X * [1, 10, 100, 1e-3, 1, 1] + 50, 1 + np.arange(len(X)) % 3.0
    settings = {"penalty": 0.05, "l1_ratio": l1_ratio}
    ours = fit("elastic_net", "local", x, Y, settings, weights=weights)
    theirs = fit("elastic_net", "spark", x, Y, settings, 0, lambda: spark, weights)
    np.testing.assert_allclose(theirs.predict(x), ours.predict(x), rtol=1e-8)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("labels", [UP, CLASSES], ids=["two", "three"])
def test_logistic_on_spark_is_the_one_here(
    labels: FloatArray, l1_ratio: float, spark: SparkSession
) -> None:
    x, weights = X * [1, 10, 100, 1e-3, 1, 1] + 50, 1 + np.arange(len(X)) % 3.0
    settings = {"penalty": 0.02, "l1_ratio": l1_ratio}
    ours = fit("logistic", "local", x, labels, settings, weights=weights)
    theirs = fit("logistic", "spark", x, labels, settings, 0, lambda: spark, weights)
    np.testing.assert_allclose(theirs.predict(x), ours.predict(x), atol=1e-6)


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_a_classifier_scores_and_weighs_as_sparks_own_does(
    name: str, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyspark.ml.classification as classification

    fitted: list[Any] = []

    class Recording(getattr(classification, CLASSIFIERS[name])):  # type: ignore[misc]
        def fit(self, rows: Any) -> Any:
            fitted.append(super().fit(rows))
            return fitted[-1]

    monkeypatch.setattr(classification, CLASSIFIERS[name], Recording)
    labels = UP if name == "gradient_boosting_classifier" else CLASSES
    model = fit(name, "spark", X, labels, SETTINGS[name], 3, lambda: spark)
    with spark_rows.spark_rows(spark, X, Y) as rows:
        theirs = fitted[0].transform(rows).toPandas().sort_values("label")
    found = np.array([p.toArray() for p in theirs["probability"]])
    expected = found @ np.unique(labels)
    ours = model.predict(X)[np.argsort(Y)]
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
    importance = fitted[0].featureImportances.toArray()
    np.testing.assert_allclose(model.importance(), importance, atol=1e-15)


def test_of_three_classes_each_has_sparks_odds_against_the_most_frequent(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyspark.ml.classification as classification

    fitted: list[Any] = []

    class Recording(classification.GBTClassifier):  # type: ignore[misc]
        def fit(self, rows: Any) -> Any:
            fitted.append(super().fit(rows))
            return fitted[-1]

    monkeypatch.setattr(classification, "GBTClassifier", Recording)
    name = "gradient_boosting_classifier"
    labels = np.digitize(Y, [169.8, 170.1]) - 1.0
    counts = dict(zip(*np.unique(labels, return_counts=True)))
    usual = max(counts, key=counts.__getitem__)
    assert usual == 1.0
    model = fit(name, "spark", X, labels, SETTINGS[name], 3, lambda: spark)
    odds = [np.ones(len(X))]
    for one in fitted:  # of -1 and 0, in this order
        with spark_rows.spark_rows(spark, X, Y) as rows:
            theirs = one.transform(rows).toPandas().sort_values("label")
        upper = np.array([p.toArray()[1] for p in theirs["probability"]])
        odds.append(upper / (1 - upper))
    usual_odds, lowest, middle = odds
    expected = (usual_odds - lowest) / (usual_odds + lowest + middle)
    ours = model.predict(X)
    np.testing.assert_allclose(ours[np.argsort(Y)], expected, rtol=1e-9, atol=1e-12)
    here = fit(name, "local", X, labels, SETTINGS[name], 3)
    errors = [np.mean((one - labels) ** 2) for one in (ours, here.predict(X))]
    assert errors[0] < 1.2 * errors[1]
    assert max(errors) < 0.8 * np.var(labels)


def test_what_has_no_fit_on_spark_is_told(spark: SparkSession) -> None:
    with pytest.raises(BadInput, match=r"Ridge has no fit on Spark. Write backend: l"):
        fit("sklearn.linear_model:Ridge", "spark", X, Y, {}, 3, lambda: spark)


@pytest.mark.parametrize("name", [n for n in ALGORITHMS if ALGORITHMS[n].classifies])
def test_a_single_class_is_forecast_by_a_classifier_on_spark(
    name: str, spark: SparkSession
) -> None:
    model = fit(name, "spark", X, np.full(len(X), 1.0), {}, 3, lambda: spark)
    assert (model.predict(X) == 1.0).all()


def test_a_tree_without_a_split_is_read(spark: SparkSession) -> None:
    model = fit(
        "random_forest", "spark", X, np.full(1_365, 170.25), {}, 1, lambda: spark
    )
    np.testing.assert_allclose(model.predict(X), 170.25, rtol=1e-15)
    assert model.importance().tolist() == [0] * 6


@pytest.mark.parametrize("rows", [1, 3])
def test_a_tree_that_drew_no_row_forecasts_the_mean(
    rows: int, spark: SparkSession
) -> None:
    x, y = X[:rows], Y[:rows]
    forecast = fit("random_forest", "spark", x, y, {}, 1, lambda: spark).predict(x)
    assert (abs(forecast - y.mean()) <= np.ptp(y) + 1e-9).all()


def test_numbers_of_any_size_are_read_exactly() -> None:
    """Java writes 1.0E-4 where Python writes 0.0001."""
    text = (
        "RandomForestRegressionModel: uid=x, numTrees=2, numFeatures=2\n"
        "  Tree 0 (weight 1.0):\n"
        "    If (feature 1 <= -1.2345678901234567E-5)\n"
        "     Predict: 1.0E10\n"
        "    Else (feature 1 > -1.2345678901234567E-5)\n"
        "     If (feature 0 <= 0.1)\n"
        "      Predict: 2.0\n"
        "     Else (feature 0 > 0.1)\n"
        "      Predict: -3.5\n"
        "  Tree 1 (weight 0.1):\n"
        "    Predict: 7.0\n"
    )
    (first, second), weights = of_spark(text)
    assert weights == [1.0, 0.1]
    assert first.feature.tolist() == [1, -1, 0, -1, -1]
    assert first.threshold[[0, 2]].tolist() == [-1.2345678901234567e-05, 0.1]
    assert first.value[[1, 3, 4]].tolist() == [1e10, 2.0, -3.5]
    assert first.left[[0, 2]].tolist() == [1, 3]
    assert first.right[[0, 2]].tolist() == [2, 4]
    assert second.value.tolist() == [7.0]


def test_a_search_on_spark_fits_the_same_rows_as_single_fits(
    spark: SparkSession,
) -> None:
    minutes = pd.date_range("2018-02-20", periods=len(Y), freq="min", tz="UTC")
    folds = cv_folds(pd.DataFrame({"ts": minutes}), n=2, embargo=5)
    grid = {"l2": [100.0, 0.0]}
    chosen, scores = search(
        "linear", "spark", X, Y, {}, grid, folds, spark=lambda: spark
    )
    _, expected = search("linear", "local", X, Y, {}, grid, folds)
    assert chosen == {"l2": 0.0}
    np.testing.assert_allclose(scores["rmse"], expected["rmse"], rtol=1e-9)
    _, again = search("linear", "spark", X, Y, {}, grid, folds, spark=lambda: spark)
    assert again["rmse"].tolist() == scores["rmse"].tolist()


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_weights_of_rows_count_on_spark(name: str, spark: SparkSession) -> None:
    odd = np.arange(len(Y)) % 2.0

    def fitted(y: Any, weights: Any, backend: str = "spark") -> Any:
        asked = (SETTINGS[name], 3, lambda: spark)
        return fit(name, backend, X, y, *asked, weights=weights).predict(X)

    labels = LABELS[name]
    weighed = fitted(labels, 1 + 9 * odd)
    assert np.abs(weighed - fitted(labels, None)).max() > 1e-3 * labels.std()
    if name == "linear":
        local = fitted(labels, 1 + 9 * odd, "local")
        np.testing.assert_allclose(weighed, local, rtol=1e-6, atol=1e-6 * Y.std())
