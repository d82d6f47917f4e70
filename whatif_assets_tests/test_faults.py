"""A fault is reported once, however often it occurred."""

from __future__ import annotations

from whatif_assets.domain.base.errors import faults


def test_a_fault_of_many_sessions_is_told_once() -> None:
    days = [f"2018-01-{day:02d}" for day in range(1, 31)]
    told = faults({day: f"bars/{day}.csv:1: no column 'open'." for day in days})
    assert told == ["2018-01-01 and 29 more: bars/2018-01-01.csv:1: no column 'open'."]


def test_different_faults_are_told_apart_in_their_order() -> None:
    told = faults(
        {
            "demo.a": "RuntimeError: oh no",
            "demo.b": "Configuration demo.b: no 'size'.",
            "demo.c": "RuntimeError: oh no",
        }
    )
    assert told == [
        "demo.a and 1 more: RuntimeError: oh no",
        "demo.b: Configuration demo.b: no 'size'.",
    ]
    assert faults({}) == []
