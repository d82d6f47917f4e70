"""Fitting models ahead of time, in a thread.

Spark works in a process of its own. While it fits, this process can evaluate
configurations without a model, or with a model that is fitted locally.
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
from whatif_assets.steps.examples import Examples, examples_of
from whatif_assets.steps.trained import Fitted
from whatif_assets.steps.training import fit_fold, training_frame

# Started fits, by configuration and fold; each result has the hash of its inputs.
_started: dict[tuple[str, int], Future[tuple[str, Fitted]]] = {}


def fit_ahead(
    home: Home,
    study: Study,
    configurations: Sequence[Configuration],
    backend: str,
    spark: Callable[[], Any],
) -> None:
    """Start to fit the models of configurations in a thread, one after the other.

    Parameters
    ----------
    home, study, configurations
        The configurations to fit; their features have to be in the lake.
    backend, spark
        As for `whatif_assets.steps.training.train`.
    """
    folds = study.folds(home.market)
    waiting = {
        (one.key, fold.number): Future[tuple[str, Fitted]]()
        for one in configurations
        for fold in folds
    }
    _started.update(waiting)

    def _run() -> None:
        for configuration in configurations:
            by_fold = {fold: waiting[configuration.key, fold.number] for fold in folds}
            try:
                _fit(home, study, configuration, backend, spark, by_fold)
            except Exception as error:
                for future in by_fold.values():
                    if not future.done():
                        future.set_exception(error)

    threading.Thread(target=_run, daemon=True).start()


def _fit(
    home: Home,
    study: Study,
    configuration: Configuration,
    backend: str,
    spark: Callable[[], Any],
    waiting: Mapping[Fold, Future[tuple[str, Fitted]]],
) -> None:
    """Fit the models of one configuration, and set each future when it is ready."""
    frame = training_frame(home, study, configuration)
    for fold, future in waiting.items():
        examples = examples_of(study, configuration, frame, fold)
        ready = fit_fold(study, configuration, examples, backend, spark)
        future.set_result(
            (_hash_of_fit(study, configuration, examples, backend), ready)
        )


def fitted(
    fold: Fold,
    study: Study,
    configuration: Configuration,
    examples: Examples,
    backend: str,
    spark: Callable[[], Any],
    threads: int = 0,
) -> Fitted:
    """Return the models of a fold: those started ahead, or else fit them now.

    If that fit failed, they are fitted again, so that the error is raised here.

    Parameters
    ----------
    fold
        The fold.
    study, configuration, examples, backend, spark, threads
        As for `whatif_assets.steps.training.fit_fold`.
    """
    started = _started.pop((configuration.key, fold.number), None)
    if started is not None:
        with contextlib.suppress(Exception):
            found, ready = started.result()
            if found == _hash_of_fit(study, configuration, examples, backend):
                return ready
    return fit_fold(study, configuration, examples, backend, spark, threads)


def _hash_of_fit(
    study: Study, configuration: Configuration, examples: Examples, backend: str
) -> str:
    """Hash the settings, the backend and the training data of a fit."""
    found = hashlib.sha256(f"{configuration.model_hash(study)} {backend}".encode())
    for part, own in examples.by_part().items():
        found.update(part.encode())
        for values in (own.features, own.target, own.weights):
            if values is not None:
                found.update(values.tobytes())
    return found.hexdigest()
