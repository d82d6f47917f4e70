"""Algorithms by name: those of the registry, and the estimators that a user names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatif_assets.domain.base.errors import BadInput, one_of
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.base.plugins import find_plugin
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.models.algorithms import ALGORITHMS, Algorithm, find_built_in
from whatif_assets.domain.models.ensemble import (
    ENSEMBLE,
    RULES,
    EnsembleSettings,
    fit_ensemble,
)
from whatif_assets.engines.installed_code import blaming
from whatif_assets.engines.own_estimators import (
    load_estimator,
    settings_of,
    version_of,
)
from whatif_assets.engines.own_models import fit_estimator


@dataclass(frozen=True)
class OwnAlgorithm(Algorithm):
    """An algorithm that a user names; see `find_algorithm`."""

    version: str = ""

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of the user's files, and of the versions of the packages they use."""
        return self.version


class EnsembleAlgorithm(Algorithm):
    """Ensembles, which may have members of every algorithm of the registry."""

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of the source of ensembles, and of all algorithms of the registry."""
        own = code_version(self.Settings, self.fit_local, *RULES.values())
        return combined_hash([own, *(a.code_version for a in ALGORITHMS.values())])


def find_algorithm(name: str, base: Path | None = None) -> Algorithm:
    """Find an algorithm in the registry, or import an estimator that a user names.

    Parameters
    ----------
    name
        A name of ``ALGORITHMS`` or of an installed package, ``ensemble``,
        ``package.module:Class`` or ``file.py:Class``.
    base
        The folder that a user's path is relative to; by default the current one.

    Raises
    ------
    BadInput
        There is no such algorithm, the user's code cannot be imported, or it is no
        estimator.
    """
    if name == ENSEMBLE:
        return EnsembleAlgorithm(EnsembleSettings, fit_ensemble, None)
    base = (base or Path()).absolute()
    if name not in ALGORITHMS and (plugin := find_plugin("algorithms", name)):
        with blaming(plugin):
            return find_algorithm(plugin.value, base)
    if ":" not in name:
        return find_built_in(name)
    made = load_estimator(name, base)
    return OwnAlgorithm(
        Settings=settings_of(name, made),
        fit_local=functools.partial(fit_estimator, name, base),
        fit_spark=None,
        classifies=_is_classifier(made),
        version=version_of(name, base),
    )


def no_spark(algorithm: str) -> BadInput:
    """Return the error of an algorithm that cannot be fitted on Spark."""
    return BadInput(
        f"backend: found 'spark', but {algorithm} has no fit on Spark. Write backend: "
        "local (and run without --backend spark and WHATIF_BACKEND, which override "
        f"it), or use an algorithm that has one: {one_of(ALGORITHMS)}."
    )


def _is_classifier(made: Callable[..., Any]) -> bool:
    from sklearn.base import ClassifierMixin

    if not isinstance(made, type):
        return False
    # CatBoost's classes are not derived from scikit-learn's.
    stated = getattr(made, "_estimator_type", None) == "classifier"
    return stated or issubclass(made, ClassifierMixin)
