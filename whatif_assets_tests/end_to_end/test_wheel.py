"""What someone can do who has the wheel alone, and not this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from whatif_assets_tests.conftest import ROOT
from whatif_assets_tests.end_to_end.ui import (
    SECONDS_TO_START,
    end_group,
    free_port,
    is_up,
    wait_for,
)
from whatif_assets_tests.example_package import PIP, install, install_example
from whatif_assets_tests.made_once import made_once

pytestmark = pytest.mark.wheel
BUILT_FROM = ("setup.cfg", "pyproject.toml", "README.md", "whatif_assets")
SHORTER = {"2026-02-27": "2026-01-13", "train: 20": "train: 4"}
OF_MINE = '  hold: {strategy: buy_and_hold}\n  mine: {strategy: "my_rule.py:MyRule"}\n'
IMPORTS = """
import json, sys
import whatif_assets.command_line.cli, whatif_assets.command_line.studies
import whatif_assets.contracts, whatif_assets.orchestration.code_location
own = (m for n, m in sys.modules.items() if n.split(".")[0] == "whatif_assets")
print(json.dumps([m.__file__ for m in own]))
"""


def _make(folder: Path) -> None:
    source = folder / "source"
    source.mkdir()
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    how = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*PIP, "wheel", *how, str(source)], check=True)
    (wheel,) = folder.glob("*.whl")
    shutil.rmtree(source)
    install(wheel, install_example(folder))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a folder with the wheel and the example of plug-ins, installed."""
    return made_once(tmp_path_factory, "wheel", _make) / "site"


@pytest.fixture
def environment(site, tmp_path):
    """Return an environment in which the folder comes before all other packages."""
    hidden = ("DAGSTER_HOME", "WHATIF_HOME")
    kept = {name: text for name, text in os.environ.items() if name not in hidden}
    return {**kept, "PYTHONPATH": str(site), "HOME": str(tmp_path)}


@pytest.fixture
def whatif(environment, tmp_path):
    """Return a function that runs a command outside of this folder."""

    def _run(*arguments: object) -> str:
        command = [sys.executable, "-m", "whatif_assets", *map(str, arguments)]
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return _run


def test_it_has_every_file_and_imports_none_of_this_folder(site, environment, tmp_path):
    listed = ["git", "-C", str(ROOT), "ls-files", "whatif_assets"]
    tracked = subprocess.run(listed, capture_output=True, text=True, check=True)
    lacking = [name for name in tracked.stdout.split() if not (site / name).exists()]
    assert not lacking
    found = subprocess.run(
        [sys.executable, "-c", IMPORTS],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
    )
    files = [Path(file) for file in json.loads(found.stdout) if file]
    assert len(files) > 200
    assert all(file.is_relative_to(site) for file in files)


def test_the_sample_study_and_one_with_an_own_rule_run(whatif, tmp_path):
    whatif("new", "study", "demo", "--demo")
    assert "1,102 variants" in whatif("check", "demo.yaml")
    whatif("new", "study", "mine")
    whatif("new", "strategy", "my_rule")
    study = tmp_path / "mine.yaml"
    text = study.read_text().replace("  hold: {strategy: buy_and_hold}\n", OF_MINE)
    for long, short in SHORTER.items():
        text = text.replace(long, short)
    study.write_text(text)
    assert "Result of mine" in whatif("run", "mine.yaml", "--home", "mine_home")
    assert "Result of mine" in whatif("report", "mine.yaml")
    whatif("export", "leaderboard", "mine", "--to", "a.csv", "--home", "mine_home")
    assert "mine.mine" in (tmp_path / "a.csv").read_text()


def test_the_example_of_plug_ins_runs(whatif, tmp_path, site):
    study = site.parent / "example/waves.yaml"
    whatif("run", study, "--home", "waves_home")
    home = tmp_path / "waves_home"
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        query = "SELECT configuration, ulcer_index FROM leaderboard"
        rows = dict(connection.execute(query).fetchall())
    assert set(rows) == {"waves.ridge", "waves.breakout", "waves.hold"}
    assert rows["waves.hold"] > 0
    page = (home / "reports/waves.html").read_text()
    assert "variants of waves were tried" in page


def test_the_ui_starts(whatif, environment, tmp_path):
    whatif("new", "study", "mine")
    port, log = free_port(), tmp_path / "log"
    whatif("run", "mine.yaml", "--home", "mine_home", "--dry-run")
    (tmp_path / "mine_home").mkdir()
    text = (tmp_path / "mine.yaml").read_text()
    market = text.split("market:\n")[1].split("features:")[0]
    lines = (line.removeprefix("  ") for line in market.splitlines())
    (tmp_path / "mine_home/market.yaml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "whatif_assets", "ui", "--home", "mine_home"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            late = "the UI did not start"
            wait_for(lambda: is_up(process, url, log), SECONDS_TO_START, late)
        finally:
            end_group(process)
    assert (tmp_path / "mine_home/.dagster/dagster.yaml").exists()
