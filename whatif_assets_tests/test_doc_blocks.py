"""Every block of the documentation is of today's commands, settings and files."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from whatif_assets.command_line.cli import app
from whatif_assets.settings.market import Market
from whatif_assets.settings.spec import parse_yaml
from whatif_assets.settings.study import Study, parse_study
from whatif_assets_tests.conftest import ROOT

PAGES = (
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("docs/how_to/*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)
COMMANDS = typer.main.get_command(app)
# What the market of a block needs to be whole, and what a study needs.
MARKET = {"source": "sample", "first_session": "2026-01-05"}
STUDY = {
    "evaluation": {"method": "split", "train": 6},
    "configurations": {"hold": {"strategy": "buy_and_hold", "size": 100}},
}


def blocks(*languages: str) -> list[Any]:
    """Return the blocks of some languages in all pages, each named by its place."""
    return [
        pytest.param(
            found[2], id=f"{page.name}-{text.count(chr(10), 0, found.start())}"
        )
        for page in PAGES
        for text in [page.read_text()]
        for found in FENCED.finditer(text)
        if found[1] in languages
    ]


def check_arguments(words: list[str]) -> None:
    """Parse the arguments of ``whatif`` as the command line does; run nothing."""
    command, context = COMMANDS, click.Context(COMMANDS, info_name="whatif")
    while isinstance(command, click.Group) and words:
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"there is no command '{name}'"
        command, context = found, click.Context(found, parent=context, info_name=name)
    command.parse_args(context, list(words))


@pytest.mark.parametrize("block", blocks("sh", "text"))
def test_commands_exist_and_take_these_arguments(block: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    for line in block.replace("\\\n", " ").splitlines():
        if not re.match(r"(\w+=\S* )*(\S*/)?(whatif|make|python) ", line):
            continue
        words = shlex.split(line, comments=True)
        words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
        name, arguments = Path(words[0]).name, words[1:]
        if name == "whatif":
            check_arguments(arguments)
        elif name == "make":
            assert set(arguments) <= set(targets)
        elif arguments[0].startswith("benchmarks/"):
            assert (ROOT / arguments[0]).exists()


@pytest.mark.parametrize("block", blocks("python"))
def test_python_is_python(block: str) -> None:
    ast.parse(block)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_settings_are_those_of_a_study_or_a_market(block: str) -> None:
    found: dict[str, Any] = {}
    # A block may show several values of one field.
    for part in re.split(r"^(?=evaluation:)", textwrap.dedent(block), flags=re.M):
        found |= yaml.safe_load(part) or {}
        if not found:  # a comment
            continue
        of_study = {name: found[name] for name in found if name in Study.model_fields}
        of_market = {name: found[name] for name in found if name in Market.model_fields}
        both = {**of_study, **of_market, "market": found.get("market", {})}
        if not set(found) & set(both):  # configurations alone
            of_study["configurations"] = found
        else:
            assert set(found) <= set(both)
        text = yaml.safe_dump({**STUDY, **of_study}, sort_keys=False)
        parse_study(parse_yaml(Path("study.yaml"), text))
        Market.model_validate({**MARKET, **of_market, **found.get("market", {})})
