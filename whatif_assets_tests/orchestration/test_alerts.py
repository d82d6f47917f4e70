"""Alerts: each piece of news is told once, to a server on loopback."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import date, datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pandas as pd
import pytest

from whatif_assets.domain.base import clock
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.quality.losses import LeftOut
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import write_left_out
from whatif_assets.orchestration import news
from whatif_assets.orchestration.alerts import VARIABLE, alerts, send
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.steps.leaderboard import BOARD
from whatif_assets.steps.standing import winner_name

SECRET = "hunter2"


class Webhook:
    """A server that keeps the messages that it takes."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.status == 200:
                    outer.messages.append(json.loads(text)["message"])
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep the terminal clean."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"json://desk:{SECRET}@127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def webhook(monkeypatch) -> Iterator[Webhook]:
    made = Webhook()
    monkeypatch.setenv(VARIABLE, made.address)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


class Desk:
    """Looks at a home as the daemon does, with the cursor of the look before."""

    def __init__(self, path, instance):
        self.home, self.instance, self.cursor = Home.open(path), instance, None
        self.said = ""

    def look(self) -> None:
        with dg.build_sensor_context(self.instance, cursor=self.cursor) as context:
            result = alerts(self.home)(context)
            self.cursor, self.said = context.cursor, result.skip_message


@pytest.fixture
def desk(copied_home, instance) -> Desk:
    return Desk(copied_home, instance)


def test_what_changes_is_told_once(desk, webhook):
    desk.look()
    assert webhook.messages == []  # nothing has changed yet
    told = json.loads(desk.cursor)
    winner = winner_name(desk.home, desk.home.study("tiny"))
    assert told["standings"]["tiny: the winner"] == winner
    told["standings"] |= {"tiny: the winner": "tiny.old"}
    del told["standings"]["tiny: the verdict"]
    desk.cursor = json.dumps(told)
    desk.look()
    desk.look()
    (message,) = webhook.messages
    first, second = message.splitlines()
    assert first == f"tiny: the winner is {winner}; it was tiny.old."
    assert second.startswith("tiny: the verdict is ")


def test_a_table_that_cannot_be_read_changes_nothing(desk, webhook, monkeypatch):
    def damaged(*_: object) -> str:
        raise BadInput("The file is damaged.")

    desk.look()
    before = desk.cursor
    monkeypatch.setitem(news.STANDINGS, "winner", (BOARD, damaged))
    desk.look()
    assert desk.cursor == before and webhook.messages == []


def test_blocked_data_are_told_when_they_begin_even_at_first(desk, webhook):
    day = date(2026, 1, 6)
    lost = [LeftOut(day, "SYN01", "jump: 40 %")]
    for left_out in (lost, lost, [], lost):
        write_left_out(desk.home.lake, day.isoformat(), left_out)
        desk.look()
    expected = "Bars of session 2026-01-06 are blocked: SYN01: jump: 40 %"
    assert webhook.messages == [expected, expected]  # it ended in between


def test_a_record_worse_than_promised_is_told_once(desk, webhook, monkeypatch):
    rows = {"is_latest": True, "winner": "a1", "in_words": "It is worse."}
    for state in ("as promised", "worse than promised", "worse than promised"):
        frame = pd.DataFrame([{**rows, "state": state}])
        monkeypatch.setattr(news, "winners_table", lambda *_, frame=frame: frame)
        desk.look()
    assert webhook.messages == ["tiny: forward record: It is worse."]


def test_a_failed_run_is_told_once_with_its_reason(desk, webhook):
    desk.look()
    job = build_definitions(desk.home.path).resolve_job_def("run_study")
    config = {"ops": {"run_study_by_form": {"config": {"study": "tinny"}}}}
    job.execute_in_process(config, instance=desk.instance, raise_on_error=False)
    desk.look()
    desk.look()
    (message,) = webhook.messages
    assert message.startswith("A run failed: ")
    assert "There is no study 'tinny'" in message


@pytest.mark.parametrize(("hour", "late"), [(2, False), (3, True)])
def test_a_session_without_bars_is_late_after_three_hours(
    copied_home, instance, monkeypatch, hour, late
):
    monkeypatch.setattr(clock, "today", lambda: date(2026, 1, 21))
    market = copied_home / "market.yaml"
    lines = market.read_text().splitlines()
    market.write_text("\n".join(one for one in lines if "last_session" not in one))
    now = datetime(2026, 1, 21, hour, tzinfo=timezone.utc)
    found, told = news.news(Home.open(copied_home), instance, None, now)
    assert [one.split(":")[0] for one in found] == ["Session 2026-01-20 is late"] * late
    assert news.Told.of(str(told)) == told


def test_what_no_address_takes_is_told_later(desk, webhook, monkeypatch, caplog):
    write_left_out(desk.home.lake, "2026-01-06", [LeftOut(date(2026, 1, 6), None, "x")])
    webhook.status = 500
    desk.look()
    assert webhook.messages == [] and not desk.cursor
    assert desk.said == "No address took the message; it is sent again."
    webhook.status = 200
    monkeypatch.setenv(VARIABLE, f"nowhere, json://127.0.0.1:1/ {webhook.address}")
    desk.look()
    desk.look()
    assert len(webhook.messages) == 1  # one that is down costs the others nothing


def test_a_wrong_address_and_secrets(webhook, monkeypatch, caplog):
    webhook.status = 500
    monkeypatch.setenv(VARIABLE, f"nowhere {webhook.address}")
    with caplog.at_level(logging.WARNING):
        assert not send("t", ["line"], logging.getLogger("test"))
    assert "address 1 is not one that Apprise knows" in caplog.text
    assert "did not take the message" in caplog.text
    assert SECRET not in caplog.text


def test_alerts_are_off_without_an_address(finished_home, monkeypatch):
    off, on = dg.DefaultSensorStatus.STOPPED, dg.DefaultSensorStatus.RUNNING
    monkeypatch.delenv(VARIABLE, raising=False)
    assert alerts(Home.open(finished_home)).default_status == off
    monkeypatch.setenv(VARIABLE, "json://127.0.0.1/")
    assert alerts(Home.open(finished_home)).default_status == on
