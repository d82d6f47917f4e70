"""The loops of the indicators that are compiled; imported when one is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")

# Windows whose bars are added one by one, but in the lanes of the processor's vectors.
SIDE_BY_SIDE = 1024


@compiled
def window_sum(values: Any, timeperiod: int) -> Any:
    """Sum of each window; NaN where it lacks a value."""
    result = np.full(len(values), np.nan)
    for last in range(timeperiod - 1, len(values)):
        total = 0.0
        for bar in range(last - timeperiod + 1, last + 1):
            total += values[bar]
        result[last] = total
    return result


@compiled
def window_deviation(values: Any, timeperiod: int) -> Any:
    """Mean of each window, and its standard deviation (that of the population)."""
    means, deviations = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for start in range(0, len(values) - timeperiod + 1, SIDE_BY_SIDE):
        windows = min(SIDE_BY_SIDE, len(values) - timeperiod + 1 - start)
        first, total = values[start : start + windows], np.zeros(windows)
        for bar in range(timeperiod):
            ahead = values[start + bar : start + bar + windows]
            for n in range(windows):
                total[n] += ahead[n] - first[n]
        mean, squares = first + total / timeperiod, np.zeros(windows)
        for bar in range(timeperiod):
            ahead = values[start + bar : start + bar + windows]
            for n in range(windows):
                squares[n] += (ahead[n] - mean[n]) ** 2
        last = slice(start + timeperiod - 1, start + timeperiod - 1 + windows)
        means[last], deviations[last] = mean, np.sqrt(squares / timeperiod)
    return means, deviations


@compiled
def window_fit(y: Any, x: Any, weight: Any, timeperiod: int) -> Any:
    """Slopes, intercepts and correlations; see ``windows``."""
    slopes, intercepts = np.full(len(y), np.nan), np.full(len(y), np.nan)
    correlations = np.full(len(y), np.nan)
    for last in range(timeperiod - 1, len(y)):
        first = last - timeperiod + 1
        while first < last and (np.isnan(x[first]) or np.isnan(y[first])):
            first += 1
        total = mean_x = mean_y = 0.0
        for bar in range(first, last + 1):
            dx, dy = x[bar] - x[first], y[bar] - y[first]
            if not (np.isnan(dx) or np.isnan(dy)):
                total += weight[bar]
                mean_x += weight[bar] * dx
                mean_y += weight[bar] * dy
        if not total > 0:
            continue
        mean_x, mean_y = x[first] + mean_x / total, y[first] + mean_y / total
        xx = xy = yy = 0.0
        for bar in range(first, last + 1):
            dx, dy = x[bar] - mean_x, y[bar] - mean_y
            if not (np.isnan(dx) or np.isnan(dy)):
                xx += weight[bar] * dx * dx
                xy += weight[bar] * dx * dy
                yy += weight[bar] * dy * dy
        if xx > 0:
            slopes[last] = xy / xx
            intercepts[last] = mean_y - xy / xx * mean_x
        if xx > 0 and yy > 0:
            correlations[last] = xy / np.sqrt(xx * yy)
    return slopes, intercepts, correlations


@compiled
def window_line(y: Any, weight: Any, timeperiod: int) -> Any:
    """Values at the last bar, and slopes; see ``windows``."""
    now, slopes = np.full(len(y), np.nan), np.full(len(y), np.nan)
    place = np.arange(-timeperiod + 1.0, 1.0)
    for last in range(timeperiod - 1, len(y)):
        window = slice(last - timeperiod + 1, last + 1)
        slope, at_last, _ = window_fit(y[window], place, weight[window], timeperiod)
        now[last], slopes[last] = at_last[-1], slope[-1]
    return now, slopes


@compiled
def fisher(place: Any) -> Any:
    """Smooth the place of a price in its range, and transform it."""
    result = np.full(len(place), np.nan)
    smooth = transform = 0.0
    for bar in range(len(place)):
        if np.isnan(place[bar]):
            continue
        smooth = 0.66 * (place[bar] - 0.5) + 0.67 * smooth
        if abs(smooth) > 0.99:
            smooth = 0.999 * np.sign(smooth)
        transform = 0.5 * np.log((1 + smooth) / (1 - smooth)) + 0.5 * transform
        result[bar] = transform
    return result


@compiled
def sar(high: Any, low: Any, acceleration: float, maximum: float, window: int) -> Any:
    """Follow each window's path until it joins that of the window before it."""
    bars = len(high)
    values = np.full(bars, np.nan)
    path = np.full((bars, 4), np.nan)  # the state after each bar, as `_step` has it
    for last in range(window - 1, bars):
        first = last - window + 1
        state = _start(high, low, first, acceleration)
        bar = first + 1
        while bar <= last:
            before = max(bar - 1, first + 1)
            value, state = _step(high, low, before, bar, state, acceleration, maximum)
            joined = True
            for part in range(4):
                joined = joined and path[bar, part] == state[part]
                path[bar, part] = state[part]
            if joined and bar < last - 1:
                bar = last - 1
                state = (path[bar, 0], path[bar, 1], path[bar, 2], path[bar, 3])
            bar += 1
        values[last] = value
    return values


@compiled
def _start(high: Any, low: Any, first: int, acceleration: float) -> Any:
    rise, fall = high[first + 1] - high[first], low[first] - low[first + 1]
    if fall > 0 and fall > rise:
        return -1.0, -high[first], -low[first + 1], acceleration
    return 1.0, low[first], high[first + 1], acceleration


@compiled
def _step(
    high: Any,
    low: Any,
    before: int,
    bar: int,
    state: Any,
    acceleration: float,
    maximum: float,
) -> Any:
    """Work one bar.

    A short position is the mirror image of a long one, so its prices are negative
    here and the rule is written once.
    """
    side, stop, extreme, factor = state
    if (low[bar] if side > 0 else -high[bar]) <= stop:
        side, stop, factor = -side, -extreme, acceleration
        extreme = high[bar] if side > 0 else -low[bar]
        turned = True
    else:
        turned = False
    near, far = (low[bar], high[bar]) if side > 0 else (-high[bar], -low[bar])
    nearest = min(near, low[before] if side > 0 else -high[before])
    if turned:
        stop = min(stop, nearest)
    value = side * stop
    if far > extreme:
        extreme, factor = far, min(factor + acceleration, maximum)
    stop = min(stop + factor * (extreme - stop), nearest)
    return value, (side, stop, extreme, factor)
