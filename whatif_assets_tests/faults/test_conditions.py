"""Runs without enough disk or memory, in a read-only home, or with a wrong clock."""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whatif_assets.home.home import Home
from whatif_assets.report.database import opened
from whatif_assets_tests.faults.command import start, undisturbed
from whatif_assets_tests.faults.conditions import age_files, limit_memory, move_clock
from whatif_assets_tests.faults.study import LARGER, STUDY, differ, write_study

pytestmark = pytest.mark.faults

ENOUGH = 400_000  # kilobytes
FILLS = int(os.environ.get("WHATIF_FILLS", "1"))
MEGABYTES = int(os.environ.get("WHATIF_MEGABYTES", "20"))
SEED = int(os.environ.get("WHATIF_SEED", "1"))


class Disk:
    """A small disk of memory.

    Parameters
    ----------
    folder
        Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        folder.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={ENOUGH}k", "tmpfs", str(folder))

    def change(self, options: str) -> None:
        """Mount it again with other options, such as ``ro`` or ``size=900k``."""
        self._mount("-o", f"remount,{options}", str(self.folder))

    def leave_free(self, kilobytes: int) -> None:
        """Make it so small that only some kilobytes are free."""
        used = shutil.disk_usage(self.folder).used // 1024
        self.change(f"size={used + kilobytes}k")

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @staticmethod
    def _mount(*options: str) -> None:
        subprocess.run(["mount", *options], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a disk of memory; only root may mount one."""
    try:
        made = Disk(tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    yield made
    made.remove()


def run(home: Path, study: Path, arrange: Callable[[], None] = undisturbed):
    """Run a study, and check that no traceback is printed; status and words."""
    said = study.with_name("said")
    command = start(said, "run", study, "--home", home, arrange=arrange)
    status = command.ends()
    assert "Traceback" not in command.said, command.said
    return status, " ".join(command.said.split())


def leaderboard(home: Path) -> list[tuple]:
    with opened(Home.open(home)) as connection:
        return connection.execute("FROM leaderboard ORDER BY ALL").fetchall()


@pytest.mark.parametrize("number", range(FILLS))
def test_a_disk_that_is_full_while_a_home_is_made(number, disk, before, tmp_path):
    needed = sum(p.stat().st_size for p in before.rglob("*") if p.is_file()) // 1024
    disk.leave_free(random.Random(SEED + number).randrange(needed // 20, needed))
    status, said = run(disk.home, study := write_study(tmp_path, STUDY))
    assert status in (1, 2)
    assert "No space left" in said or "disk is full" in said, said
    disk.change(f"size={ENOUGH}k")
    assert run(disk.home, study)[0] == 0
    assert differ(disk.home, before) == []


@pytest.mark.parametrize("number", range(FILLS))
def test_a_full_disk_never_replaces_a_good_database(
    number, disk, before, after, tmp_path
):
    shutil.copytree(before, disk.home)
    database = (disk.home / "whatif.duckdb").stat().st_size // 1024
    disk.leave_free(random.Random(SEED - number).randrange(200, database))
    status, said = run(disk.home, study := write_study(tmp_path, LARGER))
    assert status in (1, 2)
    assert "No space left" in said or "disk is full" in said, said
    assert leaderboard(disk.home) == leaderboard(before)
    disk.change(f"size={ENOUGH}k")
    assert run(disk.home, study)[0] == 0
    assert differ(disk.home, after) == []


def test_a_home_that_can_only_be_read(disk, before, after, tmp_path):
    shutil.copytree(before, disk.home)
    disk.change("ro")
    status, said = run(disk.home, study := write_study(tmp_path, LARGER))
    assert status == 2
    assert "Read-only file system" in said
    report = start(tmp_path / "report", "report", "--home", disk.home)
    assert report.ends() == 0, report.said
    assert leaderboard(disk.home) == leaderboard(before)
    disk.change("rw")
    assert run(disk.home, study)[0] == 0
    assert differ(disk.home, after) == []


def test_too_little_memory(before, after, tmp_path):
    home = Path(shutil.copytree(before, tmp_path / "home"))
    study = write_study(tmp_path, LARGER)
    limited = functools.partial(limit_memory, MEGABYTES)
    start(tmp_path / "said", "run", study, "--home", home, arrange=limited).ends()
    assert leaderboard(home) in (leaderboard(before), leaderboard(after))
    assert run(home, study)[0] == 0
    assert differ(home, after) == []


def test_a_clock_that_is_moved_back_and_ahead(before, after, tmp_path):
    home = Path(shutil.copytree(before, tmp_path / "home"))
    study = write_study(tmp_path, LARGER)
    for days in (-30, 400, 0):
        age_files(home, days)
        assert run(home, study, functools.partial(move_clock, days))[0] == 0
        assert differ(home, after) == []
