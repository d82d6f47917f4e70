"""Standalone clusters on loopback, whose executors have Python and the libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets_tests.conftest import ROOT, TINY_STUDY
from whatif_assets_tests.end_to_end.standalone import Standalone, standalone

pytestmark = [pytest.mark.cluster, pytest.mark.spark, pytest.mark.slow]


@pytest.fixture
def cluster(tmp_path):
    """Start a master on loopback; workers are added by the tests."""
    with standalone(tmp_path) as started:
        yield started


def on_executors(cluster: Standalone, *arguments: str) -> subprocess.CompletedProcess:
    """Run a program of `on_executors` in a process of its own."""
    module = "whatif_assets_tests.end_to_end.on_executors"
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "WHATIF_SPARK_MASTER": cluster.address,
            "WHATIF_BACKEND": "spark",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def leaderboard(home: Path) -> list:
    database = str(home / "whatif.duckdb")
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute("SELECT * FROM leaderboard ORDER BY ALL").fetchall()


@pytest.mark.usefixtures("undrawn")
def test_a_cluster_gives_the_same_leaderboard(cluster, spark, tmp_path, monkeypatch):
    monkeypatch.setenv("WHATIF_BACKEND", "spark")
    cluster.add_worker(cores=2)
    study = tmp_path / "tiny.yaml"
    study.write_text(TINY_STUDY)
    # Here in this process, whose session is shared; the cluster's is another one's.
    assert run_studies(tmp_path / "here", str(study))
    there = tmp_path / "there"
    done = on_executors(cluster, "run", "run", str(study), "--home", str(there))
    assert done.returncode == 0, done.stdout + done.stderr
    # The variants of a configuration, and the placebos of the winner.
    assert "on executors: 2 variants of forecast_threshold" in done.stdout
    assert "of random_entry" in done.stdout
    assert len(leaderboard(there)) == 7
    assert leaderboard(tmp_path / "here") == leaderboard(there)


def test_a_worker_is_killed_in_the_middle_of_a_sweep(cluster):
    cluster.add_worker()
    pid = cluster.add_worker()
    done = on_executors(cluster, "kill", cluster.address, str(pid))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed" in done.stdout


def test_a_missing_library_is_told_before_anything_runs(cluster, tmp_path):
    cluster.add_worker()
    cluster.add_worker(hidden="numba")
    study, home = tmp_path / "tiny.yaml", tmp_path / "home"
    study.write_text(TINY_STUDY)
    done = on_executors(cluster, "run", "run", str(study), "--home", str(home))
    assert done.returncode == 1
    output = done.stdout + done.stderr
    assert output.count("numba is missing") == 1
    assert "pip install numba==" in output
    assert "Traceback" not in output
    assert "on executors" not in output
