"""Fixtures that several tests share."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import settings
from numba.core.dispatcher import Dispatcher

from whatif_assets_tests.made_once import made_once, shared_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# As the command line does: collecting is slow among the many objects of libraries.
gc.set_threshold(20_000)

# A slow example on a busy machine is not a failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent

TINY_STUDY = """
market:
  source: sample
  symbols: [SYN01, SYN02]
  first_session: 2026-01-05
  last_session: 2026-01-16
features:
  - ema: {timeperiod: 5, relative_to: vwap}
  - close: {relative_to: vwap}
label: {price: vwap, horizon: 5, kind: return}
evaluation: {method: split, train: 6}
configurations:
  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}
  forest:
    algorithm: random_forest
    n_trees: 3
    strategy: forecast_threshold
    each: {max_depth: [2, 3]}
    sweep: {threshold: [0.0001, 0.0002]}
  hold: {strategy: buy_and_hold, size: 100}
  placebo: {strategy: random_entry}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, so that no process waits for one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Return the folder of real market data; skip the test if it does not exist."""
    folder = Path(
        os.environ.get("WHATIF_MARKET_DATA", ROOT.parent / "shared/market_data")
    )
    if not folder.is_dir():
        pytest.skip(f"no market data in {folder}; set WHATIF_MARKET_DATA")
    return folder


@pytest.fixture
def undrawn() -> Iterator[None]:
    """Leave out pictures and pages, for a test that looks at neither."""
    from whatif_assets_tests.undrawn import nothing_drawn

    with nothing_drawn():
        yield


@pytest.fixture
def tiny_study(tmp_path: Path) -> Path:
    """Write a study over two synthetic symbols and ten sessions."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_STUDY)
    return path


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Hide the environment settings of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "WHATIF_ALERTS",
            "WHATIF_HOME",
            "WHATIF_BACKEND",
            "WHATIF_SPARK_MASTER",
            "DAGSTER_HOME",
        ):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_by_one_process(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """Let one process compile a kernel, while the others wait for it and load it.

    Where nothing is compiled yet, each process would otherwise compile every kernel.
    """
    lock = FileLock(shared_folder(tmp_path_factory) / "compiling.lock")
    compile_here = Dispatcher.compile

    def compile_in_turn(dispatcher: Dispatcher, signature: Any) -> Any:
        with lock:
            return compile_here(dispatcher, signature)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dispatcher, "compile", compile_in_turn)
        yield


@pytest.fixture(scope="session")
def finished_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which the tiny study has been run; tests only read it."""
    from whatif_assets.command_line.studies import run_studies

    def make(folder: Path) -> None:
        study = folder / "tiny.yaml"
        study.write_text(TINY_STUDY)
        assert run_studies(folder / "home", str(study))

    return made_once(tmp_path_factory, "finished", make) / "home"


@pytest.fixture
def copied_home(finished_home: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished home that a test may change."""
    return Path(shutil.copytree(finished_home, tmp_path / "copied"))


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Return a Spark session on two cores, started once for all tests."""
    from whatif_assets.engines.spark.session import spark_session, spark_settings

    session = spark_session(spark_settings("local[2]"))
    yield session
    session.stop()
