"""The blocks of docs/plugins.md do what they show."""

from __future__ import annotations

import re

import typer

from whatif_assets.command_line.cli import app
from whatif_assets.domain.base.plugins import KINDS, PREFIX
from whatif_assets_tests.conftest import ROOT
from whatif_assets_tests.example_package import EXAMPLE

PAGE = (ROOT / "docs/plugins.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def test_the_feature_of_the_page_keeps_its_contract():
    names = {"__name__": __name__}
    for block in _blocks("python"):
        exec(block, names)
    assert names["TRENDINESS"].inputs == ("price",)


def test_every_kind_is_described_and_has_an_example():
    described = re.findall(rf"^\| `{re.escape(PREFIX)}(\w+)`", PAGE, re.M)
    assert described == list(KINDS)
    project = (EXAMPLE / "pyproject.toml").read_text()
    assert re.findall(rf'"{re.escape(PREFIX)}(\w+)"\]', project) == list(KINDS)
    (toml,) = _blocks("toml")
    assert set(re.findall(rf'"{re.escape(PREFIX)}(\w+)"\]', toml)) <= set(KINDS)


def test_the_commands_of_the_page_exist():
    known = typer.main.get_command(app)
    commands = re.findall(r"^whatif (\w+)(?: (\w+))?", "".join(_blocks("sh")), re.M)
    assert len(commands) == 2
    for first, second in commands:
        command = known.commands[first]
        assert not hasattr(command, "commands") or second in command.commands
