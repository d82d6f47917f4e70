"""Requested what-ifs, and their fate when studies are edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.what_ifs import RESULTS, update_keys, what_ifs

WHAT_IF = "tiny.linear~threshold=0.5"
BASE = (
    "  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}\n"
)


@pytest.fixture
def asked(tmp_path: Path, tiny_study: Path) -> Path:
    """Return a home with results of a requested what-if."""
    home, _ = set_up(tmp_path / "home", tiny_study)
    update_keys(home, ())
    manifest = Manifest("v", {}, 1, "run", "1", "2026-01-05T00:00:00+00:00", 0.1)
    home.lake.finish(RESULTS, WHAT_IF, manifest)
    return home.path


def edit(path: Path, old: str, new: str) -> Home:
    study = path / "studies" / "tiny.yaml"
    assert old in study.read_text()
    study.write_text(study.read_text().replace(old, new))
    return Home.open(path)


def found(home: Home, registered: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    configurations, faults = what_ifs(home, home.study("tiny"), registered)
    return [one.key for one in configurations], sorted(faults)


def test_a_what_if_is_asked_for_while_its_configuration_is_there(asked):
    assert found(Home.open(asked)) == ([WHAT_IF], [])


def test_a_what_if_whose_configuration_went_is_removed_and_no_fault_after(asked):
    home = edit(asked, BASE, "")
    assert list(update_keys(home, [WHAT_IF]).remove) == [WHAT_IF]
    assert found(home) == ([], [])
    assert update_keys(home, ()).remove == {}


def test_a_what_if_that_was_removed_does_not_come_back_with_its_configuration(asked):
    home = edit(asked, BASE, "")
    assert update_keys(home, [WHAT_IF]).remove
    update_keys(home, ())
    home = edit(asked, "configurations:\n", f"configurations:\n{BASE}")
    update_keys(home, ())
    assert found(home) == ([], [])
    update_keys(home, [WHAT_IF])  # asked once more
    assert found(home, (WHAT_IF,)) == ([WHAT_IF], [])


def test_results_of_a_what_if_that_means_nothing_are_a_fault_while_it_is_registered(
    asked,
):
    home = edit(asked, BASE, "  linear: {strategy: buy_and_hold}\n")
    assert found(home, (WHAT_IF,)) == ([], [WHAT_IF])
    assert found(home) == ([], [])


def test_what_is_not_removed_when_it_should_be_is_still_to_be_removed(asked):
    """As while a backfill is in progress, or where a run was killed before."""
    home = edit(asked, BASE, "")
    for _ in range(3):
        changes = update_keys(home, ["tiny.linear", WHAT_IF])
        assert sorted(changes.remove) == ["tiny.linear", WHAT_IF]
    assert update_keys(home, ()).remove == {}


def test_a_what_if_with_results_alone_does_not_come_back_with_its_configuration(asked):
    """It may have been requested in another instance of Dagster."""
    update_keys(edit(asked, BASE, ""), ())
    home = edit(asked, "configurations:\n", f"configurations:\n{BASE}")
    update_keys(home, ())
    assert found(home) == ([], [])


def test_own_keys_of_a_configuration_at_fault_go_once_it_is_repaired(asked):
    each = "each: {threshold: [1.0, 2.0]}"
    home = edit(asked, "threshold: 0.0001}", f"{each}}}")
    keys = list(update_keys(home, ()).add)
    old = "tiny.linear~threshold=2.0"
    assert old in keys
    for _ in range(2):
        home = edit(asked, "strategy: forecast_threshold, each", "strategy: x, each")
        assert update_keys(home, keys).remove == {}
        home = edit(asked, "strategy: x, each", "strategy: forecast_threshold, each")
        assert update_keys(home, keys).remove == {}
    edit(asked, "strategy: forecast_threshold, each", "strategy: x, each")
    update_keys(Home.open(asked), keys)
    update_keys(Home.open(asked), keys)
    edit(asked, "strategy: x, each", "strategy: forecast_threshold, each")
    home = edit(asked, "[1.0, 2.0]", "[1.0]")
    assert list(update_keys(home, keys).remove) == [old]


def test_a_what_if_without_results_is_known_as_long_as_it_is_registered(
    tmp_path, tiny_study
):
    home, _ = set_up(tmp_path / "home", tiny_study)
    update_keys(home, [WHAT_IF])
    assert found(home) == ([WHAT_IF], [])
    update_keys(home, [])
    assert found(home) == ([], [])
