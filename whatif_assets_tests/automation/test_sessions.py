"""Sessions come one after the other, and the schedule and the sensor do the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from whatif_assets.domain.base import clock
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.instances import instance_of
from whatif_assets.orchestration.runs import QUIET
from whatif_assets_tests.automation.accelerated import Accelerated, live_on_the_day_of
from whatif_assets_tests.automation.state import (
    each_was_computed_once,
    nothing_is_missing,
    nothing_is_stale,
    size_of,
)
from whatif_assets_tests.undrawn import nothing_drawn

SESSIONS = int(os.environ.get("WHATIF_SESSIONS", "8"))


class Daemon:
    """Does in this process what the daemon does: ticks, and the runs they ask for."""

    def __init__(self, market: Accelerated, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, None
        self.definitions = build_definitions(market.home.path)
        self.schedule = self.definitions.resolve_schedule_def("after_close")
        self.sensor = self.definitions.resolve_sensor_def("stale_studies")

    def tick_of_the_schedule(self) -> int:
        """Let the schedule look; return how many runs it asked for."""
        now = clock.now()
        context = dg.build_schedule_context(self.instance, scheduled_execution_time=now)
        asked = self.schedule.evaluate_tick(context).run_requests or []
        return self._run(self.schedule.job_name, [one.run_config for one in asked])

    def tick_of_the_sensor(self) -> int:
        """Let the sensor look; return how many runs it asked for."""
        with dg.build_sensor_context(self.instance, cursor=self.cursor) as context:
            result = self.sensor(context)
        self.cursor = result.cursor
        asked = result.run_requests or []
        return self._run("run_study", [one.run_config for one in asked])

    def _run(self, name: str, configs: list[dict[str, Any]]) -> int:
        job = self.definitions.resolve_job_def(name)
        for config in configs:
            assert job.execute_in_process(
                {**config, **QUIET}, instance=self.instance
            ).success
        return len(configs)


@pytest.fixture
def market(tmp_path, monkeypatch) -> Iterator[Accelerated]:
    made = Accelerated.set_up(tmp_path)
    for name in ("today", "now"):  # is restored after the test
        monkeypatch.setattr(clock, name, getattr(clock, name))
    live_on_the_day_of(made.home.path)
    with nothing_drawn():
        yield made


@pytest.mark.automation
def test_each_session_is_carried_to_the_report_once(market):
    """Whichever looks first does the work, and the other finds nothing to do."""
    with instance_of(market.home) as instance:
        daemon = Daemon(market, instance)
        assert daemon.tick_of_the_schedule() == 1
        sizes = [size_of(market.home.path)]
        for number in range(SESSIONS):
            market.reveal()
            if number % 2:
                assert daemon.tick_of_the_sensor() == 1
            else:
                assert daemon.tick_of_the_schedule() == 1
            assert daemon.tick_of_the_sensor() == 0
            sizes.append(size_of(market.home.path))
        each_was_computed_once(market, times=1 + SESSIONS)
        nothing_is_missing(market, instance)
        nothing_is_stale(market, instance)
    grows_by_the_same(sizes)


def grows_by_the_same(sizes: list[int]) -> None:
    """Compare the bytes of the first and of the last sessions.

    A session of the schedule and one of the sensor are looked at together.
    """
    first, last = sizes[2] - sizes[0], sizes[-1] - sizes[-3]
    assert last < 1.2 * first


@pytest.mark.automation
def test_a_correction_is_carried_to_the_report_once(market):
    with instance_of(market.home) as instance:
        daemon = Daemon(market, instance)
        assert daemon.tick_of_the_sensor() == 1
        market.correct(market.calendar[market.revealed - 2])
        assert daemon.tick_of_the_sensor() == 1
        assert daemon.tick_of_the_sensor() == 0
        nothing_is_stale(market, instance)
