"""Training the models of a configuration, one per evaluation fold."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.leaks import Admit, refuse_leak
from whatif_assets.domain.models import Model
from whatif_assets.domain.models.novelty import for_familiar_rows
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.windows import Fold, cv_folds
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.fitting import fit, fit_parts, fits_ahead, parallel_fits
from whatif_assets.engines.searching import Plan, search
from whatif_assets.home.damage import DamagedFile
from whatif_assets.home.home import Home
from whatif_assets.home.lake_names import not_materialised
from whatif_assets.home.models import decoded_models, encoded_models
from whatif_assets.home.tables import LAKE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.keys import study_of
from whatif_assets.settings.study import Study
from whatif_assets.steps.dataset import dataset, versions_read
from whatif_assets.steps.examples import (
    FEWEST_ROWS,
    Examples,
    TrainingSets,
    embargo_of,
    probe_examples,
    stacking_folds,
)
from whatif_assets.steps.leak_gate import probe_labels
from whatif_assets.steps.leakage_suspects import probe_learned_columns
from whatif_assets.steps.reuse import same_inputs
from whatif_assets.steps.trained import Fitted, Trained

TABLE = "trained_models"
SEARCHED = "search_scores"
FoldFitter: TypeAlias = Callable[..., Fitted]
# A model, the settings that it was fitted with, and the scores of a search for them.
OnePart: TypeAlias = tuple[Model, dict[str, Any], pd.DataFrame | None]


def model_file(fold: int) -> str:
    """Return the name of the file with the models of a fold, in its partition."""
    return f"fold_{fold}.model"


def train(
    home: Home,
    study: Study,
    configuration: Configuration,
    backend: str,
    spark: Callable[[], Any],
    admit: Admit = refuse_leak,
    fitted: FoldFitter | None = None,
) -> Trained:
    """Fit the models of a configuration, or take those of another, and write them.

    Parameters
    ----------
    home, study, configuration
        What to train on; a configuration without an algorithm has no model.
    backend
        ``local`` or ``spark``.
    spark
        Gives the Spark session; called only where the backend is ``spark``.
    admit
        Takes what the leak gate finds before a model is fitted.
    fitted
        Gives the models of a fold, as `fitting_ahead.fitted` does; else they are fit.

    Raises
    ------
    BadInput
        Features are not materialised, no model of a fold has enough rows to train
        on, or a label or a training row reaches where it must not.
    """
    if configuration.algorithm is None:
        return _without_model(home, configuration.key)
    lake, key = home.lake, configuration.key
    frame = training_frame(home, study, configuration)
    admit(probe_labels(home, configuration, frame))
    admit(probe_learned_columns(configuration, frame))
    inputs = training_inputs(home, study, configuration, backend)
    trained = Trained(backend, taken_from=same_inputs(lake, TABLE, key, inputs))
    tried = _tried_by(home, trained.taken_from)
    hashes = []
    lake.begin(TABLE, key)
    taken = trained.taken_from
    sets = _training_sets(home, study, configuration, frame, admit)

    def _fit_one(fold: Fold, examples: Examples, threads: int) -> Fitted:
        make = functools.partial(fitted, fold) if fitted else fit_fold
        ready = _stored(home, taken, fold)
        return ready or make(study, configuration, examples, backend, spark, threads)

    at_once = _folds_at_once(configuration, len(study.folds(home.market)), backend)
    for fold, examples, ready in _fitted_ahead(_fit_one, sets, at_once):
        hashes.append(_write_models(home, key, fold, ready.models, taken))
        trained.note(fold, ready, examples, configuration)
    if trained.scores:
        tried = trained.tried()
    lake.write(SEARCHED, key, tried)
    version = lake.write(TABLE, key, trained.table())
    trained.data_version = combined_hash([version, hashes])
    return trained


def _training_sets(
    home: Home,
    study: Study,
    configuration: Configuration,
    frame: pd.DataFrame,
    admit: Admit,
) -> Iterator[tuple[Fold, Examples]]:
    """Yield the training set of each fold, after the leak gate has seen it."""
    sets = TrainingSets(study, configuration, frame)
    for fold in study.folds(home.market):
        examples = sets.of(fold)
        admit(probe_examples(study, configuration, frame, fold, examples))
        yield fold, examples


def _fitted_ahead(
    fit_one: Callable[[Fold, Examples, int], Fitted],
    sets: Iterable[tuple[Fold, Examples]],
    at_once: int,
) -> Iterator[tuple[Fold, Examples, Fitted]]:
    """Fit some folds at a time, on a thread each, or one fold on all threads."""
    threads = 0 if at_once == 1 else 1

    def _fit(one: tuple[Fold, Examples]) -> tuple[Fold, Examples, Fitted]:
        return *one, fit_one(*one, threads)

    return fits_ahead(_fit, sets, at_once)


def _folds_at_once(configuration: Configuration, folds: int, backend: str) -> int:
    """Count the folds to fit at the same time: one for each core, on a thread each.

    A fold with models of several parts uses all cores by itself, and Spark its own.
    """
    if backend != "local" or configuration.model_per != ALL:
        return 1
    return min(folds, parallel_fits(backend, None))


def _without_model(home: Home, key: str) -> Trained:
    """Write the empty tables of a configuration that is a rule."""
    home.lake.write(SEARCHED, key, LAKE[SEARCHED].empty())
    version = home.lake.write(TABLE, key, Trained("none").table())
    return Trained("none", data_version=version)


def _tried_by(home: Home, key: str | None) -> pd.DataFrame:
    """Read what the search of a configuration tried, if models are taken from there."""
    if key is None:
        return LAKE[SEARCHED].empty()
    try:
        return home.lake.read(SEARCHED, key)
    except (BadInput, OSError, ValueError):
        return LAKE[SEARCHED].empty()


def _write_models(
    home: Home, key: str, fold: Fold, models: PartModels, taken_from: str | None
) -> str:
    """Write the models of a fold, stored once where they were taken elsewhere."""
    file = model_file(fold.number)
    version = home.lake.write_file(TABLE, key, file, encoded_models(models))
    if taken_from is not None:
        home.lake.store_once(TABLE, key, [taken_from], file)
    return version


def read_models(home: Home, key: str, fold: int) -> PartModels:
    """Read the models of a fold of a configuration.

    Raises
    ------
    BadInput
        There are none.
    DamagedFile
        They cannot be read. From now on the configuration's models are not complete, so
        that they are fitted again.
    """
    try:
        content = home.lake.read_file(TABLE, key, model_file(fold))
        where = home.lake.where(TABLE, key, model_file(fold))
        return decoded_models(content, where, home.code_base(study_of(key)))
    except FileNotFoundError:
        raise not_materialised(TABLE, key) from None
    except DamagedFile:
        home.lake.begin(TABLE, key)
        raise


def _stored(home: Home, key: str | None, fold: Fold) -> Fitted | None:
    """Read what a configuration has fitted in a fold, if it can be read."""
    if key is None:
        return None
    try:
        settings, not_fitted = noted_of(home, key, fold.number)
        return Fitted(read_models(home, key, fold.number), settings, not_fitted)
    except (BadInput, OSError, ValueError, KeyError):
        return None


def noted_of(
    home: Home, key: str, fold: int
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Read what the table says of the models of a fold.

    Returns
    -------
    settings, not_fitted : dict
        As of `Fitted`, by part.
    """
    table = home.lake.read(TABLE, key)
    rows = table[table["fold"] == fold]
    rows = rows.set_index(rows["part"].fillna(ALL))  # older files have no parts
    settings = {
        str(part): json.loads(text) for part, text in rows["settings"].dropna().items()
    }
    return settings, {str(k): str(v) for k, v in rows["not_fitted"].dropna().items()}


def training_frame(
    home: Home, study: Study, configuration: Configuration
) -> pd.DataFrame:
    """Return the dataset of all sessions on which a configuration is trained."""
    folds = study.folds(home.market)
    days = {day for fold in folds for day in fold.train}
    return dataset(home, configuration, sorted(days))


def training_inputs(
    home: Home, study: Study, configuration: Configuration, backend: str
) -> dict[str, str]:
    """Return hashes of the inputs of a configuration's models, by part."""
    if configuration.algorithm is None:
        return {"settings": configuration.model_hash(study), "data": ""}
    days = [day for fold in study.folds(home.market) for day in fold.train]
    read = versions_read(home, configuration, days)
    algorithm = find_algorithm(configuration.algorithm, configuration.base)
    return {
        "settings": combined_hash([configuration.model_hash(study), backend]),
        f"code of {configuration.algorithm}": algorithm.code_version,
        "data": combined_hash(read),
    }


def fit_fold(
    study: Study,
    configuration: Configuration,
    examples: Examples,
    backend: str,
    spark: Callable[[], Any],
    threads: int = 0,
) -> Fitted:
    """Fit the models of a fold; search for their settings if the study requests it.

    A part of the symbols that cannot be fitted, since it has too few rows, has no
    model; the result says why. A single part is fitted on some threads, 0 for all
    cores; the models do not depend on it.

    Raises
    ------
    BadInput
        No part can be fitted.
    """
    parts = examples.by_part()

    def _attempt(part: str, threads: int) -> OnePart | BadInput:
        rows = parts[part]
        try:
            return _fit_part(study, configuration, rows, backend, spark, threads)
        except BadInput as error:
            return error

    found = fit_parts(_attempt, list(parts), backend, spark, threads)
    errors = {part: one for part, one in found.items() if isinstance(one, BadInput)}
    fitted = {part: one for part, one in found.items() if not isinstance(one, BadInput)}
    if not fitted:
        raise _none_fitted(configuration, errors)
    scores = [one for _, _, one in fitted.values() if one is not None]
    return Fitted(
        PartModels({part: model for part, (model, _, _) in fitted.items()}),
        {part: settings for part, (_, settings, _) in fitted.items()},
        {part: str(error) for part, error in errors.items()},
        _mean_scores(scores, configuration.search) if scores else None,
    )


def _none_fitted(
    configuration: Configuration, errors: Mapping[str, BadInput]
) -> BadInput:
    """Return the error of the only part, or one that names the first of several."""
    part, error = next(iter(errors.items()))
    if part == ALL:
        return error
    return BadInput(
        f"Configuration {configuration.key}: model_per: none of {len(errors)} models, "
        f"one per {configuration.model_per}, can be fitted. The first, of {part}: "
        f"{error}"
    )


def _mean_scores(
    scores: Sequence[pd.DataFrame], searched: Iterable[str]
) -> pd.DataFrame:
    """Return the scores of the only part, or else the mean over the parts."""
    if len(scores) == 1:
        return scores[0]
    keys = [*searched, "cv_fold"]
    return pd.concat(scores).groupby(keys, sort=False).mean().reset_index()


def _fit_part(
    study: Study,
    configuration: Configuration,
    examples: Examples,
    backend: str,
    spark: Callable[[], Any],
    threads: int,
) -> OnePart:
    """Fit the model of a part of the symbols, after a search for its settings."""
    if len(examples.target) < FEWEST_ROWS:
        raise BadInput(
            f"{len(examples.target)} row(s) to train on, but at least {FEWEST_ROWS} "
            "are needed."
        )
    settings, scores = dict(configuration.model_settings), None
    algorithm, seed = str(configuration.algorithm), configuration.model_seed
    x, y = examples.features, examples.target
    if configuration.search:
        folds = configuration.search_folds
        cv = cv_folds(examples.rows, folds, embargo_of(study, configuration))
        chosen, scores = search(
            algorithm, backend, x, y, settings, configuration.search, cv, seed, spark,
            examples.weights, configuration.base, threads,
            Plan(configuration.search_by, configuration.search_trials),
        )  # fmt: skip
        settings.update(chosen)
    model = fit(
        algorithm, backend, x, y, settings, seed, spark, examples.weights,
        configuration.base, threads, stacking_folds(study, configuration, examples),
    )  # fmt: skip
    return for_familiar_rows(model, x, configuration.novelty), settings, scores
