"""The section of forecasts: what is listed, whose details are drawn, and why not."""

from __future__ import annotations

import pandas as pd

from whatif_assets.report.page.forecasts import forecasts
from whatif_assets_tests.report.page import example
from whatif_assets_tests.report.page.test_sections import cells, read


def test_configurations_are_listed_with_both_starts():
    rows = cells(forecasts(example.content()).html)
    listed = ["two", "0.25", "9.5", "-0.05", "-", "-1", "49%", "3"]
    assert listed in rows


def test_signals_are_listed_by_horizon_from_the_next_open():
    rows = cells(forecasts(example.content()).html)
    assert ["Signal", "5"] in rows
    assert ["<ema>", "-0.05"] in rows


def test_a_missing_figure_has_its_reason():
    text = read(forecasts(example.content()).html)
    assert "demo.two, next_open: <3> sessions have one." in text


def test_details_are_those_of_the_winner_if_it_has_a_model():
    content = example.content()
    assert "<h3>two</h3>" in forecasts(content).html  # the winner is a rule
    own = {
        name: rows.assign(configuration="demo.one")
        for name, rows in content.forecasts.items()
    }
    both = {
        name: pd.concat([rows, own[name]], ignore_index=True)
        for name, rows in content.forecasts.items()
    }
    html = forecasts(example.content(forecasts=both)).html
    assert "<h3>one</h3>" in html
    assert "<h3>two</h3>" not in html


def test_without_a_measured_model_the_asset_is_named():
    nothing = {name: rows.iloc[:0] for name, rows in example.forecasts().items()}
    text = read(forecasts(example.content(forecasts=nothing)).html)
    assert "The asset forecast_quality measures them." in text
