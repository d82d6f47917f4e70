"""Where sweeps run, and what is told of a cluster that cannot be used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines import backtest
from whatif_assets.engines.spark.sweeping import Cluster
from whatif_assets.orchestration import resources
from whatif_assets.orchestration.resources import Compute
from whatif_assets.settings.study import SparkSettings

HEAD = "spark://head:7077"


def on(master: str | None) -> Any:
    return SimpleNamespace(spark=SparkSettings(master=master))


def fitted_on(backend: str) -> Any:
    return SimpleNamespace(backend=backend, algorithm=None)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the studies for which a session is started."""
    studies: list[Any] = []
    session = SimpleNamespace(sparkContext=None)
    start = lambda compute, study: studies.append(study) or session  # noqa: E731
    monkeypatch.setattr(Compute, "spark", start)
    return studies


def test_sweeps_run_on_the_cluster_of_the_study(started: list[Any]) -> None:
    study = on(HEAD)
    Compute().reach(study, [fitted_on("local"), fitted_on("spark")])
    assert started == [study]
    with Compute().sweeping(study, fitted_on("spark")):
        assert isinstance(backtest._PLACE.get(), Cluster)
    assert backtest._PLACE.get() is None


@pytest.mark.parametrize(
    ("master", "backend"), [(HEAD, "local"), (None, "spark"), ("local[4]", "spark")]
)
def test_other_sweeps_stay_in_this_process(
    started: list[Any], master: str | None, backend: str
) -> None:
    Compute().reach(on(master), [fitted_on(backend)])
    with Compute().sweeping(on(master), fitted_on(backend)):
        assert backtest._PLACE.get() is None
    assert not started


def test_the_resource_overrides_the_study(started: list[Any]) -> None:
    compute = Compute(backend="spark", spark_config={"spark.master": HEAD})
    with compute.sweeping(on(None), fitted_on("local")):
        assert isinstance(backtest._PLACE.get(), Cluster)
    with Compute(backend="local").sweeping(on(HEAD), fitted_on("spark")):
        assert backtest._PLACE.get() is None


def test_a_cluster_that_cannot_be_reached_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Unreachable:
        def __init__(self, spark_config: dict[str, Any]) -> None:
            pass

        @property
        def spark_session(self) -> Any:
            raise RuntimeError("An error.\n: java.io.IOException: refused\n\tat java.A")

    monkeypatch.setattr(resources, "study_settings", lambda of: {"spark.master": HEAD})
    monkeypatch.setattr(resources, "LazyPySparkResource", Unreachable)
    expected = f"starts on {HEAD}: java.io.IOException: refused. Check that the cluster"
    with pytest.raises(BadInput, match=expected):
        Compute().spark()


def test_spark_connect_of_the_resource_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "study_settings", lambda of: {"spark.master": HEAD})
    with pytest.raises(BadInput, match="Spark Connect"):
        Compute(spark_config={"spark.remote": "sc://head"}).spark()
