"""The README's Spark section: a standalone cluster gives the same leaderboard."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyspark
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.engines.spark.java import find_java
from whatif_assets_tests.conftest import TINY_STUDY

pytestmark = [pytest.mark.cluster, pytest.mark.spark, pytest.mark.slow]

CLASSES = "org.apache.spark.deploy"
SECONDS_TO_START = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def daemon(folder: Path, environment: dict, *arguments: str) -> subprocess.Popen:
    spark_class = Path(pyspark.__path__[0]) / "bin" / "spark-class"
    log = (folder / f"{arguments[0].rsplit('.', 1)[-1]}.log").open("w")
    return subprocess.Popen(
        [str(spark_class), *arguments],
        env=environment,
        cwd=folder,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def wait_for(log: Path, words: str) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while words not in (log.read_text() if log.exists() else ""):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.3)


@pytest.fixture
def cluster(tmp_path):
    """Start a master and a worker on loopback; give the master's address."""
    environment = {
        **os.environ,
        "JAVA_HOME": str(find_java()),
        "SPARK_HOME": pyspark.__path__[0],
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(tmp_path / "work"),
        "PYTHONPATH": str(Path(__file__).parent.parent.parent),
    }
    port = str(free_port())
    address = f"spark://127.0.0.1:{port}"
    started = []
    try:
        arguments = ("--host", "127.0.0.1", "--port", port, "--webui-port", "0")
        started.append(
            daemon(tmp_path, environment, f"{CLASSES}.master.Master", *arguments)
        )
        wait_for(tmp_path / "Master.log", "I have been elected leader")
        arguments = ("--host", "127.0.0.1", "--webui-port", "0", "--cores", "2")
        started.append(
            daemon(
                tmp_path, environment, f"{CLASSES}.worker.Worker", *arguments, address
            )
        )
        wait_for(tmp_path / "Worker.log", "Successfully registered with master")
        yield address
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:  # its own way out may hang
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=30)


def on_the_cluster(study: Path, home: Path, master: str) -> None:
    """Run a study in a process of its own."""
    environment = {**os.environ, "WHATIF_SPARK_MASTER": master}
    script = Path(sys.executable).parent / "whatif"
    done = subprocess.run(
        [script, "run", str(study), "--home", str(home)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def leaderboard(home: Path) -> list:
    database = str(home / "whatif.duckdb")
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute("SELECT * FROM leaderboard ORDER BY ALL").fetchall()


@pytest.mark.usefixtures("undrawn")
def test_a_standalone_cluster_gives_the_same_leaderboard(
    cluster, spark, tmp_path, monkeypatch
):
    monkeypatch.setenv("WHATIF_BACKEND", "spark")
    study = tmp_path / "tiny.yaml"
    study.write_text(TINY_STUDY)
    # Here in this process, whose session is shared; the cluster's is another one's.
    assert run_studies(tmp_path / "here", str(study))
    on_the_cluster(study, tmp_path / "there", cluster)
    here, there = (leaderboard(tmp_path / name) for name in ("here", "there"))
    assert len(here) == 7
    assert here == there
