"""An exported model forecasts a new bar outside the platform, equal to the bit."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models import ALGORITHMS
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.engines.fitting import fit
from whatif_assets.home.home import Home
from whatif_assets.home.models import encoded_models
from whatif_assets.steps.forecast_alone import forecast
from whatif_assets.steps.model_export import export_model
from whatif_assets.steps.training import read_models
from whatif_assets_tests.domain.models.made_up import rows_of
from whatif_assets_tests.steps.test_freshness import edit

X, Y = rows_of(200)
CLASSES = np.digitize(Y, np.quantile(Y, [0.3, 0.7])) - 1.0
OWN = ("sklearn.linear_model:HuberRegressor", "sklearn.linear_model:LogisticRegression")


@pytest.mark.parametrize("name", [*sorted(ALGORITHMS), *OWN])
def test_the_script_forecasts_as_the_model(name: str) -> None:
    classifies = name == OWN[1] or (name in ALGORITHMS and ALGORITHMS[name].classifies)
    x = X / X.std(axis=0)
    model = fit(name, "local", x, CLASSES if classifies else Y, {}, seed=3)
    with np.load(BytesIO(encoded_models(PartModels({ALL: model})))) as file:
        arrays = dict(file)
    rows = x[:3] if name in OWN else x[:40]
    found = [forecast(arrays, row) for row in rows]
    # Libraries of linear algebra add up a row alone in another order than many rows.
    alone = [model.predict(row[np.newaxis])[0] for row in rows]
    assert found == (alone if name in OWN else model.predict(rows).tolist())
    assert np.isnan(forecast(arrays, [np.nan, *rows[0][1:]]))


def test_an_export_runs_without_the_platform(
    finished_home: Path, tmp_path: Path
) -> None:
    home, key = Home.open(finished_home), "tiny.forest~max_depth=3"
    found = export_model(home, key, tmp_path)
    assert found.features == ("ema_5_close_to_vwap", "close_to_vwap")
    values = [0.00012, -0.0003]
    command = [sys.executable, "-I", str(found.folder / "forecast_alone.py")]
    done = subprocess.run(
        [*command, *map(str, values)], capture_output=True, text=True, check=True
    )
    (model,) = read_models(home, key, 0).models.values()
    assert float(done.stdout) == model.predict(np.array([values]))[0]
    card = json.loads((found.folder / "model_card.json").read_text())
    assert (card["fold"], card["bars"], card["seed"]) == (0, "1min", 7)
    assert "whatif_assets" not in (found.folder / "forecast_alone.py").read_text()


def test_what_has_no_model_to_export_is_told(copied_home: Path, tmp_path: Path) -> None:
    home = Home.open(copied_home)
    with pytest.raises(BadInput, match=r"tiny\.hold: it is a rule and has no model"):
        export_model(home, "tiny.hold", tmp_path)
    with pytest.raises(BadInput, match="fold: found 3; allowed are '0'"):
        export_model(home, "tiny.linear", tmp_path, fold=3)
    edit(home, "horizon: 5", "horizon: 6")
    with pytest.raises(BadInput, match=r"its model is stale.*whatif run tiny"):
        export_model(home, "tiny.linear", tmp_path)
    assert list(tmp_path.glob("tiny*")) == []
