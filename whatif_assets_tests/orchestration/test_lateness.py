"""A session that is late fails a check by itself, and passes once it was read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timezone

import dagster as dg
import pytest

from whatif_assets.domain.base import clock
from whatif_assets.domain.quality.losses import LeftOut
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import write_left_out
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.lateness import CHECK

KEY = dg.AssetCheckKey(dg.AssetKey("data_quality"), CHECK)


class Desk:
    """A home whose market goes on, and the sensor that looks at it."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        self.home, self.instance, self.cursor = home, instance, None
        self.sensor = build_definitions(home.path).resolve_sensor_def(
            "register_configurations"
        )

    def look(self) -> list[bool]:
        """Let the sensor look; return all results of the check, latest first."""
        context = dg.build_sensor_context(self.instance, cursor=self.cursor)
        self.cursor = self.sensor(context).cursor
        storage = self.instance.event_log_storage
        records = storage.get_asset_check_execution_history(KEY, limit=10)
        return [
            record.event.dagster_event.event_specific_data.passed for record in records
        ]


def at(monkeypatch: pytest.MonkeyPatch, *time: int) -> None:
    """Set the clock."""
    now = datetime(2026, 1, *time, tzinfo=timezone.utc)
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(clock, "today", lambda: now.date())


@pytest.fixture
def desk(copied_home, monkeypatch) -> Iterator[Desk]:
    at(monkeypatch, 20, 12)
    market = copied_home / "market.yaml"
    lines = market.read_text().splitlines()
    market.write_text("\n".join(one for one in lines if "last_session" not in one))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk(Home.open(copied_home), instance)


def test_a_late_session_fails_once_and_passes_when_it_was_read(desk, monkeypatch):
    """Monday the 19th is a holiday, so the session of Friday is not followed by one."""
    assert desk.look() == []
    at(monkeypatch, 21, 2)
    assert desk.look() == []  # the session of the 20th may still come
    at(monkeypatch, 21, 3)
    assert desk.look() == [False]
    assert desk.look() == [False]
    session = date(2026, 1, 20)
    blocked = LeftOut(session, None, "no_bars: none")
    write_left_out(desk.home.lake, str(session), [blocked])
    assert desk.look() == [True, False]


def test_a_market_that_has_ended_is_never_late(finished_home, monkeypatch):
    at(monkeypatch, 21, 3)
    with dg.DagsterInstance.ephemeral() as instance:
        assert Desk(Home.open(finished_home), instance).look() == []
