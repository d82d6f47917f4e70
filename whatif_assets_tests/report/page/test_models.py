"""The section of models: scores, cards, importance and drift."""

from __future__ import annotations

from whatif_assets.report.page.models import models
from whatif_assets_tests.report.page import example
from whatif_assets_tests.report.page.test_sections import cells, read


def test_configurations_are_listed_with_means_over_folds() -> None:
    rows = cells(models(example.content()).html)
    assert ["two", "linear", "2", "0.1", "0.1", "0.04", "0.04", "0.5"] in rows


def test_the_most_important_feature_is_first() -> None:
    rows = cells(models(example.content()).html)
    first = rows.index(["<ema>", "6%", "50%", "30%"])
    assert rows.index(["close", "0%", "50%", "70%"]) == first + 1


def test_the_last_model_has_a_card() -> None:
    text = read(models(example.content()).html)
    assert "Card of the last model, fold 1" in text
    assert "linear, local, seed 7" in text


def test_drift_is_listed_by_its_worst_fold() -> None:
    section = models(example.content()).html
    assert "in 1 of 2 features, a test differs much from its training" in read(section)
    assert ["<ema>", "1", "0.4", "0.1", "1", "2"] in cells(section)


def test_without_a_model_the_asset_is_named() -> None:
    nothing = {name: rows.iloc[:0] for name, rows in example.forecasts().items()}
    text = read(models(example.content(forecasts=nothing)).html)
    assert "The asset model_cards describes models." in text


def test_the_learning_curve_is_listed() -> None:
    rows = cells(models(example.content()).html)
    assert ["3", "500", "0.1", "0.3", "0.2", "0.1"] in rows
