"""Export of a trained model: files that forecast a new bar outside the platform."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from whatif_assets.domain.base.errors import BadInput, one_of
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.windows import trained_latest
from whatif_assets.home.atomic import atomic_path
from whatif_assets.home.home import Home
from whatif_assets.home.models import encoded_models
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.training import TABLE, read_models

SCRIPT = "forecast_alone.py"
CARD = "model_card.json"


@dataclass(frozen=True)
class Exported:
    """A model that was exported.

    Attributes
    ----------
    folder
        The folder with the files.
    models
        Names of the model files.
    features
        Columns of the features, in the order that the model reads them.
    """

    folder: Path
    models: tuple[str, ...]
    features: tuple[str, ...]


def export_model(home: Home, key: str, to: Path, fold: int | None = None) -> Exported:
    """Write the models of a configuration's fold to a folder.

    The folder gets the arrays of each model (``model.npz``), a card that says what it
    is and which features it reads, and a script that forecasts with NumPy alone.

    Parameters
    ----------
    home
        The home that has the model.
    key
        Key of the configuration.
    to
        Folder in which a folder with the name of the key is made, or replaced.
    fold
        Number of the fold; by default the last one of those that were trained on the
        latest sessions, which in cross-validation is not the last one of all.

    Raises
    ------
    BadInput
        There is no such configuration or fold, it has no model or a stale one, or the
        model is an estimator in a file of the study.
    """
    configuration, study = home.find(key)
    _check(home, configuration)
    folds = study.folds(home.market)
    numbers = [one.number for one in folds]
    number = trained_latest(folds).number if fold is None else fold
    if number not in numbers:
        raise BadInput(
            f"Configuration {key}: fold: found {fold}; allowed are "
            f"{one_of(map(str, numbers))}."
        )
    models = read_models(home, key, number)
    folder, names = to / key, _file_names(models)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for part, name in names.items():
            content = encoded_models(PartModels({ALL: models.models[part]}))
            (temporary / name).write_bytes(content)
        card = _card(home, study, configuration, number, names)
        (temporary / CARD).write_text(json.dumps(card, indent=2) + "\n", "utf-8")
        script = resources.files("whatif_assets.steps") / SCRIPT
        (temporary / SCRIPT).write_text(script.read_text("utf-8"), "utf-8")
    return Exported(folder, tuple(names.values()), tuple(card["features"]))


def _check(home: Home, configuration: Configuration) -> None:
    """Raise for a configuration whose model cannot be exported."""
    key, algorithm = configuration.key, configuration.algorithm
    if algorithm is None:
        raise BadInput(
            f"Configuration {key}: it is a rule and has no model. Name a configuration "
            "with an algorithm."
        )
    if algorithm.partition(":")[0].endswith(".py"):
        raise BadInput(
            f"Configuration {key}: algorithm: {algorithm} is a file of the study, and "
            "can be used by itself. Only models of the platform's algorithms and of "
            "installed packages are exported."
        )
    state = Freshness(home).of(TABLE, key)
    if not state.is_fresh:
        raise BadInput(
            f"Configuration {key}: its model is {state}. Run its study first: whatif "
            f"run {configuration.study}"
        )


def _file_names(models: PartModels) -> dict[str, str]:
    """Name a file for each part of the symbols that has a model."""
    if [*models.models] == [ALL]:
        return {ALL: "model.npz"}
    plain = {part: re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in models.models}
    return {
        part: f"model_{number}_{name}.npz"
        for number, (part, name) in enumerate(plain.items())
    }


def _card(
    home: Home,
    study: Study,
    configuration: Configuration,
    fold: int,
    names: dict[str, str],
) -> dict[str, Any]:
    """Say what a model is, for whoever forecasts with it."""
    own = next(one for one in study.folds(home.market) if one.number == fold)
    settings = configuration.settings()
    return {
        "configuration": configuration.key,
        "fold": fold,
        "trained_on": [day.isoformat() for day in (own.train[0], own.train[-1])],
        "bars": str(home.bar_size(configuration)),
        "features": settings["features"],
        "label": settings["label"],
        "algorithm": configuration.algorithm,
        "seed": configuration.model_seed,
        "models": {name: part for part, name in names.items()},
    }
