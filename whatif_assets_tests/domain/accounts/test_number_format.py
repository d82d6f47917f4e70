"""Numbers formatted for people."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from whatif_assets.domain.accounts.number_format import (
    format_column,
    format_figures,
    format_metric,
    format_metric_briefly,
    format_number,
    format_percent,
    format_probability,
    readable,
)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "write", [format_number, format_figures, format_percent], ids=lambda w: w.__name__
)
def test_an_undefined_number_is_a_dash(write, value):
    assert write(value) == "-"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (12.345, "12.35"),
        (0.12345, "0.1235"),
        (4.567e-5, "0.00004567"),
    ],
)
def test_number(value, written):
    assert format_number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(9.6033, "9.6"), (0.00012345, "0.000123"), (1234.5, "1,234"), (-16.81, "-16.8")],
)
def test_figures(value, written):
    assert format_figures(value) == written


@pytest.mark.parametrize(
    ("fraction", "written"),
    [
        (0.1234, "12.3%"),
        (1.0, "100%"),
        (0.0, "0%"),
        (-0.0, "0%"),
        (-0.0000173, "-0.00173%"),
        (1e-17, "under 0.000001%"),
        (-1e-17, "over -0.000001%"),
    ],
)
def test_a_small_share_is_not_rounded_to_nothing(fraction, written):
    assert format_percent(fraction) == written


@pytest.mark.parametrize(
    ("fraction", "written"),
    [(0.0, "< 0.1%"), (0.001, "0.1%"), (0.5, "50%"), (1.0, "> 99.9%"), (math.nan, "-")],
)
def test_a_probability_is_never_certain(fraction, written):
    assert format_probability(fraction) == written


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("max_drawdown", 0.05, "5%"),
        ("alpha", 0.05, "5%"),
        ("sharpe", 0.05, "0.05"),
        ("pnl", 5, "5.00"),
        ("pnl", -0.001, "0.00"),
        ("score", 5, "5"),
    ],
)
def test_a_metric_is_written_by_its_unit(name, value, written):
    assert format_metric(name, value) == written


def test_money_has_no_cents_where_there_is_little_room():
    assert format_metric_briefly("pnl", 13115.74) == "13,116"
    assert format_metric_briefly("sharpe", 0.8824) == "0.882"
    assert format_metric_briefly("total_return", 0.0123) == "1.23%"
    assert format_metric_briefly("pnl", float("nan")) == format_metric(
        "pnl", float("nan")
    )


@pytest.mark.parametrize(
    ("name", "values", "written"),
    [
        ("total_return", [0.12, 0.0346, -0.25], ["12.0%", "3.5%", "-25.0%"]),
        ("total_return", [0.02, 0.03, 2.61e-7], ["2.00%", "3.00%", "< 0.01%"]),
        ("total_return", [0.02, 0.0, -2.61e-7], ["2.00%", "0.00%", "> -0.01%"]),
        ("trades", [12.0, 12345.0, math.nan], ["12", "12,345", "-"]),
        ("sharpe", [13.08, 0.4, 2.0], ["13.08", "0.40", "2.00"]),
        ("pnl", [1234567.891, 0.5], ["1,234,567.89", "0.50"]),
        ("sharpe", [math.nan], ["-"]),
    ],
)
def test_a_column_has_one_number_of_decimals(name, values, written):
    assert format_column(name, values) == written


def test_a_metric_has_the_same_decimals_in_all_rows_of_a_table():
    rows = {"best_sharpe": [14.7, -0.123, None], "sessions": [1000, 2, 3], "note": "x"}
    found = readable(pd.DataFrame(rows))
    assert found["best_sharpe"].tolist() == ["14.70", "-0.12", "-"]
    assert found["sessions"].tolist() == ["1,000", "2", "3"]
    assert found["note"].tolist() == ["x"] * 3
