"""Numbers formatted for people; an undefined number is a dash, never 0."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS

UNDEFINED = "-"
# Smallest probability that is shown; resamples cannot distinguish smaller ones.
LEAST = 0.001
# Smallest percentage that is shown; smaller ones come from rounding.
LEAST_PERCENT = 1e-6
# Metrics per year that are fractions; the others per year are ratios.
FRACTIONS_A_YEAR = (
    "annual_return",
    "alpha",
    "equal_weight_alpha",
    "benchmark_alpha",
)


def is_undefined(value: Any) -> bool:
    """Whether a value is None, NaN or infinite, so that no number can be shown."""
    if value is None or value != value:
        return True
    return isinstance(value, float) and math.isinf(value)


def format_number(value: Any) -> str:
    """Format a number for a table, with up to four significant digits below 10."""
    if is_undefined(value):
        return UNDEFINED
    number = float(value)
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    if abs(number) >= 10:
        return f"{number:,.2f}"
    return np.format_float_positional(number, precision=4, fractional=False, trim="-")


def format_figures(value: Any) -> str:
    """Format a number with three significant digits, but all integer digits."""
    if is_undefined(value):
        return UNDEFINED
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_percent(fraction: Any) -> str:
    """Format a fraction as a percentage with three significant digits.

    A fraction that is not 0 is never shown as 0%.
    """
    if is_undefined(fraction):
        return UNDEFINED
    percent = 100 * float(fraction)
    if 0 < abs(percent) < LEAST_PERCENT:
        least = np.format_float_positional(LEAST_PERCENT, trim="-")
        return f"under {least}%" if percent > 0 else f"over -{least}%"
    written = np.format_float_positional(
        percent + 0.0, precision=3, fractional=False, trim="-"
    )
    return f"{written}%"


def format_probability(fraction: Any) -> str:
    """Format an estimated probability; it is never shown as 0% or 100%."""
    if not is_undefined(fraction) and not LEAST <= fraction <= 1 - LEAST:
        return "< 0.1%" if fraction < LEAST else "> 99.9%"
    return format_percent(fraction)


def earned_or_lost(fraction: float) -> str:
    """Describe a return by its sign: ``earned 1.5%`` or ``lost 1.5%``.

    Only exactly 0 is ``neither earned nor lost anything``.
    """
    if fraction == 0:
        return "neither earned nor lost anything"
    return f"{'earned' if fraction > 0 else 'lost'} {format_percent(abs(fraction))}"


def counted(number: float, noun: str) -> str:
    """Format a count with its noun: ``1 session``, ``1,200 sessions``."""
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")


def format_metric(name: str, value: Any) -> str:
    """Format a metric by its unit; a name that is not a metric, as a number."""
    unit = METRICS[name].unit if name in METRICS else ""
    if _is_fraction(name):
        return format_percent(value)
    if unit == "money" and not is_undefined(value):
        # Avoid -0.00.
        return f"{round(float(value), 2) + 0.0:,.2f}"
    return format_figures(value)


def format_metric_briefly(name: str, value: Any) -> str:
    """Format a metric where there is little space: money without cents."""
    money = name in METRICS and METRICS[name].unit == "money"
    return format_figures(value) if money else format_metric(name, value)


def format_column(name: str, values: Iterable[Any]) -> list[str]:
    """Format all values of a metric with the same number of decimals.

    Parameters
    ----------
    name
        Name of the metric, which has the unit.
    values
        Numbers; undefined ones are a dash.

    Returns
    -------
    list of str
        Money has two decimals. Other values have as many as show three digits of the
        median size. A value that is too small for them is written as ``< 0.01``, since
        only 0 is shown as 0.
    """
    numbers = [np.nan if is_undefined(value) else float(value) for value in values]
    if name in METRICS and METRICS[name].unit == "money":
        return [format_metric(name, number) for number in numbers]
    percent = _is_fraction(name)
    scaled = np.array(numbers, dtype=np.float64) * (100 if percent else 1)
    sizes = np.abs(scaled[np.isfinite(scaled) & (scaled != 0)])
    whole = not percent and bool((sizes == np.round(sizes)).all())
    usual = 2 - math.floor(math.log10(np.median(sizes))) if len(sizes) else 0
    digits = 0 if whole else min(6, max(0, usual))
    sign = "%" if percent else ""
    return [_in_decimals(number, digits, sign) for number in scaled]


def _in_decimals(number: float, digits: int, sign: str) -> str:
    if is_undefined(number):
        return UNDEFINED
    least = 10.0**-digits
    if number and abs(number) < least / 2:
        edge = f"{least:.{digits}f}{sign}"
        return f"< {edge}" if number > 0 else f"> -{edge}"
    return f"{round(number, digits) + 0.0:,.{digits}f}{sign}"


def _is_fraction(name: str) -> bool:
    unit = METRICS[name].unit if name in METRICS else ""
    return unit == "fraction" or name in FRACTIONS_A_YEAR


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Format every number of a table for people, metrics by their unit and as a column.

    Parameters
    ----------
    rows
        Any table. Columns named after a metric, with or without a prefix such as
        ``in_sample_``, are formatted by the unit of the metric, with the same number of
        decimals in all rows.

    Returns
    -------
    pandas.DataFrame
        The same rows and columns, numbers as text.
    """
    written = {name: _written(str(name), rows[name]) for name in rows}
    return pd.DataFrame(written, index=rows.index)


def _written(name: str, column: pd.Series[Any]) -> Iterable[Any]:
    """Format the values of a column; those that are no numbers stay."""
    if column.dtype == bool or not pd.api.types.is_numeric_dtype(column):
        return column
    ends = [metric for metric in METRICS if f"_{name}".endswith(f"_{metric}")]
    if not ends:
        return [format_number(value) for value in column]
    return format_column(max(ends, key=len), column)
