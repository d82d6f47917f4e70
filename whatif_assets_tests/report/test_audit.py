"""The audit trail says who did what, when, with which code and data."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from whatif_assets.command_line.cli import app
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger, Opened
from whatif_assets.home.questions import write_question
from whatif_assets.home.run_history import RUNS, RunEntry, write_run_history
from whatif_assets.home.trial_identity import market_id
from whatif_assets.home.users import VARIABLE
from whatif_assets.report.audit import audit_trail


def test_every_kind_of_act_is_in_the_trail(copied_home, monkeypatch):
    home = Home.open(copied_home)
    known = len(audit_trail(home))
    monkeypatch.setenv(VARIABLE, "ann")
    market = market_id(home.market)
    look = Opened(
        "tiny", "tiny.linear", "-", market, ("SYN01",), "2026-01-14", "2026-01-16", 3,
        "i" * 16, "run-1",
    )  # fmt: skip
    elsewhere = Opened(**{**vars(look), "market": "another"})
    Ledger.of(home).append(look, elsewhere)
    write_question(home, "tiny.linear~size=50", "half of it", "bob")
    failed = RunEntry.of("tiny.linear", "failed", "no memory", "code-1")
    write_run_history(home.lake, "run-2", "forecasts", [failed])
    trail = audit_trail(home)
    assert len(trail) == known + 3
    acts = {(r.who, r.action, r.what, r.run): r for r in trail.itertuples()}
    opened = acts[
        "ann", "opened holdout", "tiny.linear, -, 2026-01-14 to 2026-01-16", "run-1"
    ]
    assert (opened.study, opened.data) == ("tiny", "i" * 16)
    asked = acts["bob", "asked", "tiny.linear~size=50 (half of it)", ""]
    assert asked.study == "tiny"
    assert acts["ann", "ran", "forecasts: 1 failed", "run-2"].code == "code-1"
    assert trail["at"].is_monotonic_increasing


def test_history_without_names_of_users_is_still_read(copied_home):
    home = Home.open(copied_home)
    (path,) = list((copied_home / "lake" / RUNS).glob("*leaderboard.parquet"))
    pq.write_table(pq.read_table(path).drop_columns("ran_by"), path)
    ran = audit_trail(home)
    ran = ran[ran["action"] == "ran"].set_index("what")["who"]
    assert ran.filter(like="leaderboard").tolist() == [""]
    assert (ran.filter(like="price_bars") != "").all()


def test_the_trail_of_a_study_is_printed(finished_home, capsys):
    with pytest.raises(SystemExit) as ended:
        app(["audit", "tiny", "--home", str(finished_home), "--json"])
    acts = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert {"evaluated", "ran"} <= {act["action"] for act in acts}
    assert {act["study"] for act in acts} == {"tiny"}
    with pytest.raises(SystemExit) as ended:
        app(["audit", "tny", "--home", str(finished_home)])
    assert ended.value.code == 2
    assert "tiny" in capsys.readouterr().err
