"""A result is fresh while its settings, code, data and sessions are unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from whatif_assets.home.home import Home
from whatif_assets.home.manifest import MANIFEST
from whatif_assets.steps import freshness
from whatif_assets.steps.freshness import Freshness, Status, state
from whatif_assets_tests.lake_files import folder_of

TABLES = (
    "price_bars",
    "features",
    "trained_models",
    "forecasts",
    "backtest_results",
    "forecast_quality",
)
TRAINED, TESTED = "2026-01-06", "2026-01-15"  # of the tiny study


def not_fresh(home: Home) -> dict[tuple[str, str], str]:
    """Return the states of partitions that are not fresh, by table and key."""
    fresh = Freshness(home)
    parts = [(table, key) for table in TABLES for key in home.lake.keys(table)]
    return {
        part: str(fresh.of(*part)) for part in parts if not fresh.of(*part).is_fresh
    }


def correct(home: Home, table: str, key: str) -> None:
    """Write in a partition's manifest that its content has changed."""
    path = folder_of(home.lake, table, key) / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "data_version": "x"}))


def edit(home: Home, old: str, new: str) -> None:
    path = home.studies_folder / "tiny.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_everything_is_fresh_after_a_run(finished_home: Path) -> None:
    home = Home.open(finished_home)
    assert not_fresh(home) == {}
    assert len(home.lake.keys("backtest_results")) == 5


def test_what_was_never_computed_is_missing(finished_home: Path) -> None:
    found = state(Home.open(finished_home), "backtest_results", "tiny.hold~size=7")
    assert str(found) == "missing: not materialised"


def test_a_key_that_names_nothing_says_so(finished_home: Path) -> None:
    found = state(Home.open(finished_home), "backtest_results", "tiny.gone")
    assert found.status is Status.MISSING
    assert "has no configuration 'gone'" in found.because


def test_bars_of_a_training_session_reach_all_that_learned_from_them(
    copied_home: Path,
) -> None:
    home = Home.open(copied_home)
    correct(home, "price_bars", TRAINED)
    found = not_fresh(home)
    why = f"stale: features of session {TRAINED} and 1 more: bars of {TRAINED} changed"
    assert found["features", TRAINED] == f"stale: bars of {TRAINED} changed"
    assert found["backtest_results", "tiny.linear"] == why
    # Rules are traded in sample, too.
    assert found["backtest_results", "tiny.hold"] == "stale: data changed"
    assert ("trained_models", "tiny.hold") not in found


def test_a_missing_session_is_named_by_all_that_read_it(copied_home: Path) -> None:
    home = Home.open(copied_home)
    home.lake.begin("price_bars", TESTED)
    found = not_fresh(home)
    told = f"stale: price_bars of session {TESTED}: not materialised"
    assert found["features", TESTED] == told
    assert found["forecasts", "tiny.linear"] == told
    assert found["backtest_results", "tiny.linear"] == told
    assert ("trained_models", "tiny.linear") not in found
    upstream = state(home, "forecasts", "tiny.linear").upstream
    assert upstream == ("features", TESTED)


def test_a_setting_reaches_the_configurations_that_have_it(copied_home: Path) -> None:
    home = Home.open(copied_home)
    edit(home, "size: 100", "size: 200")
    found = not_fresh(home)
    assert found == {("backtest_results", "tiny.hold"): "stale: settings changed"}


def test_a_session_more_makes_the_results_stale(copied_home: Path) -> None:
    market = copied_home / "market.yaml"
    market.write_text(market.read_text().replace("2026-01-16", "2026-01-20"))
    found = not_fresh(Home.open(copied_home))
    told = "stale: price_bars of session 2026-01-20: not materialised"
    assert found["backtest_results", "tiny.hold"] == told


@pytest.mark.parametrize(
    ("multiplier", "stale"),
    [("10", True), ("{SYN01: 10}", True), ("1", False), ("{SYN01: 1.0}", False)],
)
def test_another_multiplier_makes_the_backtests_stale_and_nothing_before_them(
    copied_home: Path, multiplier: str, stale: bool
) -> None:
    market = copied_home / "market.yaml"
    market.write_text(market.read_text() + f"multiplier: {multiplier}\n")
    found = not_fresh(Home.open(copied_home))
    assert {table for table, _ in found} == ({"backtest_results"} if stale else set())
    assert set(found.values()) == ({"stale: multiplier changed"} if stale else set())


def test_edited_code_of_an_asset_makes_its_table_stale(
    finished_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(freshness.CODE_VERSIONS, "trained_models", "edited")
    found = not_fresh(Home.open(finished_home))
    assert found["trained_models", "tiny.linear"] == "stale: code changed"
    told = "stale: trained_models of configuration tiny.linear: code changed"
    assert found["backtest_results", "tiny.linear"] == told
