"""Several runs of a home at once: each partition has one writer at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.home.in_use import computing
from whatif_assets.home.tables import LAKE

SOON = 0.2  # seconds


@pytest.fixture
def home(tmp_path: Path, tiny_study: Path) -> Home:
    """A home without results."""
    return set_up(tmp_path / "home", tiny_study)[0]


def unheard(text: str) -> None:
    """Fail if there is anything to wait for."""
    raise AssertionError(text)


def test_a_partition_that_is_computed_is_waited_for(home):
    said: list[str] = []
    told, done = threading.Event(), threading.Event()

    def _say(text: str) -> None:
        said.append(text)
        told.set()

    def _compute() -> None:
        with computing(home, "forecasts", "tiny.linear", _say):
            done.set()

    with computing(home, "forecasts", "tiny.linear", unheard):
        thread = threading.Thread(target=_compute)
        thread.start()
        assert told.wait(60)
        assert not done.wait(SOON)
    assert done.wait(60)
    thread.join()
    assert said == [
        "forecasts of tiny.linear: waiting until another run has computed it"
    ]


def test_another_partition_does_not_wait(home):
    with computing(home, "forecasts", "tiny.linear", unheard):
        thread = threading.Thread(target=_hold, args=(home, "forecasts", "tiny.hold"))
        thread.start()
        thread.join(60)
    assert not thread.is_alive()


def test_a_partition_that_failed_is_free(home):
    with (
        pytest.raises(ValueError, match="failed"),
        computing(home, "database", "", unheard),
    ):
        raise ValueError("failed")
    _hold(home, "database", "")


def test_locks_are_few_files(home):
    for table in LAKE:
        for number in range(20):
            _hold(home, table, f"{number}")
    assert len(list((home.path / ".computing").iterdir())) <= 256


def _hold(home: Home, table: str, key: str) -> None:
    with computing(home, table, key, unheard):
        pass
