"""Numbers as people read them: an undefined one is a dash, never 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS

UNDEFINED = "-"
# Of a probability; resamples tell no smaller ones apart.
LEAST = 0.001
# Of a percentage; below it is what rounding leaves of sums.
LEAST_PERCENT = 1e-6
# Returns a year, beside ratios a year.
FRACTIONS_A_YEAR = ("annual_return", "alpha")


def is_undefined(value: Any) -> bool:
    """Whether a value is no number to be shown: None, NaN or infinite."""
    if value is None or value != value:
        return True
    return isinstance(value, float) and math.isinf(value)


def format_number(value: Any) -> str:
    """Write a number for a table, with as many digits as it takes to read it."""
    if is_undefined(value):
        return UNDEFINED
    number = float(value)
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    if abs(number) >= 10:
        return f"{number:,.2f}"
    return np.format_float_positional(number, precision=4, fractional=False, trim="-")


def format_figures(value: Any) -> str:
    """Write a number with three significant digits, or all before the point."""
    if is_undefined(value):
        return UNDEFINED
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_percent(fraction: Any) -> str:
    """Write a fraction as a percentage with three significant digits.

    What is not 0 never reads as 0.
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
    """Write a probability that was estimated: never quite 0% nor quite 100%."""
    if not is_undefined(fraction) and not LEAST <= fraction <= 1 - LEAST:
        return "< 0.1%" if fraction < LEAST else "> 99.9%"
    return format_percent(fraction)


def earned_or_lost(fraction: float) -> str:
    """Say what a return is, by its sign: ``earned 1.5%`` or ``lost 1.5%``.

    ``neither earned nor lost anything`` is for 0 alone.
    """
    if fraction == 0:
        return "neither earned nor lost anything"
    return f"{'earned' if fraction > 0 else 'lost'} {format_percent(abs(fraction))}"


def counted(number: float, noun: str) -> str:
    """Write a number of things: ``1 session``, ``1,200 sessions``."""
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")


def format_metric(name: str, value: Any) -> str:
    """Write a metric by its unit; a score or another figure as a number."""
    unit = METRICS[name].unit if name in METRICS else ""
    if unit == "fraction" or name in FRACTIONS_A_YEAR:
        return format_percent(value)
    if unit == "money" and not is_undefined(value):
        # What rounds to nothing has no sign.
        return f"{round(float(value), 2) + 0.0:,.2f}"
    return format_figures(value)


def format_metric_briefly(name: str, value: Any) -> str:
    """Write a metric where there is little room: money without its cents."""
    money = name in METRICS and METRICS[name].unit == "money"
    return format_figures(value) if money else format_metric(name, value)


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Write every number of a table for people, metrics by their unit.

    Parameters
    ----------
    rows
        Columns may be metrics, also with a prefix such as ``in_sample_``.

    Returns
    -------
    pandas.DataFrame
        The same rows and columns, numbers as text.
    """
    written = {name: rows[name].map(_writer(str(name), rows[name])) for name in rows}
    return pd.DataFrame(written, index=rows.index)


def _writer(name: str, column: pd.Series[Any]) -> Callable[[Any], Any]:
    """Choose how the values of a column are written."""
    if column.dtype == bool or not pd.api.types.is_numeric_dtype(column):
        return lambda value: value
    ends = [metric for metric in METRICS if f"_{name}".endswith(f"_{metric}")]
    if not ends:
        return format_number
    metric = max(ends, key=len)
    return lambda value: format_metric(metric, value)
