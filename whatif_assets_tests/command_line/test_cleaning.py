"""The command ``whatif clean``."""

from __future__ import annotations

import json

import duckdb
import pytest
from typer.testing import CliRunner

from whatif_assets.command_line.cli import app
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger
from whatif_assets_tests.command_line.test_cli import whatif


@pytest.fixture
def edited(copied_home) -> Home:
    study = copied_home / "studies" / "tiny.yaml"
    text = study.read_text()
    placebo = "  placebo: {strategy: random_entry}\n"
    assert placebo in text
    study.write_text(text.replace(placebo, ""))
    return Home.open(copied_home)


def rows_of(home: Home, *arguments: str) -> dict[str, dict[str, object]]:
    said = whatif("clean", "--json", *arguments, "--home", home.path)
    assert said.exit_code == 0, said.output
    return {row["name"]: row for row in json.loads(said.output)}


def test_what_is_not_defined_is_shown_asked_about_and_removed(edited, undrawn):
    lake, before = edited.lake, Ledger.of(edited).entries
    rows = rows_of(edited)
    assert {name for name, row in rows.items() if row["no_longer_defined"]} == {
        "tiny.placebo"
    }
    assert {"tiny", "tiny.html", "price_bars", "ledger"} <= set(rows)
    assert all(row["bytes"] for row in rows.values())
    dry = whatif("clean", "--dry-run", "--home", edited.path)
    assert "1 part no longer defined" in dry.output
    at = ("--home", str(edited.path))
    for answer in ("n\n", ""):
        asked = CliRunner().invoke(app, ["clean", *at], input=answer)
        assert asked.exit_code == 1
    assert "tiny.placebo" in lake.keys("backtest_results")

    said = whatif("clean", "--yes", "--home", edited.path)
    assert said.exit_code == 0, said.output
    assert "Trials stay counted" in said.output
    assert "tiny.placebo" not in lake.keys_with("backtest_results", "*")
    assert "tiny.linear" in lake.keys("backtest_results")
    assert Ledger.of(edited).entries == before
    with duckdb.connect(str(edited.database), read_only=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM forecasts").fetchone()
    assert count
    assert "Everything is defined" in whatif("clean", "--home", edited.path).output
