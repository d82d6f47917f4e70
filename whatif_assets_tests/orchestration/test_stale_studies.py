"""The sensor: a study that is no longer current is run, once for the same inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import dagster as dg
import pytest

from whatif_assets.home.home import Home
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.stale_studies import BUSY, stale_studies


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


class Desk:
    """Looks at a home as the daemon does, and edits its study."""

    def __init__(self, path, instance):
        self.path, self.instance, self.cursor = path, instance, None
        self.file = path / "studies" / "tiny.yaml"

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new, 1))

    def look(self) -> dg.SensorResult:
        with dg.build_sensor_context(self.instance, cursor=self.cursor) as context:
            result = stale_studies(Home.open(self.path))(context)
        self.cursor = result.cursor
        return result

    def requested(self) -> list[dict]:
        return [request.run_config for request in self.look().run_requests or ()]


@pytest.fixture
def desk(copied_home, instance) -> Desk:
    return Desk(copied_home, instance)


CONFIG = {"ops": {"run_study_by_form": {"config": {"study": "tiny", "sealed": True}}}}


def test_it_is_off_until_it_is_switched_on(finished_home):
    sensor = stale_studies(Home.open(finished_home))
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED


def test_a_changed_configuration_is_run_once_to_a_current_study(desk, undrawn):
    assert desk.requested() == []
    desk.edit("threshold: 0.0001}", "threshold: 0.0003}")
    assert desk.requested() == [CONFIG]
    assert desk.requested() == []
    job = build_definitions(desk.path).resolve_job_def("run_study")
    assert job.execute_in_process(CONFIG, instance=desk.instance).success
    assert desk.requested() == []
    assert json.loads(desk.cursor) == {}  # the study is current
    jobs = [run.job_name for run in desk.instance.get_runs()]
    assert jobs.count("rank_configurations") == 1


def test_edits_that_are_taken_back_and_made_again(desk):
    for edit, asked in ((1, [CONFIG]), (-1, []), (1, [CONFIG])):
        values = ("threshold: 0.0001}", "threshold: 0.0003}")
        desk.edit(*values[::edit])
        assert desk.requested() == asked


def test_it_waits_for_jobs_in_progress(desk):
    desk.edit("threshold: 0.0001}", "threshold: 0.0003}")
    job = build_definitions(desk.path).resolve_job_def("bars_to_winner")
    config = {"ops": {"bars_to_winner_by_form": {"config": {"sealed": True}}}}
    run = desk.instance.create_run_for_job(
        job, run_config=config, status=dg.DagsterRunStatus.STARTED
    )
    assert desk.look().skip_reason.skip_message == BUSY
    desk.instance.delete_run(run.run_id)
    assert desk.requested() == [CONFIG]
