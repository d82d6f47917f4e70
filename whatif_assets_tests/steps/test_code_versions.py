"""An edit of code makes only the tables stale that depend on it."""

from __future__ import annotations

import pytest

from whatif_assets.domain.models.ensemble import ENSEMBLE_KINDS
from whatif_assets.domain.models.novelty import FamiliarRows
from whatif_assets.domain.models.parts import PartModels
from whatif_assets.domain.models.portable import KINDS
from whatif_assets.engines.own_models import OwnModel
from whatif_assets.steps import code_versions
from whatif_assets.steps.code_versions import ROOTS, CodeVersions, modules_of

OF_RESULTS = {"backtest_results", "leaderboard", "placebo_results", "holdout_results"}
EDITED = {
    "domain.accounts.metrics": {*OF_RESULTS, "verdicts"},
    "engines.compiled.kernel": OF_RESULTS - {"leaderboard"},
    "domain.models.labels": {"trained_models", "forecasts"},
    "engines.own_models": {"trained_models", "forecasts"},
    "domain.selection.decision": {"verdicts"},
    "domain.bars.tidy": {"price_bars"},
    "domain.quality.prices": {"price_bars", "data_quality"},
    "sources.csv_rows": {"price_bars", "facts"},
    "domain.features.sessions": {"features"},
    "steps.benchmarks": OF_RESULTS - {"leaderboard"},
    "domain.strategies.benchmark_size": OF_RESULTS - {"leaderboard"},
    "home.adjustments": {"features", "trained_models", "backtest_results"},
}


@pytest.fixture
def edit(monkeypatch):
    """Return a function that edits a module, and returns the tables made stale."""

    def edited(name: str, line: str) -> set[str]:
        before = CodeVersions()
        versions = {table: before[table] for table in ROOTS}
        texts = code_versions.text_of
        changed = f"whatif_assets.{name}"

        def text_of(module: str) -> str:
            return texts(module) + (line if module == changed else "")

        with monkeypatch.context() as patch:
            patch.setattr(code_versions, "text_of", text_of)
            after = CodeVersions()
            return {table for table in ROOTS if after[table] != versions[table]}

    return edited


@pytest.mark.parametrize("module", sorted(EDITED))
def test_edited_code_makes_stale_what_it_makes(edit, module):
    assert EDITED[module] <= edit(module, "\nX = 1\n")


def test_code_of_the_verdict_makes_nothing_stale_that_comes_before(edit):
    stale = edit("domain.selection.decision", "\nX = 1\n")
    assert stale.isdisjoint({"price_bars", "features", "trained_models", *OF_RESULTS})


@pytest.mark.parametrize("module", sorted(EDITED))
def test_a_comment_makes_nothing_stale(edit, module):
    assert edit(module, "\n    # why it is so\n") == set()


def test_what_has_a_version_of_its_own_is_left_out():
    for table in ROOTS:
        assert not [name for name in modules_of(table) if "features.indicators" in name]


def test_each_root_is_a_module():
    for table, roots in ROOTS.items():
        assert {f"whatif_assets.{root}" for root in roots} <= set(modules_of(table))


@pytest.mark.parametrize(
    "kind",
    [*KINDS.values(), *ENSEMBLE_KINDS.values(), FamiliarRows, PartModels, OwnModel],
)
@pytest.mark.parametrize(
    "table", ["forecasts", "model_cards", "placebo_results", "forward_results"]
)
def test_how_a_fitted_model_forecasts_is_code_of_what_asks_it(table, kind):
    """Its arrays may be the same after an edit, so that the model stays fresh."""
    assert kind.__module__ in modules_of(table)
