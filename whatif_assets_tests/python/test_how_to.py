"""The pages of docs/how_to do what they show, one block after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import whatif_assets as wi
from whatif_assets.command_line.cli import app
from whatif_assets_tests.conftest import ROOT
from whatif_assets_tests.python.test_tutorial import run_cell

pytestmark = pytest.mark.docs

FOLDER = ROOT / "docs/how_to"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.S)
ASKED = ("bars", "feature", "model", "strategy", "account", "retrain", "verdict")


def run_block(language: str, text: str, names: dict[str, Any]) -> Any:
    """Write a file, run commands, or run a cell; return what a cell shows."""
    if language == "yaml":
        name, _, content = text.partition("\n")
        Path(name.removeprefix("# ")).write_text(content)
        return None
    if language == "python":
        return run_cell(text, names)
    assert language == "sh"
    for command in text.splitlines():
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_from_top_to_bottom(
    page, copied_home, tmp_path, monkeypatch, undrawn
):
    copied_home.rename(tmp_path / "tiny_home")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = BLOCK.findall(page.read_text())
    shown = [run_block(language, text, names) for language, text in blocks]
    assert any(one is not None for one in shown)
    homes = [wi.open(path) for path in tmp_path.glob("*_home")]
    for study in tmp_path.glob("*.yaml"):
        (home,) = (one for one in homes if study.stem in set(one.studies()["study"]))
        assert len(home.leaderboard(study.stem)) > 1


def test_every_page_is_listed():
    listed = (FOLDER / "README.md").read_text()
    assert all(f"({page.name})" in listed for page in PAGES)
    assert all(word in listed for word in ASKED)
