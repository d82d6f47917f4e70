"""The commands ``whatif ask``, ``questions`` and ``forget``."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from whatif_assets.command_line.cli import app

QUESTION = "tiny.linear~size=50"


def whatif(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_question_is_asked_listed_and_forgotten(copied_home, undrawn):
    at = ("--home", copied_home)
    asked = whatif(
        "ask", "tiny.linear", "size=50", "--note", "half of it", "--sealed", *at
    )
    assert asked.exit_code == 0, asked.output
    assert f"{QUESTION} is new. It ranks " in asked.output
    assert "of which 1 new" in asked.output
    assert "Metrics, compared with tiny.linear" in asked.output
    listed = whatif("questions", *at)
    assert QUESTION in listed.output and "half of it" in listed.output
    gone = whatif("forget", QUESTION, "--yes", *at)
    assert gone.exit_code == 0 and "Its trials stay counted" in gone.output
    assert "No question was asked yet" in whatif("questions", *at).output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ask", "tiny.linear", "threshold"), "not an override"),
        (("ask", "tiny.linear", "treshold=1"), "Did you mean 'threshold'"),
        (("forget", "tiny.linear"), "configuration of its study file"),
        (("forget", QUESTION), "was not asked"),
    ],
)
def test_a_wrong_question_is_bad_input(finished_home, arguments, told):
    result = whatif(*arguments, "--home", finished_home)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
