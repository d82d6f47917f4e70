from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import pytest
import sklearn
from packaging.version import Version
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models import (
    ALGORITHMS,
    Classifier,
    Forest,
    Linear,
    Model,
    parse_settings,
    trees,
)
from whatif_assets.domain.models.elastic_net import ElasticNetSettings, elastic_net
from whatif_assets.domain.models.logistic import LogisticSettings, logistic
from whatif_assets.engines.fitting import fit
from whatif_assets_tests.domain.models.made_up import rows_for, rows_of

NESTED = [
    name
    for name, algorithm in sorted(ALGORITHMS.items())
    if algorithm.nesting and "local" in algorithm.nesting.exact_on
]


# Before scikit-learn 1.8, the kind of penalty is named.
NAMED = Version(sklearn.__version__) < Version("1.8")
ELASTIC = {"solver": "saga", **({"penalty": "elasticnet"} if NAMED else {})}
CLASSIFIERS = [n for n, algorithm in sorted(ALGORITHMS.items()) if algorithm.classifies]


def bits(model: Model) -> list[bytes]:
    return [model.to_table().to_csv().encode(), model.importance().tobytes()]


class TestContract:
    """Contract of every algorithm of the registry, fitted locally."""

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    def test_it_learns(self, name: str) -> None:
        x, y = rows_for(name, 2_000)
        model = fit(name, "local", x, y, {})
        new_x, new_y = rows_for(name, 2_000, seed=2)
        error = np.std(model.predict(new_x) - new_y)
        assert error < 0.98 * np.std(new_y)

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    def test_the_same_seed_gives_the_same_bits(self, name: str) -> None:
        x, y = rows_for(name, 500)
        assert bits(fit(name, "local", x, y, {}, 7)) == bits(
            fit(name, "local", x, y, {}, 7)
        )

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    @pytest.mark.parametrize("threads", [2, 3])
    def test_threads_do_not_change_a_bit(
        self, name: str, threads: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trees, "EXACT_ROWS", 1_000)
        for rows in (900, 3_000):  # a forest of each kind
            x, y = rows_for(name, rows)
            algorithm = ALGORITHMS[name]
            one = algorithm.fit_local(x, y, algorithm.Settings(), 7, 1)
            assert bits(
                algorithm.fit_local(x, y, algorithm.Settings(), 7, threads)
            ) == bits(one)

    @pytest.mark.parametrize("name", NESTED)
    @pytest.mark.parametrize("rows", [900, 3_000])
    @pytest.mark.parametrize("label", [0.0, 1.0])
    def test_a_smaller_model_lies_inside_a_larger_one(
        self, name: str, rows: int, label: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trees, "EXACT_ROWS", 1_000)  # a forest of each kind
        nesting = ALGORITHMS[name].nesting
        assert nesting is not None
        x, y = rows_for(name, rows)
        y *= label  # 0: no split gains anything, and boosting stops
        settings = {"max_depth": 6, "max_features": 0.5}
        larger = fit(name, "local", x, y, {**settings, nesting.setting: 20}, 7)
        for size in (1, 7, 20):
            own = fit(name, "local", x, y, {**settings, nesting.setting: size}, 7)
            smaller = nesting.smaller(larger, size)
            assert smaller.to_table().equals(own.to_table())
            assert smaller.predict(x).tobytes() == own.predict(x).tobytes()

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    def test_importances_add_up_and_find_what_matters(self, name: str) -> None:
        x, y = rows_for(name, 2_000, slope=3)
        importance = fit(name, "local", x, y, {}).importance()
        assert importance.sum() == pytest.approx(1)
        assert (importance >= 0).all()
        assert int(np.argmax(importance)) == 0

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    def test_a_constant_label_is_forecast_exactly(self, name: str) -> None:
        x, _ = rows_of(100)
        model = fit(name, "local", x, np.full(100, 170.25), {})
        np.testing.assert_allclose(model.predict(x), 170.25, rtol=1e-15)
        assert model.importance().tolist() == [0] * 6

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    @pytest.mark.parametrize("rows", [1, 2, 5])
    def test_a_handful_of_rows_suffices(self, name: str, rows: int) -> None:
        x, y = rows_for(name, rows)
        assert np.isfinite(fit(name, "local", x, y, {}).predict(x)).all()

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    def test_data_is_left_alone_and_may_be_read_only(self, name: str) -> None:
        x, y = rows_for(name, 200)
        before = x.copy(), y.copy()
        x.flags.writeable = y.flags.writeable = False
        fit(name, "local", x, y, {}).predict(x)
        np.testing.assert_array_equal(x, before[0])
        np.testing.assert_array_equal(y, before[1])

    @pytest.mark.parametrize("name", sorted(ALGORITHMS))
    def test_settings_are_described(self, name: str) -> None:
        for field in ALGORITHMS[name].Settings.model_fields.values():
            assert field.description
            assert not field.is_required()


class TestRandomForest:
    SETTINGS: ClassVar = {"n_trees": 30, "max_depth": 6, "min_rows_per_leaf": 3}

    def test_it_is_scikit_learns(self) -> None:
        x, y = rows_of(1_365)
        x = x.astype(np.float32).astype(float)  # scikit-learn scores in 32 bits
        ours = fit("random_forest", "local", x, y, self.SETTINGS, seed=5)
        theirs = RandomForestRegressor(
            30, max_depth=6, max_features=2, min_samples_leaf=3, random_state=5
        ).fit(x, y)
        assert isinstance(ours, Forest)
        splits = np.concatenate([t.tree_.threshold for t in theirs.estimators_])
        inner = ours.feature >= 0
        np.testing.assert_array_equal(ours.threshold[inner], splits[inner])
        np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-13)
        np.testing.assert_allclose(ours.importance(), theirs.feature_importances_)

    def test_above_the_limit_it_is_a_forest_of_histograms(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        x, y = rows_of(4_000)
        exact = fit("random_forest", "local", x, y, self.SETTINGS)
        monkeypatch.setattr(trees, "EXACT_ROWS", 3_999)
        large = fit("random_forest", "local", x, y, self.SETTINGS)
        assert isinstance(exact, Forest)
        assert isinstance(large, Forest)
        assert bits(large) != bits(exact)
        assert large.to_table()["tree"].nunique() == 30
        new_x, new_y = rows_of(4_000, seed=2)
        errors = [np.std(m.predict(new_x) - new_y) for m in (exact, large)]
        assert errors[1] == pytest.approx(errors[0], rel=0.1)

    def test_depth_leaves_and_trees_are_as_asked(self) -> None:
        x, y = rows_of(500)
        model = fit("random_forest", "local", x, y, {"n_trees": 4, "max_depth": 1})
        table = model.to_table()
        assert table.groupby("tree").size().tolist() == [3] * 4

    def test_a_price_level_keeps_its_digits(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In 32 bits, 65,432.1 would be rounded to a multiple of 1/128."""
        monkeypatch.setattr(trees, "EXACT_ROWS", 0)
        x = np.repeat([[0.0], [1.0]], 50, axis=0)
        y = np.where(x[:, 0] > 0, 65_432.123456, 65_432.123400)
        for name in ("random_forest", "gradient_boosting"):
            settings = {"n_trees": 200, "min_rows_per_leaf": 1}
            forecast = fit(name, "local", x, y, settings).predict(x)
            np.testing.assert_allclose(forecast, y, atol=2e-5)

    @pytest.mark.parametrize(
        ("share", "features", "whole"),
        [(1 / 3, 6, 2), (1 / 3, 7, 3), (0.7, 10, 7), (0.01, 3, 1), (1.0, 5, 5)],
    )
    def test_a_share_of_the_features_is_rounded_up(
        self, share: float, features: int, whole: int
    ) -> None:
        assert trees._whole_features(share, features) == whole


class TestGradientBoosting:
    def test_it_scores_as_lightgbm_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import lightgbm

        fitted: list[Any] = []
        train = lightgbm.train
        monkeypatch.setattr(
            lightgbm,
            "train",
            lambda *a, **k: fitted.append(train(*a, **k)) or fitted[-1],
        )
        x, y = rows_of(1_000)
        settings = {"n_trees": 150, "max_depth": 9, "min_rows_per_leaf": 2}
        model = fit("gradient_boosting", "local", x, y, settings)
        new, _ = rows_of(5_000, seed=2)
        theirs = fitted[0].predict(new) * y.std() + y.mean()
        np.testing.assert_allclose(model.predict(new), theirs, rtol=1e-13)

    def test_more_trees_fit_closer(self) -> None:
        x, y = rows_of(1_000)
        errors = [
            np.std(
                fit("gradient_boosting", "local", x, y, {"n_trees": n}).predict(x) - y
            )
            for n in (1, 10, 100)
        ]
        assert errors == sorted(errors, reverse=True)


class TestLinear:
    @pytest.mark.parametrize("l2", [0.0, 1e-6, 0.1, 10.0])
    def test_it_is_ridge_on_standardised_columns(self, l2: float) -> None:
        x, y = rows_of(500)
        x = x * [1, 10, 100, 1e-3, 1, 1] + 50
        model = fit("linear", "local", x, y, {"l2": l2})
        scaler = StandardScaler().fit(x)
        ridge = Ridge(alpha=l2 * 500).fit(scaler.transform(x), (y - y.mean()) / y.std())
        expected = ridge.predict(scaler.transform(x)) * y.std() + y.mean()
        np.testing.assert_allclose(model.predict(x), expected, rtol=1e-11)

    def test_a_line_is_found_exactly(self) -> None:
        x, _ = rows_of(100, features=3)
        model = fit("linear", "local", x, 5 + x @ [1.0, -2.0, 0.0], {"l2": 0})
        assert isinstance(model, Linear)
        np.testing.assert_allclose(model.coefficients, [1, -2, 0], atol=1e-13)
        np.testing.assert_allclose(model.constant, [5])
        np.testing.assert_allclose(model.importance(), [1 / 3, 2 / 3, 0], atol=0.05)

    def test_columns_that_say_the_same_share_and_constant_ones_count_nothing(
        self,
    ) -> None:
        one, _ = rows_of(100, features=1)
        x = np.hstack([one, one, np.full((100, 1), 3.0)])
        model = fit("linear", "local", x, 4 * one[:, 0], {"l2": 0})
        assert isinstance(model, Linear)
        np.testing.assert_allclose(model.coefficients, [2, 2, 0], atol=1e-12)


def with_odd_columns(x: FloatArray) -> FloatArray:
    """Scale and shift the columns; one repeats another, one is constant."""
    scaled = x * [1, 10, 100, 1e-3, 1, 1] + 50
    return np.column_stack([scaled, scaled[:, 0], np.full(len(x), 0.1)])


class TestElasticNet:
    @pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
    def test_it_is_scikit_learns_on_standardised_columns(self, l1_ratio: float) -> None:
        x, y = rows_of(500)
        x, weights = with_odd_columns(x)[:, :6], 1 + np.arange(500) % 3.0
        scaler = StandardScaler().fit(x, sample_weight=weights)
        level = np.average(y, weights=weights)
        unit = np.sqrt(np.average((y - level) ** 2, weights=weights))
        theirs = ElasticNet(alpha=0.05, l1_ratio=l1_ratio, tol=1e-14, max_iter=10**6)
        theirs.fit(scaler.transform(x), (y - level) / unit, sample_weight=weights)
        settings = ElasticNetSettings(penalty=0.05, l1_ratio=l1_ratio)
        model = elastic_net(x, y, settings, 0, 1, weights)
        expected = theirs.predict(scaler.transform(x)) * unit + level
        np.testing.assert_allclose(model.predict(x), expected, rtol=1e-12)
        assert 0 in model.coefficients or l1_ratio < 1

    def test_without_absolute_penalty_it_is_linear(self) -> None:
        x, y = rows_of(500)
        x = with_odd_columns(x)
        ridge = fit("elastic_net", "local", x, y, {"penalty": 0.1, "l1_ratio": 0})
        linear = fit("linear", "local", x, y, {"l2": 0.1})
        np.testing.assert_allclose(ridge.predict(x), linear.predict(x), rtol=1e-12)


class TestLogistic:
    @pytest.mark.parametrize("classes", [2, 3])
    @pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
    def test_it_is_scikit_learns_on_standardised_columns(
        self, classes: int, l1_ratio: float
    ) -> None:
        x, y = rows_for("logistic", 600)
        y, x = np.minimum(y, classes - 2), with_odd_columns(x)[:, :6]
        weights = 1 + np.arange(600) % 3.0
        scaled = StandardScaler().fit(x, sample_weight=weights).transform(x)
        theirs = LogisticRegression(
            C=1 / (0.02 * weights.sum()), tol=1e-13, max_iter=10**6, random_state=0,
            **({**ELASTIC, "l1_ratio": l1_ratio} if l1_ratio else {}),
        )  # fmt: skip
        theirs.fit(scaled, y, sample_weight=weights)
        settings = LogisticSettings(penalty=0.02, l1_ratio=l1_ratio)
        model = logistic(x, y, settings, 0, 1, weights)
        assert isinstance(model, Classifier)
        np.testing.assert_array_equal(model.classes, theirs.classes_)
        ours, expected = model.probabilities(x), theirs.predict_proba(scaled)
        # lbfgs, without an absolute penalty, stops earlier than saga.
        np.testing.assert_allclose(ours, expected, atol=1e-11 if l1_ratio else 1e-6)
        np.testing.assert_allclose(model.predict(x), ours @ model.classes, rtol=1e-12)

    def test_classes_that_are_told_apart_need_a_penalty(self) -> None:
        x, _ = rows_of(100)
        y = np.sign(x[:, 0])
        model = fit("logistic", "local", x, y, {"penalty": 1e-6})
        np.testing.assert_allclose(model.predict(x), y, atol=0.35)
        with pytest.raises(BadInput, match=r"grow without end\. Increase penalty"):
            fit("logistic", "local", x, y, {"penalty": 0})


class TestClassifiers:
    SETTINGS: ClassVar = {"n_trees": 30, "max_depth": 6, "min_rows_per_leaf": 3}

    @pytest.mark.parametrize("classes", [2, 3])
    def test_a_forest_is_scikit_learns(self, classes: int) -> None:
        x, y = rows_for("random_forest_classifier", 1_365)
        y, x = np.minimum(y, classes - 2), x.astype(np.float32).astype(float)
        name = "random_forest_classifier"
        ours = fit(name, "local", x, y, self.SETTINGS, seed=5)
        theirs = RandomForestClassifier(
            30, max_depth=6, max_features=2, min_samples_leaf=3, random_state=5
        ).fit(x, y)
        expected = theirs.predict_proba(x) @ theirs.classes_
        np.testing.assert_allclose(ours.predict(x), expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours.importance(), theirs.feature_importances_)

    def test_a_large_forest_is_one_of_histograms(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trees, "EXACT_ROWS", 1_000)
        x, y = rows_for("random_forest_classifier", 1_365)
        found = [
            fit(name, "local", x, y, self.SETTINGS)
            for name in ("random_forest_classifier", "random_forest")
        ]
        assert bits(found[0]) == bits(found[1])

    @pytest.mark.parametrize("classes", [2, 3])
    def test_boosting_scores_as_lightgbm_does(
        self, classes: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fitted: list[Any] = []
        boosted = trees.boosted
        monkeypatch.setattr(
            trees, "boosted", lambda *a: fitted.append(boosted(*a)) or fitted[-1]
        )
        name = "gradient_boosting_classifier"
        x, y = rows_for(name, 1_000)
        model = fit(name, "local", x, np.minimum(y, classes - 2), self.SETTINGS)
        assert isinstance(model, Classifier)
        new, _ = rows_of(2_000, seed=2)
        theirs = fitted[0].predict(new)
        if classes == 2:
            theirs = np.column_stack([1 - theirs, theirs])
        np.testing.assert_allclose(model.probabilities(new), theirs, atol=1e-13)

    @pytest.mark.parametrize("name", CLASSIFIERS)
    def test_a_row_counts_as_often_as_its_weight_says(self, name: str) -> None:
        x, y = rows_for(name, 300)
        algorithm = ALGORITHMS[name]
        weights = np.where(y > 0, 10.0, 1.0)
        settings = algorithm.Settings()
        plain, heavy = (
            algorithm.fit_local(x, y, settings, 0, 1, w) for w in (None, weights)
        )
        assert heavy.predict(x).mean() > plain.predict(x).mean() + 0.02
        same = algorithm.fit_local(x, y, settings, 0, 1, np.full(300, 1.0))
        assert bits(same) == bits(plain)

    @pytest.mark.parametrize("name", CLASSIFIERS)
    def test_odd_columns_do_no_harm(self, name: str) -> None:
        x, y = rows_for(name, 300)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for labels in (y, np.minimum(y, 0), y * 0 + 0.1):
                model = fit(name, "local", with_odd_columns(x), labels, {})
                assert np.isfinite(model.predict(with_odd_columns(x))).all()

    @pytest.mark.parametrize("name", CLASSIFIERS)
    def test_labels_that_are_no_classes_are_refused(self, name: str) -> None:
        x, y = rows_of(100)
        with pytest.raises(BadInput, match="label: found more than 20 different val"):
            fit(name, "local", x, y, {})


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                {"max_dept": 3},
                "random_forest: max_dept: unknown .* Did you mean 'max_depth'",
            ),
            ({"max_depth": 31}, "max_depth: found 31; a number of 30 or less"),
            ({"n_trees": 0}, "n_trees: found 0"),
            ({"max_features": 0}, "max_features: found 0"),
            ({"l2": 1}, "l2: unknown"),
        ],
    )
    def test_a_setting_that_is_wrong(
        self, settings: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(BadInput, match=message):
            parse_settings("random_forest", settings)

    def test_an_algorithm_or_backend_that_does_not_exist(self) -> None:
        x, y = rows_of(10)
        with pytest.raises(
            BadInput, match=r"found 'random_forst'.* Did you mean 'random_f"
        ):
            fit("random_forst", "local", x, y, {})
        with pytest.raises(
            BadInput, match=r"backend: found 'sparks'.* Did you mean 'spark'"
        ):
            fit("linear", "sparks", x, y, {})
        with pytest.raises(BadInput, match="needs a Spark session"):
            fit("linear", "spark", x, y, {})

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_data_that_is_not_finite(self, value: float) -> None:
        x, y = rows_of(10)
        broken = x.copy()
        broken[[3, 7], 1] = value
        with pytest.raises(BadInput, match="2 of 10 rows, the first is row 3"):
            fit("linear", "local", broken, y, {})
        label = y.copy()
        label[4] = value
        with pytest.raises(BadInput, match="1 of 10 rows, the first is row 4"):
            fit("linear", "local", x, label, {})

    @pytest.mark.parametrize("shapes", [((3, 2), (4,)), ((3,), (3,)), ((0, 2), (0,))])
    def test_data_of_another_shape(self, shapes: tuple[Any, Any]) -> None:
        x: FloatArray = np.zeros(shapes[0])
        with pytest.raises(BadInput, match="give n rows of k features and n labels"):
            fit("linear", "local", x, np.zeros(shapes[1]), {})
