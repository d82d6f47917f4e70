"""The running daemon, with its sensor switched on, on a market that lives faster."""

from __future__ import annotations

import os

import dagster as dg
import pytest

from whatif_assets.domain.base import clock
from whatif_assets_tests.automation.accelerated import Accelerated, live_on_the_day_of
from whatif_assets_tests.automation.state import (
    each_was_computed_once,
    nothing_is_missing,
    nothing_is_stale,
)
from whatif_assets_tests.end_to_end.ui import (
    REPOSITORY,
    ROOT,
    Ui,
    dagster_dev,
    history_in,
    wait_for,
)

SESSIONS = 3
LOCATION = "accelerated"
WORKSPACE = f"""load_from:
  - python_file:
      relative_path: home/definitions.py
      location_name: {LOCATION}
"""
JOB = "run_study"
SENSOR_IN_UI = {
    "repositoryName": REPOSITORY,
    "repositoryLocationName": LOCATION,
    "sensorName": "stale_studies",
}
SWITCH_ON = """
mutation ($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) {
  __typename ... on PythonError { message }
} }
"""
LAST_LOOK = """
query ($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) {
  ... on Sensor { sensorState { ticks(limit: 1) { skipReason } } }
} }
"""
RUNS = """
query ($job: String!) { runsOrError(filter: {pipelineName: $job}) {
  ... on Runs { results { id status } }
} }
"""


@pytest.mark.automation
def test_the_daemon_carries_each_session_to_the_report_once(tmp_path, monkeypatch):
    market = Accelerated.set_up(tmp_path)
    for name in ("today", "now"):  # is restored after the test
        monkeypatch.setattr(clock, name, getattr(clock, name))
    live_on_the_day_of(market.home.path)
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(WORKSPACE)
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with dagster_dev(tmp_path, {"PYTHONPATH": paths}, workspace) as url:
        ui = Ui(url, LOCATION)
        assert ui.load_errors() == {}
        assert runs_of(ui) == {}  # automation is off at first
        assert ui.ask(SWITCH_ON, sensor=SENSOR_IN_UI)["__typename"] == "Sensor"
        the_study_is_run(ui, times=1)
        for number in range(SESSIONS):
            market.reveal()
            the_study_is_run(ui, times=2 + number)
    monkeypatch.setenv("DAGSTER_HOME", str(history_in(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        each_was_computed_once(market, times=1 + SESSIONS)
        nothing_is_missing(market, instance)
        nothing_is_stale(market, instance)


def runs_of(ui: Ui) -> dict[str, str]:
    """Runs of the job, and the status of each."""
    found = ui.ask(RUNS, job=JOB)["results"]
    return {run["id"]: run["status"] for run in found}


def why_skipped(ui: Ui) -> str:
    """Say why the last look of the sensor started no run; empty if it did."""
    state = ui.ask(LAST_LOOK, sensor=SENSOR_IN_UI)["sensorState"]
    return "".join(tick["skipReason"] or "" for tick in state["ticks"])


def the_study_is_run(ui: Ui, times: int) -> None:
    """Wait until the sensor has asked for a run, and then for nothing more."""

    def is_quiet() -> bool:
        runs = runs_of(ui)
        failed = [run for run, status in runs.items() if status == "FAILURE"]
        assert not failed, ui.reasons(failed[0])
        ended = len(runs) >= times and {*runs.values()} == {"SUCCESS"}
        return ended and "All studies are current" in why_skipped(ui)

    wait_for(is_quiet, 600, f"the study was not run {times} times")
    assert len(runs_of(ui)) == times
