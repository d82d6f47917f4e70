"""Models that are fitted before they are asked for, in a thread.

Spark works in a process of its own: while it fits, this one can evaluate what has no
model, or one that is fitted here.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from whatif_assets.domain.models.windows import Fold
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.training import (
    Examples,
    Fitted,
    examples_of,
    fit_fold,
    training_frame,
)

# By configuration and fold, each with the name of what it is fitted on.
_begun: dict[tuple[str, int], Future[tuple[str, Fitted]]] = {}


def fit_ahead(
    home: Home,
    study: Study,
    configurations: Sequence[Configuration],
    backend: str,
    spark: Callable[[], Any],
) -> None:
    """Begin to fit the models of configurations, one after the other.

    Parameters
    ----------
    home, study, configurations
        The lake has their features.
    backend, spark
        As for `whatif_assets.steps.training.train`.
    """
    folds = study.folds(home.market)
    waiting = {
        (one.key, fold.number): Future[tuple[str, Fitted]]()
        for one in configurations
        for fold in folds
    }
    _begun.update(waiting)

    def run() -> None:
        for configuration in configurations:
            mine = {fold: waiting[configuration.key, fold.number] for fold in folds}
            try:
                _fit(home, study, configuration, backend, spark, mine)
            except Exception as error:
                for future in mine.values():
                    if not future.done():
                        future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()


def _fit(
    home: Home,
    study: Study,
    configuration: Configuration,
    backend: str,
    spark: Callable[[], Any],
    waiting: Mapping[Fold, Future[tuple[str, Fitted]]],
) -> None:
    """Fit the models of one configuration, and hand over each that is ready."""
    frame = training_frame(home, study, configuration)
    for fold, future in waiting.items():
        examples = examples_of(study, configuration, frame, fold)
        ready = fit_fold(study, configuration, examples, backend, spark)
        future.set_result((_name(study, configuration, examples, backend), ready))


def fitted(
    fold: Fold,
    study: Study,
    configuration: Configuration,
    examples: Examples,
    backend: str,
    spark: Callable[[], Any],
) -> Fitted:
    """Give the model of a fold: the one that was begun, if any, else fit it now.

    What went wrong ahead goes wrong again, and is told here.

    Parameters
    ----------
    fold
        The fold.
    study, configuration, examples, backend, spark
        As for `whatif_assets.steps.training.fit_fold`.
    """
    begun = _begun.pop((configuration.key, fold.number), None)
    if begun is not None:
        with contextlib.suppress(Exception):
            name, ready = begun.result()
            if name == _name(study, configuration, examples, backend):
                return ready
    return fit_fold(study, configuration, examples, backend, spark)


def _name(
    study: Study, configuration: Configuration, examples: Examples, backend: str
) -> str:
    """Name what a model is fitted on, and how."""
    name = hashlib.sha256(f"{configuration.model_hash(study)} {backend}".encode())
    for values in (examples.features, examples.target):
        name.update(values.tobytes())
    return name.hexdigest()
