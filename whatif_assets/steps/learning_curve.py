"""Learning curve: how a model does that was fitted on fewer sessions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.model_quality.scores import scores_of_label
from whatif_assets.domain.models import Model
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.windows import Fold
from whatif_assets.engines.fitting import fit
from whatif_assets.home.home import Home
from whatif_assets.home.tables import LAKE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.examples import Examples, stacking_folds
from whatif_assets.steps.training import TABLE as MODELS

TABLE = "learning_curve"
# Parts of the training sessions, the latest ones; together they cost less than a fit.
SHARES = (0.125, 0.25, 0.5)


def learning_curve(
    home: Home,
    configuration: Configuration,
    fold: Fold,
    models: PartModels,
    examples: Examples,
    test: pd.DataFrame,
) -> pd.DataFrame:
    """Fit a fold's model on fewer sessions, and score it on the same test.

    Parameters
    ----------
    home, configuration, fold, models
        The configuration, and the models of one of its folds.
    examples, test
        The training set of the fold, and rows of its test whose features are known.

    Returns
    -------
    pandas.DataFrame
        The table ``learning_curve``. Without rows if the model was fitted on Spark, or
        if each symbol or group has its model; a part of the sessions with too few rows
        is left out.

    Raises
    ------
    BadInput
        The table ``trained_models`` is not materialised.
    """
    manifest = home.lake.manifest(MODELS, configuration.key)
    local = manifest is not None and manifest.details.get("backend") == "local"
    if not local or [*models.models] != [ALL]:
        return LAKE[TABLE].empty()
    fitted = home.lake.read(MODELS, configuration.key).set_index("fold")
    settings = json.loads(str(fitted.loc[fold.number, "settings"]))
    sessions = pd.to_datetime(examples.rows["session"])
    days = np.unique(sessions)
    fewer = sorted({int(len(days) * share) for share in SHARES} - {0, len(days)})
    study, rows = home.study(configuration.study), []
    for count in (*fewer, len(days)):
        some, model = examples, models.models[ALL]
        if count < len(days):
            some = examples.take((sessions >= days[-count]).to_numpy())
            try:
                model = _fitted(study, configuration, some, settings)
            except BadInput:
                continue
        scores = _scores(configuration, model, some.frame, test)
        rows.append({"fold": fold.number, "sessions": count, **scores})
    return pd.DataFrame(rows, columns=list(LAKE[TABLE].kinds))


def _scores(
    configuration: Configuration, model: Model, train: pd.DataFrame, test: pd.DataFrame
) -> dict[str, float]:
    """Score a model on the rows that it was fitted on, and on those of the test."""
    columns = [feature.column for feature in configuration.features]
    found: dict[str, float] = {"train_rows": len(train)}
    for name, rows in (("train", train), ("test", test)):
        forecasts = model.predict(rows[columns].to_numpy(dtype=np.float64))
        scores = scores_of_label(configuration.label, rows, forecasts)
        found |= {f"{name}_rmse": scores.rmse, f"{name}_ic": scores.ic}
    return found


def _fitted(
    study: Study,
    configuration: Configuration,
    examples: Examples,
    settings: dict[str, Any],
) -> Model:
    return fit(
        str(configuration.algorithm),
        "local",
        examples.features,
        examples.target,
        settings,
        configuration.model_seed,
        weights=examples.weights,
        base=configuration.base,
        folds=stacking_folds(study, configuration, examples),
    )
