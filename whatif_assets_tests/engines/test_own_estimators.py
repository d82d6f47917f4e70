"""Estimators of scikit-learn's interface, by import path or in the study's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import HuberRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models import Model, parse_settings
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.windows import cv_folds
from whatif_assets.engines import own_estimators, own_models
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.fitting import fit
from whatif_assets.engines.searching import search
from whatif_assets.home.models import decoded_models, encoded_models
from whatif_assets_tests.domain.models.made_up import rows_of

X, Y = rows_of(120)
UP = np.where(Y > 170, 1.0, -1.0)
CODE = """
import os
import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from beside import ALPHA

SEEN = []


def piped(alpha=ALPHA, fit_intercept=True):
    return make_pipeline(StandardScaler(), Ridge(alpha, fit_intercept=fit_intercept))


class Mean(RegressorMixin, BaseEstimator):
    def __init__(self, by=1.0):
        self.by = by

    def fit(self, x, y):
        self.mean = float(np.mean(y)) * self.by
        return self

    def predict(self, x):
        return np.full(len(x), self.mean)


class Times(Mean):
    def __init__(self, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.offset = offset


class Twice(Mean):
    def __init__(self, offset=0.0, **kwargs):
        super().__init__(by=2.0, **kwargs)
        self.offset = offset


class Remembers(Mean):
    def predict(self, x):
        kept = Path(tempfile.gettempdir()) / "seen.txt"
        found = len(SEEN) + kept.exists() + hasattr(Remembers, "seen")
        SEEN.append(1)
        kept.write_text("x")
        Remembers.seen = self.seen = True
        return np.full(len(x), float(found))


class Random(Mean):
    def fit(self, x, y):
        self.mean = np.random.default_rng().normal()
        return self


class Ends(Mean):
    def fit(self, x, y):
        os.kill(os.getpid(), 9)


class Fails(Mean):
    def predict(self, x):
        return self.nothing


class Unknown(Mean):
    def predict(self, x):
        return np.where(x[:, 0] > 0, np.nan, 1.0)


def needs(alpha):
    return Mean(alpha)


def number(alpha=1.0):
    return alpha


VALUE = 5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study with the user's estimators; tests only read it."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "models").mkdir()
    (folder / "models" / "mine.py").write_text(CODE)
    (folder / "models" / "beside.py").write_text("ALPHA = 3.0\n")
    return folder


def fitted(name: str, folder: Path, settings: dict[str, Any] | None = None) -> Model:
    return fit(f"models/mine.py:{name}", "local", X, Y, settings or {}, base=folder)


def stored(model: Model) -> bytes:
    return encoded_models(PartModels({ALL: model}))


def read_again(model: Model, folder: Path) -> Model:
    return decoded_models(stored(model), Path("fold_0.model"), folder).models[ALL]


class TestEquality:
    def test_a_regressor_forecasts_as_the_bare_one(self, folder: Path) -> None:
        name, settings = "sklearn.linear_model:HuberRegressor", {"alpha": 0.1}
        model = fit(name, "local", X, Y, settings)
        theirs = HuberRegressor(alpha=0.1).fit(X, Y).predict(X)
        np.testing.assert_allclose(model.predict(X), theirs, rtol=1e-12)
        again = read_again(model, folder)
        assert again.predict(X).tobytes() == model.predict(X).tobytes()
        assert stored(again) == stored(model)
        assert np.isnan(again.importance()).all()

    def test_a_pipeline_of_a_users_file_forecasts_as_the_bare_one(
        self, folder: Path
    ) -> None:
        model = fitted("piped", folder, {"fit_intercept": False})
        bare = make_pipeline(StandardScaler(), Ridge(3.0, fit_intercept=False))
        expected = bare.fit(X, Y).predict(X)
        np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12, atol=1e-12)

    def test_a_classifier_forecasts_the_expected_class(self, folder: Path) -> None:
        name, settings = "sklearn.ensemble:RandomForestClassifier", {"n_estimators": 9}
        model = fit(name, "local", X, UP, settings, seed=4)
        bare = RandomForestClassifier(9, random_state=4).fit(X, UP)
        expected = bare.predict_proba(X) @ bare.classes_
        np.testing.assert_allclose(model.predict(X), expected, atol=1e-12)
        np.testing.assert_allclose(model.importance(), bare.feature_importances_)
        with pytest.raises(BadInput, match="a classifier needs a label of classes"):
            fit(name, "local", X, Y, settings)

    def test_weights_of_rows_reach_the_last_step(self, folder: Path) -> None:
        weights = np.linspace(0.0, 2.0, len(Y))
        name = "models/mine.py:piped"
        model = fit(name, "local", X, Y, {}, weights=weights, base=folder)
        bare = make_pipeline(StandardScaler(), Ridge(3.0))
        bare.fit(X, Y, ridge__sample_weight=weights)
        np.testing.assert_allclose(model.predict(X), bare.predict(X), rtol=1e-12)
        again = read_again(model, folder)
        assert again.predict(X).tobytes() == model.predict(X).tobytes()
        with pytest.raises(BadInput, match="fit of Mean takes no sample_weight"):
            fit("models/mine.py:Mean", "local", X, Y, {}, weights=weights, base=folder)

    def test_the_seed_of_the_model_is_the_random_state(self) -> None:
        name, settings = "sklearn.ensemble:RandomForestRegressor", {"n_estimators": 3}
        model = fit(name, "local", X, Y, settings, seed=2**31 + 8)
        bare = RandomForestRegressor(3, random_state=8).fit(X, Y)
        np.testing.assert_allclose(model.predict(X), bare.predict(X), rtol=1e-12)

    def test_a_search_chooses_among_its_settings(self) -> None:
        minutes = pd.date_range("2018-02-20", periods=len(Y), freq="min", tz="UTC")
        folds = cv_folds(pd.DataFrame({"ts": minutes}), n=2, embargo=5)
        name, grid = "sklearn.linear_model:Ridge", {"alpha": [1e6, 0.1]}
        chosen, scores = search(name, "local", X, Y, {}, grid, folds)
        assert chosen == {"alpha": 0.1}
        train, validation = folds[0]
        bare = Ridge(0.1).fit(X[train], Y[train]).predict(X[validation])
        expected = np.sqrt(np.mean((bare - Y[validation]) ** 2))
        assert scores["rmse"].iloc[2] == pytest.approx(expected, rel=1e-12)


class TestIsolation:
    def test_nothing_is_remembered_from_one_forecast_to_the_next(
        self, folder: Path
    ) -> None:
        model = fitted("Remembers", folder)
        for _ in range(2):
            assert model.predict(X).tolist() == [0.0] * len(X)

    def test_rows_with_an_unknown_feature_have_no_forecast(self, folder: Path) -> None:
        x = X.copy()
        x[3, 1] = np.nan
        model = fitted("Mean", folder)
        assert np.flatnonzero(np.isnan(model.predict(x))).tolist() == [3]
        assert model.predict(x[:0]).shape == (0,)
        with pytest.raises(BadInput, match="the model was fitted on 6 features"):
            model.predict(x[:, :2])

    def test_a_model_that_is_fitted_again_must_forecast_the_same(
        self, folder: Path
    ) -> None:
        model = fitted("Random", folder)
        with pytest.raises(BadInput, match="fitted twice to the same rows, it forec"):
            read_again(model, folder).predict(X)

    def test_a_model_is_fitted_again_once(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[object] = []
        run = own_estimators.Recipe.run

        def noted(self: Any, rows: int, work: Any, *inputs: Any) -> Any:
            calls.append(work)
            return run(self, rows, work, *inputs)

        content = stored(fitted("Mean", folder, {"by": 7.0}))
        monkeypatch.setattr(own_estimators.Recipe, "run", noted)
        for _ in range(3):
            decoded_models(content, Path("fold_0.model"), folder).models[ALL].predict(X)
        assert calls.count(own_models._fit_here) == 1

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("Ends", "its process was ended by the signal SIGKILL"),
            ("Fails", r"it fails with AttributeError: .*nothing.* \(.*mine.py:\d+\)"),
            (
                "Unknown",
                r"60 rows it forecast values of shape \(60,\), \d+ of them NaN",
            ),
        ],
    )
    def test_a_fault_is_named(self, folder: Path, name: str, message: str) -> None:
        with pytest.raises(
            BadInput, match=f"Algorithm 'models/mine.py:{name}'.*{message}"
        ):
            fitted(name, folder)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("models/mine.py:Pipe", "has no class Pipe"),
            ("models/mine.py:Maen", r"has no class Maen. Did you mean 'Mean'\?"),
            ("models/mine.py:VALUE", "VALUE is neither a class with fit and predict"),
            ("models/mine.py:needs", "its argument alpha has no default. Name a func"),
            ("nowhere.py:Mean", "Algorithm 'nowhere.py:Mean': .*cannot be read"),
            ("../mine.py:Mean", "Algorithm '../mine.py:Mean': the file is outside of"),
            ("no.such.module:Mean", "its import fails with ModuleNotFoundError"),
            ("mine.py:", "write 'package.module:Class' or 'file.py:Class'"),
            ("sklearn.linear_model:Rige", r"has no class Rige. Did you mean 'Ridge'"),
            ("random_forst", "algorithm: found 'random_forst'.*Did you mean"),
        ],
    )
    def test_what_is_no_algorithm_is_refused(
        self, folder: Path, name: str, message: str
    ) -> None:
        with pytest.raises(BadInput, match=message):
            find_algorithm(name, folder)

    def test_a_function_must_return_an_estimator(self, folder: Path) -> None:
        with pytest.raises(BadInput, match="it returns float, which has no fit and"):
            fitted("number", folder)

    def test_arguments_are_settings_but_the_seed(self, folder: Path) -> None:
        found = find_algorithm("sklearn.linear_model:Ridge").Settings.model_fields
        assert {"alpha", "fit_intercept", "tol"} <= set(found)
        assert "random_state" not in found
        name = "models/mine.py:piped"
        model = find_algorithm(name, folder).Settings
        assert dict(parse_settings(name, {}, model)) == {
            "alpha": 3.0,
            "fit_intercept": True,
        }
        for settings, message in (
            ({"alpa": 1}, r"piped: alpa: unknown field.*Did you mean 'alpha'"),
            ({"alpha": "x"}, "piped: alpha: found 'x'; it must be a number"),
        ):
            with pytest.raises(BadInput, match=message):
                parse_settings(name, settings, model)

    def test_arguments_may_be_those_of_the_class_it_is_derived_from(
        self, folder: Path
    ) -> None:
        model = find_algorithm("models/mine.py:Times", folder).Settings
        assert model().model_dump() == {"by": 1.0, "offset": 0.0}
        forecast = fitted("Times", folder, {"by": 3.0}).predict(X[:1])
        np.testing.assert_allclose(forecast, 3 * Y.mean(), rtol=1e-12)
        forecast = fitted("Twice", folder).predict(X[:1])  # which sets it itself
        np.testing.assert_allclose(forecast, 2 * Y.mean(), rtol=1e-12)

    def test_an_edit_of_the_code_is_another_version(self, tmp_path: Path) -> None:
        file = tmp_path / "one.py"
        versions, forecasts = [], []
        for text in (CODE, CODE.replace("* self.by", "* self.by * 2")):
            file.write_text(text)
            (tmp_path / "beside.py").write_text("ALPHA = 3.0\n")
            versions.append(find_algorithm("one.py:Mean", tmp_path).code_version)
            model = fit("one.py:Mean", "local", X, Y, {}, base=tmp_path)
            forecasts.append(model.predict(X[:1])[0])
        (tmp_path / "beside.py").write_text("ALPHA = 4.0\n")
        versions.append(find_algorithm("one.py:Mean", tmp_path).code_version)
        assert len(set(versions)) == 3
        assert forecasts[1] == pytest.approx(2 * forecasts[0])


def test_a_copy_of_the_file_in_another_folder_forecasts_too(tmp_path: Path) -> None:
    text = "from sklearn.linear_model import Ridge\n\n\nclass Own(Ridge):\n    pass\n"
    x = np.random.default_rng(1).normal(size=(30, 2))
    forecasts = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        (folder / "own.py").write_text(text)
        settings = find_algorithm("own.py:Own", folder).Settings()
        fitted = own_models.fit_estimator(
            "own.py:Own", folder, x, x[:, 0], settings, 1, 1
        )
        stored = replace(fitted, state=b"")  # as it is read: it is fitted again
        forecasts.append(stored.predict(x))
    np.testing.assert_array_equal(*forecasts)
