"""Bars that features were computed from are named by session, and older ones by month."""

from datetime import date, timedelta

import pytest

from whatif_assets.home.bars_read import (
    first_day,
    parts_among,
    parts_of,
    version_of,
)

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(100)]  # to 2026-04-10


def versions(days: list[date], **changed: str) -> dict[str, str]:
    """Return the versions of the parts of days, if some days have other versions."""

    def version(day: date) -> str:
        return changed.get(f"on_{day:%m_%d}", str(day))

    return {part: version_of(part, DAYS, version) for part in parts_of(days)}


def test_few_sessions_are_named_one_by_one() -> None:
    assert parts_of(DAYS[:40]) == [f"bars of {day}" for day in DAYS[:40]]


def test_months_before_the_latest_forty_sessions_are_named_as_such() -> None:
    # The latest forty begin on 2026-03-02, so that March is named day by day.
    assert parts_of(DAYS[4:]) == [
        "bars of 2026-01-05 to 2026-01-31",
        "bars of 2026-02-01 to 2026-02-28",
        *(f"bars of {day}" for day in DAYS[59:]),
    ]


@pytest.mark.parametrize(
    ("day", "part"),
    [
        ("on_01_05", "bars of 2026-01-05 to 2026-01-31"),
        ("on_02_28", "bars of 2026-02-01 to 2026-02-28"),
        ("on_04_10", "bars of 2026-04-10"),
    ],
)
def test_other_bars_of_a_session_change_the_part_that_it_is_in(
    day: str, part: str
) -> None:
    before, after = versions(DAYS[4:]), versions(DAYS[4:], **{day: "other"})
    assert [name for name in before if before[name] != after[name]] == [part]


def test_bars_before_the_first_session_read_change_nothing() -> None:
    assert versions(DAYS[4:]) == versions(DAYS[4:], on_01_04="other")


def test_a_session_that_a_calendar_gains_changes_its_month() -> None:
    fewer = [day for day in DAYS if day != date(2026, 1, 31)]
    (part, *_) = parts_of(fewer)
    assert version_of(part, DAYS, str) != version_of(part, fewer, str)


def test_the_oldest_part_says_the_first_session_read() -> None:
    names = {"settings", *parts_of(DAYS[4:])}
    assert first_day(parts_among(names)[0]) == "2026-01-05"
