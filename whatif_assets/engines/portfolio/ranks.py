"""Ranks of the symbols of a portfolio strategy, compiled; see ``kernel``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from whatif_assets.engines.portfolio.layout import Lines, Ranking


@njit(nogil=True, error_model="numpy")
def rank(times: Any, lines: Lines, close: Any, bar: Any) -> Ranking:
    """Rank the symbols at some times by score, the highest first.

    Parameters
    ----------
    times
        Times at which somebody rebalances.
    lines
        What symbols are ranked by.
    close, bar
        By time and symbol.
    """
    n_times, n_symbols = lines.score.shape
    shape = len(times), n_symbols
    row = np.full(n_times, -1, dtype=np.int32)
    order = np.empty(shape, dtype=np.int32)
    bounds = np.zeros((len(times), lines.n_rankings + 1), dtype=np.int64)
    means = np.zeros((len(times), lines.n_rankings))
    keys = np.empty(n_symbols)
    symbols = np.empty(n_symbols, dtype=np.int32)
    for number in range(len(times)):
        t = times[number]
        row[t] = number
        n = 0
        for s in range(n_symbols):
            if bar[t, s] >= 0 and close[t, s] > 0 and _is_ready(t, s, lines):
                keys[n], symbols[n] = -lines.score[t, s], s
                n += 1
        places = np.argsort(keys[:n], kind="mergesort")
        end = 0
        for group in range(lines.n_rankings):
            total, first = 0.0, end
            for place in range(n):
                s = symbols[places[place]]
                if lines.group[s] == group:
                    order[number, end] = s
                    total += lines.score[t, s]
                    end += 1
            bounds[number, group + 1] = end
            means[number, group] = total / (end - first) if end > first else 0.0
    sorted_lines = (
        _sorted(times, order, bounds, lines.score),
        _sorted(times, order, bounds, lines.volatility),
        _sorted(times, order, bounds, lines.beta),
    )
    return Ranking(row, order, bounds, *sorted_lines, means)


@njit(nogil=True, error_model="numpy")
def _is_ready(t: int, s: int, lines: Lines) -> bool:
    ready = math.isfinite(lines.score[t, s])
    if lines.volatility.shape[1] > 0:
        ready = ready and 0 < lines.volatility[t, s] < math.inf
    if lines.beta.shape[1] > 0:
        ready = ready and math.isfinite(lines.beta[t, s])
    return ready


@njit(nogil=True, error_model="numpy")
def _sorted(times: Any, order: Any, bounds: Any, line: Any) -> Any:
    """Put a line in order of rank."""
    found = np.empty((len(times), line.shape[1]))
    if line.shape[1] > 0:
        for number in range(len(times)):
            for place in range(bounds[number, -1]):
                found[number, place] = line[times[number], order[number, place]]
    return found
