"""Pictures drawn in a second process, and what happens if that fails."""

from __future__ import annotations

import os
import signal

import pandas as pd
import pytest

from whatif_assets.orchestration.records import as_metadata
from whatif_assets.report import drawing
from whatif_assets.report.drawing import Picture, start_drawing_process
from whatif_assets.report.plots import forecast_plot

REALISED = pd.Series([-1.0, 0.5, 2.0], index=[1, 2, 3])


def who_draws() -> bytes:
    return str(os.getpid()).encode()


def die() -> bytes:
    """Kill the process that draws, unless it is the process of the test."""
    if os.getpid() != int(os.environ["TEST_DRAWING"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return b"drawn here"


def refuse(text: str) -> bytes:
    raise ValueError(text)


@pytest.fixture
def beside(monkeypatch):
    monkeypatch.setattr(drawing, "_beside", None)
    monkeypatch.setenv("TEST_DRAWING", str(os.getpid()))
    start_drawing_process()
    yield
    drawing._beside.shutdown(kill_workers=True)


def test_after_starting_a_process_a_picture_is_drawn_in_another_process(beside):
    assert Picture(who_draws).png() != who_draws()


def test_without_it_a_picture_is_drawn_here(monkeypatch):
    monkeypatch.setattr(drawing, "_beside", None)
    assert Picture(who_draws).png() == who_draws()


def test_both_draw_the_same_bytes(beside):
    drawn = Picture(forecast_plot, REALISED, "one").png()
    assert drawn == forecast_plot(REALISED, "one")


def test_a_process_that_is_killed_costs_no_picture(beside):
    first, second = Picture(die), Picture(die)
    assert first.png() == second.png() == b"drawn here"
    assert Picture(die).png() == b"drawn here"


@pytest.mark.parametrize("several", [True, False])
def test_what_cannot_be_drawn_says_so(several, monkeypatch, request):
    monkeypatch.setattr(drawing, "_beside", None)
    if several:
        request.getfixturevalue("beside")
    told = as_metadata(Picture(refuse, "no such colour"))
    assert told == "could not be drawn: ValueError: no such colour"
