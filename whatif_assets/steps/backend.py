"""Where models are fitted: what the environment says, over what a study says."""

from __future__ import annotations

import os

from whatif_assets.domain.base.errors import BadInput, one_of
from whatif_assets.engines.fitting import BACKENDS
from whatif_assets.engines.spark.session import spark_settings
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study

BACKEND = "WHATIF_BACKEND"
SPARK_MASTER = "WHATIF_SPARK_MASTER"


def forced_backend(backend: str = "") -> str:
    """The backend that overrides every configuration's, or nothing.

    Parameters
    ----------
    backend
        ``local`` or ``spark``; empty leaves it to ``WHATIF_BACKEND``.

    Raises
    ------
    BadInput
        It is neither of them.
    """
    forced = backend or os.environ.get(BACKEND, "")
    if forced and forced not in BACKENDS:
        raise BadInput(f"{BACKEND}: found '{forced}'; allowed are {one_of(BACKENDS)}.")
    return forced


def backend_of(configuration: Configuration, backend: str = "") -> str:
    """Backend on which a configuration's model is fitted; see `forced_backend`."""
    return forced_backend(backend) or configuration.backend


def fitted_on_spark(configuration: Configuration) -> bool:
    """Whether a configuration has a model, and it is fitted on Spark."""
    return configuration.algorithm is not None and backend_of(configuration) == "spark"


def study_settings(study: Study | None, short: bool = False) -> dict[str, str]:
    """Prepare this process for Spark and give the settings of a study's session.

    The master is that of ``WHATIF_SPARK_MASTER``, else the study's; for it and
    ``short`` see `whatif_assets.engines.spark.session.spark_settings`.
    """
    asked = study.spark if study else None
    master = os.environ.get(SPARK_MASTER) or (asked.master if asked else None)
    given = asked.settings if asked else {}
    own = {name: str(value) for name, value in given.items()}
    return spark_settings(master, own, short)
