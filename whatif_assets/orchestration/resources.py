"""Resources of the assets: the home, and the engines to compute on."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import Field, PrivateAttr

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import features_of_sessions
from whatif_assets.engines.backtest import sweeping_on
from whatif_assets.engines.spark.executors import cause_of, prepare_executors
from whatif_assets.engines.spark.features import compute_features_spark
from whatif_assets.engines.spark.session import MASTER, is_local, refuse_connect
from whatif_assets.engines.spark.sweeping import Cluster
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.backend import (
    backend_of,
    forced_backend,
    master_of,
    study_settings,
)
from whatif_assets.steps.session_features import Engine


class HomeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The home of a code location."""

    path: str
    _opened: Home | None = PrivateAttr(default=None)

    def open(self) -> Home:
        """Open the home; the steps of a run share it, with the studies it has read."""
        if self._opened is None:
            self._opened = Home.open(Path(self.path))
        return self._opened


class Compute(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where models are fitted, features computed and variants backtested.

    Attributes
    ----------
    backend
        ``local`` or ``spark``, which overrides the backend of every configuration.
        Empty: ``WHATIF_BACKEND`` decides if it is set, else the configuration.
    spark_config
        Spark settings that override those of a study.
    """

    backend: str = ""
    spark_config: dict[str, Any] = Field(default_factory=dict)

    @property
    def forced_backend(self) -> str:
        """The backend that overrides every configuration's; empty where none does."""
        return forced_backend(self.backend)

    def backend_of(self, configuration: Configuration) -> str:
        """Return the backend on which a configuration's model is fitted."""
        return backend_of(configuration, self.backend)

    def spark(self, study: Study | None = None) -> Any:
        """Start a Spark session, or return the one that is running.

        A setting is read from this resource, else from ``WHATIF_SPARK_MASTER``, else
        from the study. The executors of a cluster get the code of this project.

        Raises
        ------
        BadInput
            Spark Connect is asked for, there is no Java, no session starts, or the
            executors lack a library.
        """
        merged = {**study_settings(study), **self.spark_config}
        refuse_connect(merged)
        try:
            session = LazyPySparkResource(spark_config=merged).spark_session
        except Exception as error:
            raise BadInput(
                f"Spark: no session starts on {merged[MASTER]}: {cause_of(error)}. "
                "Check that the cluster runs and can be reached, and Spark's settings."
            ) from error
        prepare_executors(session)
        return session

    def reach(self, study: Study, configurations: Iterable[Configuration]) -> None:
        """Start the session of the cluster that some configuration needs, if any does.

        Raises
        ------
        BadInput
            As for `spark`, before anything is computed.
        """
        if any(self._on_cluster(study, one) for one in configurations):
            self.spark(study)

    @contextlib.contextmanager
    def sweeping(self, study: Study, configuration: Configuration) -> Iterator[None]:
        """Let the sweeps of a configuration run on the cluster of its backend.

        Without a cluster they stay in this process, which Spark would not make faster.
        """
        if not self._on_cluster(study, configuration):
            yield
            return
        cluster = Cluster(self.spark(study))
        with contextlib.closing(cluster), sweeping_on(cluster):
            yield

    def _on_cluster(self, study: Study, configuration: Configuration) -> bool:
        master = self.spark_config.get(MASTER) or master_of(study)
        return self.backend_of(configuration) == "spark" and not is_local(master)

    def feature_engine(self) -> Engine:
        """Return the function that computes features: pandas, or Spark if forced."""
        if self.forced_backend == "spark":
            return functools.partial(compute_features_spark, self.spark())
        return features_of_sessions
