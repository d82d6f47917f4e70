"""What ``whatif new`` writes is valid, and its tests pass as written."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from whatif_assets.command_line.cli_new import KINDS
from whatif_assets.command_line.new_plugin import STARTS_BY_WORD
from whatif_assets_tests.command_line.test_cli import whatif
from whatif_assets_tests.conftest import ROOT


def test_every_start_passes_its_test_as_written(tmp_path):
    assert list(KINDS) == sorted(STARTS_BY_WORD, key=list(KINDS).index)
    for word in KINDS:
        result = whatif("new", word, f"own_{word}", "--to", tmp_path)
        assert result.exit_code == 0, result.output
        assert f"pytest {tmp_path}/test_own_{word}.py" in result.output
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    (tmp_path / "conftest.py").write_text(path)
    ended = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stdout
    assert "12 passed" in ended.stdout
    project = (tmp_path / "pyproject.toml").read_text()
    assert "[project.entry-points.whatif_assets" in project.replace('"', "")


@pytest.mark.parametrize(
    ("word", "name", "fault"),
    [
        ("feature", "ema", "uses this name"),
        ("section", "table", "uses this name"),
        ("metric", "Mine", "small letters"),
        ("metric", "class", "no word of Python"),
        ("check", "taken", "this file exists"),
    ],
)
def test_a_name_that_could_not_be_used_is_refused(tmp_path, word, name, fault):
    (tmp_path / "taken.py").touch()
    result = whatif("new", word, name, "--to", tmp_path)
    assert result.exit_code == 2
    assert fault in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken.py"]


def test_the_demo_of_the_package_is_that_of_the_repository(tmp_path):
    assert whatif("new", "study", "demo", "--demo", "--to", tmp_path).exit_code == 0
    found = yaml.safe_load((tmp_path / "demo.yaml").read_text())
    assert found.pop("market") == yaml.safe_load(
        (ROOT / "data/market.yaml").read_text()
    )
    assert found == yaml.safe_load((ROOT / "data/studies/demo.yaml").read_text())
