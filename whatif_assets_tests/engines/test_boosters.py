"""XGBoost and CatBoost, which are optional: as the bare library, also when exported."""

from __future__ import annotations

import importlib
import importlib.util
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.fitting import fit
from whatif_assets.home.models import decoded_models, encoded_models
from whatif_assets.steps.forecast_alone import forecast
from whatif_assets_tests.domain.models.made_up import rows_of

X, Y = rows_of(200)
CLASSES = np.digitize(Y, np.quantile(Y, [0.3, 0.7])) - 1.0
XGBOOST = {"n_estimators": 5, "max_depth": 3, "subsample": 0.5}
CATBOOST = {"iterations": 5, "depth": 3}
BOOSTERS = {
    "xgboost:XGBRegressor": XGBOOST,
    "xgboost:XGBClassifier": XGBOOST,
    "catboost:CatBoostRegressor": CATBOOST,
    "catboost:CatBoostClassifier": CATBOOST,
}


def bare_forecast(name: str, settings: dict[str, Any], y: Any) -> Any:
    """Forecast with the library alone; classes are told by their numbers."""
    module, _, cls = name.partition(":")
    options = {**settings, "random_state": 4}
    if module == "catboost":
        options |= {"verbose": False, "allow_writing_files": False}
    bare = getattr(importlib.import_module(module), cls)(**options)
    if not cls.endswith("Classifier"):
        return bare.fit(X, y).predict(X)
    classes, numbers = np.unique(y, return_inverse=True)
    return bare.fit(X, numbers).predict_proba(X) @ classes


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_booster_forecasts_as_the_bare_one(name: str) -> None:
    package = name.partition(":")[0]
    pytest.importorskip(package, reason=f"{package} is not installed; it is optional")
    assert find_algorithm(name).classifies == name.endswith("Classifier")
    y = CLASSES if name.endswith("Classifier") else Y
    model = fit(name, "local", X, y, BOOSTERS[name], seed=4)
    found = model.predict(X)
    expected = bare_forecast(name, BOOSTERS[name], y)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert fit(name, "local", X, y, BOOSTERS[name], 5).predict(X).tolist() != (
        found.tolist()
    )
    content = encoded_models(PartModels({ALL: model}))
    again = decoded_models(content, Path("fold_0.model"), Path()).models[ALL]
    assert again.predict(X).tobytes() == found.tobytes()
    with np.load(BytesIO(content)) as file:
        arrays = dict(file)
    assert [forecast(arrays, row) for row in X[:2]] == found[:2].tolist()


@pytest.mark.parametrize("package", ["xgboost", "catboost"])
def test_one_that_is_not_installed_is_told(package: str) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(BadInput, match=rf'pip install "whatif_assets\[{package}\]"'):
        find_algorithm(f"{package}:Booster")
