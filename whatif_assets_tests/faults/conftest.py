"""The homes with which disturbed ones are compared, made once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from whatif_assets_tests.faults.command import start
from whatif_assets_tests.faults.study import LARGER, STUDY, write_study


def run(home: Path, text: str) -> None:
    """Run a study undisturbed."""
    study = write_study(home.parent, text)
    command = start(home.parent / "said", "run", study, "--home", home)
    assert command.ends() == 0, command.said


@pytest.fixture(scope="session", autouse=True)
def _processors() -> None:
    """Let the processes that are forked later compute in one thread each."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which the study has been run; tests only read it."""
    home = tmp_path_factory.mktemp("before") / "home"
    run(home, STUDY)
    return home


@pytest.fixture(scope="session")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of that home in which the larger study has been run."""
    home = tmp_path_factory.mktemp("after") / "home"
    shutil.copytree(before, home)
    run(home, LARGER)
    return home
