"""The schedule: one run for each session, after it is over, and none on holidays."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import dagster as dg
import pytest

from whatif_assets.domain.base import clock
from whatif_assets.domain.quality.losses import LeftOut
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import write_left_out
from whatif_assets.orchestration.after_close import after_close, due
from whatif_assets.orchestration.code_location import build_definitions


@pytest.fixture
def home(tmp_path, tiny_study, monkeypatch) -> Home:
    """A market that goes on; it is Thanksgiving week, and nothing has been read."""
    text = tiny_study.read_text().replace("2026-01-05", "2018-11-20")
    tiny_study.write_text(text.replace("  last_session: 2026-01-16\n", ""))
    made, _ = set_up(tmp_path / "home", tiny_study)
    monkeypatch.setattr(clock, "today", lambda: date(2018, 11, 27))
    return made


def at(day: int, hour: int, minute: int = 5) -> datetime:
    return datetime(2018, 11, day, hour, minute, tzinfo=timezone.utc)


def test_each_session_is_due_once_it_is_over(home):
    """Thursday is a holiday, Friday a half day, and then comes a weekend."""
    for day in ("20", "21", "23", "26"):  # all of them are blocked: read, and no bars
        session = date(2018, 11, int(day))
        write_left_out(
            home.lake, session.isoformat(), [LeftOut(session, None, "no_bars: none")]
        )
    ticks = [at(20, 0) + timedelta(hours=hour) for hour in range(24 * 8)]
    found = {tick: key for tick in ticks for key, n in [due(home, tick)] if n}
    assert found == {
        at(21, 0): "2018-11-20",
        at(22, 0): "2018-11-21",
        at(24, 0): "2018-11-23",
        at(27, 0): "2018-11-26",
    }


def test_a_session_that_the_source_lacks_is_asked_for_again(home):
    ticks = [at(21, 0) + timedelta(hours=hour) for hour in range(24)]
    attempts = {tick.hour: n for tick in ticks for _, n in [due(home, tick)] if n}
    assert attempts == {0: 1, 1: 2, 3: 3, 7: 4, 15: 5}


def test_the_run_that_is_requested_is_one_of_the_home(home):
    definitions = build_definitions(home.path)
    schedule = definitions.resolve_schedule_def("after_close")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.execution_timezone == "America/New_York"
    with dg.instance_for_test() as instance:

        def tick(when: datetime) -> dg.ScheduleExecutionData:
            context = dg.build_schedule_context(instance, scheduled_execution_time=when)
            return schedule.evaluate_tick(context)

        (request,) = tick(at(24, 0)).run_requests
        assert request.run_key == "2018-11-23 attempt 1"
        job = definitions.resolve_job_def(schedule.job_name)
        assert dg.validate_run_config(job, request.run_config)
        assert "not due now" in tick(at(25, 0)).skip_message
        assert "No session" in tick(at(20, 12)).skip_message


def test_the_job_of_a_named_market(tmp_path, tiny_study):
    text = tiny_study.read_text().replace("market:\n", "market:\n  name: other\n")
    tiny_study.write_text(text)
    home, _ = set_up(tmp_path / "home", tiny_study)
    schedule = after_close(home)
    assert schedule.name == "other_after_close"
    assert build_definitions(home.path).resolve_job_def(schedule.job_name)
