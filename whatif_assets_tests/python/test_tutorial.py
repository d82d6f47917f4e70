"""The tutorial and the notebooks do what they show."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import whatif_assets as wi
from whatif_assets.command_line.cli import app
from whatif_assets_tests.conftest import ROOT, TINY_STUDY

pytestmark = pytest.mark.docs

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
TASKS = [task.partition("From here:")[0] for task in TUTORIAL.split("\n## ")[1:]]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
# Lines that one task may take: an analyst does not write programs for it.
LINES = {"python": 5, "sh": 2, "sql": 5}


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does, and return what it shows."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(source, names)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def answer(kind: str, source: str, home: Path) -> Any:
    """Run the block of a task and return what it shows."""
    if kind == "python":
        return run_cell(source, {})
    if kind == "sql":
        return wi.open(home).sql(source)
    shown = ""
    for command in source.splitlines():
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
        shown += result.output
    return shown


def test_the_study_of_the_tutorial_is_that_of_the_tests():
    (written,) = re.findall(r"```yaml\n(.*?)```", TUTORIAL, re.S)
    assert yaml.safe_load(written) == yaml.safe_load(TINY_STUDY)


def test_each_task_of_the_tutorial_has_an_answer(
    copied_home, tmp_path, monkeypatch, undrawn
):
    home = copied_home.rename(tmp_path / "tiny_home")
    monkeypatch.chdir(tmp_path)
    assert len(TASKS) == 10
    for task in TASKS:
        ((kind, source),) = re.findall(r"```(\w+)\n(.*?)```", task, re.S)
        assert len(source.replace("\n\n", "\n").splitlines()) <= LINES[kind], task
        shown = answer(kind, source, home)
        assert shown is not None and len(str(shown)) > 0, task
    assert list((tmp_path / "tiny_model").rglob("*.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch, undrawn):
    monkeypatch.chdir(tmp_path)
    cells = [
        cell
        for cell in json.loads(path.read_text())["cells"]
        if cell["cell_type"] == "code"
    ]
    assert not any(cell["outputs"] for cell in cells), "clear its outputs"
    names: dict[str, Any] = {}
    shown = [run_cell("".join(cell["source"]), names) for cell in cells]
    assert any(hasattr(one, "_repr_html_") for one in shown)
    assert list(tmp_path.glob("*_home/whatif.duckdb"))
