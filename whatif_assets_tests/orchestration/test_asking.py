"""Asking a question of a study, asking it again, and forgetting it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger
from whatif_assets.home.questions import find_question, read_questions
from whatif_assets.orchestration.asking import ask, forget, read_question
from whatif_assets.steps.leaderboard import BOARD

BASE = "tiny.linear"
QUESTION = "tiny.linear~size=50~threshold=0.0005"


def asks(home: Home, instance: dg.DagsterInstance, **overrides):
    return ask(home, instance, BASE, overrides, say=lambda line: None)


@pytest.fixture
def home(copied_home: Path) -> Home:
    return Home.open(copied_home)


def test_a_question_is_answered_once_and_forgotten(home, undrawn):
    with dg.instance_for_test() as instance:
        said: list[str] = []
        first = ask(
            home, instance, BASE, {"threshold": "5e-4", "size": 50},
            note="fewer trades?", author="ann", say=said.append,
        )  # fmt: skip
        assert (first.key, first.asked_before, first.new_trials) == (QUESTION, False, 1)
        assert first.base == BASE and first.comparison is not None
        assert set(first.comparison.settings["field"]) == {"size", "threshold"}
        ranking = home.lake.read(BOARD, "tiny")
        (row,) = ranking[ranking["configuration"] == QUESTION].to_dict("records")
        assert (first.rank, first.metrics["pnl"]) == (row["rank"], row["pnl"])
        assert first.failures == ()
        entries = len(Ledger.of(home).entries)

        again = asks(home, instance, size=50.0, threshold="0.00050")
        assert again.asked_before and again.new_trials == 0
        assert (again.key, again.rank) == (first.key, first.rank)
        assert len(Ledger.of(home).entries) == entries
        (written,) = read_questions(home)
        assert (written.key, written.note, written.author) == (
            QUESTION, "fewer trades?", "ann",
        )  # fmt: skip

        freed, failures = forget(home, instance, f"{BASE}~threshold=5e-4~size=50.0")
        assert freed > 0 and failures == []
        assert read_questions(home) == []
        assert QUESTION not in set(home.lake.read(BOARD, "tiny")["configuration"])
        assert QUESTION not in home.lake.keys("backtest_results")
        assert len(Ledger.of(home).entries) == entries


def test_a_question_that_spells_out_the_study_makes_nothing(home, undrawn):
    with dg.instance_for_test() as instance:
        asks(home, instance, threshold=0.0001)  # brings the copy up to date
        entries = len(Ledger.of(home).entries)
        answer = asks(home, instance, threshold=1e-4, size=100)
        assert (answer.key, answer.asked_before) == (BASE, True)
        part = ask(
            home, instance, "tiny.forest", {"max_depth": "2.0", "threshold": 0.0002},
            say=lambda line: None,
        )  # fmt: skip
        assert (part.key, part.variant) == (
            "tiny.forest~max_depth=2", "threshold=0.0002",
        )  # fmt: skip
        assert part.asked_before
        assert len(Ledger.of(home).entries) == entries


@pytest.mark.parametrize(
    ("base", "overrides", "told"),
    [
        ("tiny.linear", {"treshold": 1}, "did you mean 'threshold'"),
        ("tiny.linear", {"threshold": "high"}, "threshold"),
        ("tiny.lineal", {}, "no configuration 'lineal'"),
        ("tiny.linear", {"symbols": "SYN09"}, "SYN09"),
        ("tiny.forest", {"threshold": 1}, "choose one value of max_depth"),
    ],
)
def test_a_wrong_question_is_refused_before_anything_starts(
    finished_home, base, overrides, told
):
    with pytest.raises(BadInput) as refused:
        read_question(Home.open(finished_home), base, overrides)
    assert told.lower() in str(refused.value).lower()


def test_only_what_was_asked_can_be_forgotten(finished_home):
    home = Home.open(finished_home)
    with pytest.raises(BadInput, match="configuration of its study file"):
        find_question(home, BASE)
    with pytest.raises(BadInput, match="was not asked"):
        find_question(home, QUESTION)
