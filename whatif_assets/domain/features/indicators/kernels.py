"""Compiled loops of indicators; this module is imported only when one is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")

# Number of windows that are summed in parallel, in the processor's vector units. Each
# window is still summed bar by bar, in the order of time.
_PARALLEL_WINDOWS = 1024


@compiled
def window_sum(values: Any, timeperiod: int) -> Any:
    """Sum each window; NaN if a value in it is NaN, and before the first window."""
    result = np.full(len(values), np.nan)
    for last in range(timeperiod - 1, len(values)):
        total = 0.0
        for bar in range(last - timeperiod + 1, last + 1):
            total += values[bar]
        result[last] = total
    return result


@compiled
def window_deviation(values: Any, timeperiod: int) -> Any:
    """Compute the mean and the population standard deviation of each window."""
    means, deviations = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for start in range(0, len(values) - timeperiod + 1, _PARALLEL_WINDOWS):
        windows = min(_PARALLEL_WINDOWS, len(values) - timeperiod + 1 - start)
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
    """Compute slopes, intercepts and correlations; see ``windows.window_fit``."""
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
def window_misfit(y: Any, x: Any, slope: Any, intercept: Any, timeperiod: int) -> Any:
    """Compute the deviations from lines; see ``windows.window_misfit``."""
    deviations = np.full(len(y), np.nan)
    for last in range(timeperiod - 1, len(y)):
        if np.isnan(slope[last]):
            continue
        bars, squares = 0, 0.0
        for bar in range(last - timeperiod + 1, last + 1):
            away = y[bar] - slope[last] * x[bar] - intercept[last]
            if not np.isnan(away):
                bars += 1
                squares += away * away
        deviations[last] = np.sqrt(squares / (bars - 1))
    return deviations


@compiled
def window_line(y: Any, weight: Any, timeperiod: int) -> Any:
    """Compute values at the last bar, and slopes; see ``windows.window_line``."""
    now, slopes = np.full(len(y), np.nan), np.full(len(y), np.nan)
    place = np.arange(-timeperiod + 1.0, 1.0)
    for last in range(timeperiod - 1, len(y)):
        window = slice(last - timeperiod + 1, last + 1)
        slope, at_last, _ = window_fit(y[window], place, weight[window], timeperiod)
        now[last], slopes[last] = at_last[-1], slope[-1]
    return now, slopes


@compiled
def fisher(place: Any) -> Any:
    """Smooth the position of a price in its range, 0 to 1, and transform it."""
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
    """Compute the stop and reverse of each window, which begins anew at its first bar.

    As soon as a window has the same state as the previous window had at a bar, their
    paths are equal from there on, and the rest is taken from the previous window.
    """
    bars = len(high)
    values = np.full(bars, np.nan)
    path = np.full((bars, 4), np.nan)  # the state after each bar, see `_step`
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
    """Compute the value at one bar, and the state after it.

    The state is (side, stop, extreme, factor). A short position is the mirror image of
    a long position: its prices are negated, so that one rule serves both.
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
