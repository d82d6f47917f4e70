"""Learning curve: how a model does that was fitted on fewer sessions."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.model_quality.scores import scores_of
from whatif_assets.domain.models import Model
from whatif_assets.domain.models.parts import ALL
from whatif_assets.domain.models.windows import Fold
from whatif_assets.engines.fitting import fit
from whatif_assets.home.home import Home
from whatif_assets.home.tables import LAKE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.dataset import dataset
from whatif_assets.steps.examples import Examples, examples_of
from whatif_assets.steps.training import TABLE as MODELS
from whatif_assets.steps.training import read_models

TABLE = "learning_curve"
# Parts of the training sessions, the latest ones; together they cost less than a fit.
SHARES = (0.125, 0.25, 0.5)


def learning_curve(
    home: Home, study: Study, configuration: Configuration, fold: Fold
) -> pd.DataFrame:
    """Fit a fold's model on fewer sessions, and score it on the same test.

    Parameters
    ----------
    home, study, configuration, fold
        The configuration, whose models are in the lake, and the fold.

    Returns
    -------
    pandas.DataFrame
        The table ``learning_curve``. Without rows if the model was fitted on Spark, or
        if each symbol or group has its model; a part of the sessions with too few rows
        is left out.

    Raises
    ------
    BadInput
        Models, features or bars are not materialised.
    """
    manifest = home.lake.manifest(MODELS, configuration.key)
    fitted = home.lake.read(MODELS, configuration.key)
    own = fitted[(fitted["fold"] == fold.number) & fitted["settings"].notna()]
    local = manifest is not None and manifest.details.get("backend") == "local"
    if not local or own["part"].fillna(ALL).tolist() != [ALL]:
        return LAKE[TABLE].empty()
    settings = json.loads(str(own["settings"].iloc[0]))
    frame, test = (
        dataset(home, configuration, days) for days in (fold.train, fold.test)
    )
    examples = examples_of(study, configuration, frame, fold)
    whole = read_models(home, configuration.key, fold.number).models[ALL]
    days = np.unique(pd.to_datetime(examples.rows["session"]))
    fewer = sorted({int(len(days) * share) for share in SHARES} - {0, len(days)})
    rows = []
    for count in (*fewer, len(days)):
        some = _since(examples, days[-count])
        try:
            model = whole
            if count < len(days):
                model = _fitted(configuration, some, settings)
        except BadInput:
            continue
        rows.append(
            {
                "fold": fold.number,
                "sessions": count,
                "train_rows": len(some.target),
                **_scores(model, configuration, some.rows, "train"),
                **_scores(model, configuration, test, "test"),
            }
        )
    return pd.DataFrame(rows, columns=list(LAKE[TABLE].kinds))


def _since(examples: Examples, first: Any) -> Examples:
    """Keep the rows from a session on."""
    kept = (pd.to_datetime(examples.rows["session"]) >= first).to_numpy()
    weights = examples.weights
    return dataclasses.replace(
        examples,
        rows=examples.rows[kept],
        features=examples.features[kept],
        target=examples.target[kept],
        weights=None if weights is None else weights[kept],
    )


def _fitted(
    configuration: Configuration, examples: Examples, settings: dict[str, Any]
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
    )


def _scores(
    model: Model, configuration: Configuration, rows: pd.DataFrame, of: str
) -> dict[str, float]:
    """Score a model on the rows whose features and label are known."""
    columns = [feature.column for feature in configuration.features]
    rows = rows[rows[[*columns, "label"]].notna().all(axis=1)]
    labels: FloatArray = rows["label"].to_numpy(dtype=np.float64)
    if not len(rows):
        return {f"{of}_rmse": np.nan, f"{of}_ic": np.nan}
    naive = configuration.label.of_kind.without_skill(rows)
    forecasts = model.predict(rows[columns].to_numpy(dtype=np.float64))
    found = scores_of(forecasts, labels, np.broadcast_to(naive, labels.shape))
    return {f"{of}_rmse": found.rmse, f"{of}_ic": found.ic}
