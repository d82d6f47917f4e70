"""A run that is killed or interrupted at any moment of any step continues later."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whatif_assets.home.home import Home
from whatif_assets.report.database import opened
from whatif_assets_tests.faults.command import Command, start
from whatif_assets_tests.faults.study import LARGER, STUDY, differ, write_study

pytestmark = pytest.mark.faults

STEPS = (
    "price_bars",
    "features",
    "trained_models",
    "forecasts",
    "backtest_results",
    "forecast_quality",
    "model_cards",
    "leaderboard",
    "holdout_results",
    "placebo_results",
    "verdicts",
    "best_configuration",
    "database",
)
LONGEST_STEP = 1.5  # seconds; later moments belong to the steps that follow
KILLS = int(os.environ.get("WHATIF_KILLS", len(STEPS)))
SEED = int(os.environ.get("WHATIF_SEED", "1"))
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
WORD = {signal.SIGINT: "Interrupted.", signal.SIGTERM: "Terminated."}


class Readers:
    """What somebody sees who reads the leaderboard all the time."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.seen: set[int] = set()
        self.failures: list[str] = []
        self._stop = threading.Event()

    def _read(self) -> None:
        while not self._stop.wait(0.05):
            try:
                if (self._home / "whatif.duckdb").exists():
                    self.seen.add(self._variants())
            except Exception as error:  # whatever it is, a reader has seen it
                self.failures.append(f"{type(error).__name__}: {error}")

    def _variants(self) -> int:
        with opened(Home.open(self._home)) as connection:
            connection.execute("SELECT count(*) FROM price_bars").fetchone()
            counted = connection.execute("SELECT count(*) FROM leaderboard").fetchone()
        return counted[0]

    @contextmanager
    def reading(self) -> Iterator[None]:
        thread = threading.Thread(target=self._read)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


def disturb(command: Command, step: str, number: signal.Signals, wait: float) -> None:
    """End a command some time after it began a step, and check how it ended."""
    if command.reaches(step):
        time.sleep(wait)
        command.send(number)
    status = command.ends()
    assert status in (0, STATUS[number]), command.said
    assert "Traceback" not in command.said
    if status == STATUS[number] and number in WORD:
        assert WORD[number] in command.said


def life(home: Path, study: Path, numbers: list[signal.Signals], seed: int) -> None:
    """End runs of a home one after another, each in a later step; then let one end."""
    draw = random.Random(seed)
    steps = sorted(draw.sample(STEPS, min(len(numbers), len(STEPS))), key=STEPS.index)
    arguments = "run", study, "--home", home
    for step, number in zip(steps, numbers):
        wait = draw.uniform(0, LONGEST_STEP)
        disturb(start(home.parent / "said", *arguments), step, number, wait)
    last = start(home.parent / "said", *arguments)
    assert last.ends() == 0, last.said


def _lives() -> list[tuple[int, int]]:
    """Number of each life, and how often it is killed."""
    full, rest = divmod(KILLS, len(STEPS))
    return list(enumerate([len(STEPS)] * full + [rest] * bool(rest)))


@pytest.mark.parametrize(("number", "kills"), _lives())
def test_a_new_home_is_made_in_spite_of_kills(number, kills, before, tmp_path):
    home = tmp_path / "home"
    life(home, write_study(tmp_path), [signal.SIGKILL] * kills, SEED + number)
    assert differ(home, before) == []


def test_signals_end_a_run_and_lose_nothing(before, tmp_path):
    home, numbers = tmp_path / "home", [signal.SIGINT, signal.SIGTERM] * 2
    life(home, write_study(tmp_path), numbers, SEED)
    assert differ(home, before) == []


def test_readers_see_one_result_or_the_other_while_runs_are_killed(
    before, after, tmp_path
):
    home, study = tmp_path / "home", write_study(tmp_path, LARGER)
    shutil.copytree(before, home)
    readers = Readers(home)
    with readers.reading():
        life(home, study, [signal.SIGKILL] * 3, SEED)
        time.sleep(0.5)
    assert readers.failures == []
    assert readers.seen == {Readers(before)._variants(), Readers(after)._variants()}
    assert differ(home, after) == []


@pytest.mark.parametrize("later", [0.0, 0.7, 2.0])  # seconds
def test_two_runs_of_a_home_at_once(before, tmp_path, later):
    home, study = tmp_path / "home", write_study(tmp_path, STUDY)
    arguments = "run", study, "--home", home
    both = [start(tmp_path / "said1", *arguments)]
    time.sleep(later)
    both.append(start(tmp_path / "said2", *arguments))
    for command in both:
        assert command.ends() == 0, command.said
        assert "Traceback" not in command.said
    assert differ(home, before) == []
