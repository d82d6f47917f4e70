"""The database shows the forecast quality that is fresh, of models alone."""

from __future__ import annotations

from pathlib import Path

from whatif_assets.home.home import Home
from whatif_assets.report.forecast_tables import forecast_tables, of_study
from whatif_assets.steps import model_cards
from whatif_assets.steps.forecast_quality import TABLES
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import configurations_of
from whatif_assets_tests.steps.test_freshness import correct


def shown(home: Home) -> dict[str, set[str]]:
    known = {"tiny": configurations_of(home, home.study("tiny"))}
    tables = forecast_tables(Freshness(home), known)
    assert all(of_study(tables, "other")[name].empty for name in TABLES)
    return {
        name: set(of_study(tables, "tiny")[name]["configuration"]) for name in tables
    }


def test_what_is_stale_is_left_out(copied_home: Path) -> None:
    home = Home.open(copied_home)
    models = {"tiny.linear", "tiny.forest~max_depth=2", "tiny.forest~max_depth=3"}
    cards = dict.fromkeys((*model_cards.TABLES, "trained_models"), models)
    cards["search_scores"] = set()
    assert shown(home) == {**dict.fromkeys(TABLES, models), **cards}
    correct(home, "forecasts", "tiny.linear")
    without = dict.fromkeys(TABLES, models - {"tiny.linear"})
    assert shown(home) == {**without, **cards}
