"""Where models are fitted: the environment overrides the study."""

from __future__ import annotations

import os

from whatif_assets.domain.base.errors import BadInput, one_of
from whatif_assets.engines.fitting import BACKENDS
from whatif_assets.engines.spark.session import LOCAL, MASTER, spark_settings
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study

BACKEND = "WHATIF_BACKEND"
SPARK_MASTER = "WHATIF_SPARK_MASTER"


def forced_backend(backend: str = "") -> str:
    """Return the backend that overrides every configuration's; empty for none.

    Parameters
    ----------
    backend
        ``local`` or ``spark``; if empty, ``WHATIF_BACKEND`` decides.

    Raises
    ------
    BadInput
        The backend is not one of the two.
    """
    forced = backend or os.environ.get(BACKEND, "")
    if forced and forced not in BACKENDS:
        raise BadInput(f"{BACKEND}: found '{forced}'; allowed are {one_of(BACKENDS)}.")
    return forced


def backend_of(configuration: Configuration, backend: str = "") -> str:
    """Return the backend that fits a configuration's model; see `forced_backend`."""
    return forced_backend(backend) or configuration.backend


def fitted_on_spark(configuration: Configuration) -> bool:
    """Whether a configuration has a model that is fitted on Spark."""
    return configuration.algorithm is not None and backend_of(configuration) == "spark"


def master_of(study: Study | None) -> str:
    """Return the Spark master of the environment, else of a study, else `LOCAL`."""
    of_study = (study.spark.master, study.spark.settings.get(MASTER)) if study else ()
    return str(next(filter(None, (os.environ.get(SPARK_MASTER), *of_study)), LOCAL))


def study_settings(study: Study | None, short: bool = False) -> dict[str, str]:
    """Prepare this process for Spark, and return the settings of a study's session.

    ``WHATIF_SPARK_MASTER`` overrides the study's master. For ``short`` see
    `whatif_assets.engines.spark.session.spark_settings`.
    """
    settings = study.spark.settings if study else {}
    own = {name: str(value) for name, value in settings.items() if name != MASTER}
    return spark_settings(master_of(study), own, short)
