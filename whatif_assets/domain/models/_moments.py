"""Compiled sums over rows, and the descent by coordinates that uses them."""

from __future__ import annotations

import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba
import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.models.portable import ROWS_PER_THREAD

# Rows are added up in blocks, so that rounding errors stay small.
BLOCK = 512
LANES, LEAF = 8, 128  # running sums, and the most rows that they are for, as in NumPy
SWEEPS = 10_000
TOLERANCE = 1e-13


def moments(x: FloatArray, weights: FloatArray, threads: int = 1) -> FloatArray:
    """Compute the weighted mean of the product of each pair of columns.

    Not a matrix product of a library, whose order of additions depends on the threads.
    Here threads share the pairs, so that they change no bit; 0 is one for each core.
    """
    columns, threads = x.shape[1], threads or os.cpu_count() or 1
    if threads == 1 or len(x) < ROWS_PER_THREAD:
        lower = lower_moments(x, weights, 0, columns)
    else:  # of a triangle, so that each thread has about as many pairs
        edges = [round(columns * math.sqrt(n / threads)) for n in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            parts = pool.map(
                lambda ends: lower_moments(x, weights, *ends), pairwise(edges)
            )
            lower = functools.reduce(np.add, parts)
    return np.asarray(lower + np.tril(lower, -1).T)


@numba.njit(cache=True, nogil=True)
def lower_moments(
    x: FloatArray, weights: FloatArray, first: int, after: int
) -> FloatArray:  # pragma: no cover
    """Compute `moments` of some columns with themselves and those before; else 0."""
    rows, columns = x.shape
    total: FloatArray = np.zeros((columns, columns))
    part = np.empty((columns, columns))
    for start in range(0, rows, BLOCK):
        part[:] = 0.0
        for row in range(start, min(start + BLOCK, rows)):
            for i in range(first, after):
                value = weights[row] * x[row, i]
                for j in range(i + 1):
                    part[i, j] += value * x[row, j]
        total += part
    total /= rows
    return total


@numba.njit(cache=True, nogil=True)
def half(rows: int) -> int:  # pragma: no cover
    """Count the rows of the first of two halves, as NumPy divides a sum."""
    return rows // 2 - rows // 2 % LANES


@numba.njit(cache=True, nogil=True)
def standardised_products(
    x: FloatArray,
    used: IntArray,
    center: FloatArray,
    scale: FloatArray,
    label: FloatArray,
    weights: FloatArray,
    start: int,
    rows: int,
) -> FloatArray:  # pragma: no cover
    """Add up the product of each pair of columns, times the weights, over some rows.

    The columns are the used ones of ``x``, less their centers and divided by their
    scales, and the label. Additions are in the order of NumPy's pairwise summation of a
    product, so that its bits are the same; but columns are standardised, and all pairs
    added up, while their rows are in the cache.
    """
    about = used, center, scale, label, weights
    if rows > LEAF:
        first = half(rows)
        left = standardised_products(x, *about, start, first)
        return left + standardised_products(x, *about, start + first, rows - first)
    columns = np.empty((len(used) + 1, rows))
    for place in range(len(used)):
        i = used[place]
        for row in range(rows):
            columns[place, row] = (x[start + row, i] - center[i]) / scale[i]
    columns[-1] = label[start : start + rows]
    total = np.empty((len(columns), len(columns)))
    product = np.empty(rows)
    counted, whole = weights[start : start + rows], rows // LANES * LANES
    for i in range(len(columns)):
        a = columns[i]
        for j in range(i + 1):
            b = columns[j]
            for row in range(rows):
                product[row] = a[row] * b[row] * counted[row]
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
            for row in range(0, whole, LANES):
                s0 += product[row]
                s1 += product[row + 1]
                s2 += product[row + 2]
                s3 += product[row + 3]
                s4 += product[row + 4]
                s5 += product[row + 5]
                s6 += product[row + 6]
                s7 += product[row + 7]
            found = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
            for row in range(whole, rows):
                found += product[row]
            total[i, j] = total[j, i] = found
    return total


@numba.njit(cache=True, nogil=True)
def weighted_means(
    x: FloatArray, weights: FloatArray
) -> FloatArray:  # pragma: no cover
    """Compute the mean of each column times the weights."""
    rows, columns = x.shape
    total: FloatArray = np.zeros(columns)
    part = np.empty(columns)
    for start in range(0, rows, BLOCK):
        part[:] = 0.0
        for row in range(start, min(start + BLOCK, rows)):
            for i in range(columns):
                part[i] += weights[row] * x[row, i]
        total += part
    total /= rows
    return total


@numba.njit(cache=True, nogil=True)
def products(x: FloatArray, factors: FloatArray) -> FloatArray:  # pragma: no cover
    """Compute the sum of each row's values times the factors."""
    found = np.empty(len(x))
    for row in range(len(x)):
        total = 0.0
        for i in range(len(factors)):
            total += x[row, i] * factors[i]
        found[row] = total
    return found


@numba.njit(cache=True, nogil=True)
def descend(
    square: FloatArray,
    line: FloatArray,
    l1: FloatArray,
    l2: FloatArray,
    start: FloatArray,
) -> FloatArray:  # pragma: no cover (compiled)
    """Minimise ``b'Ab / 2 - c'b + sum(l1 * |b|) + sum(l2 * b**2) / 2`` exactly.

    Cyclic coordinate descent, with A = ``square`` and c = ``line``.
    """
    b = start.copy()
    rest = line.copy()
    for i in range(len(b)):
        for j in range(len(b)):
            rest[i] -= square[i, j] * b[j]
    for _ in range(SWEEPS):
        change, size = 0.0, 0.0
        for j in range(len(b)):
            curvature = square[j, j] + l2[j]
            if curvature <= 0.0:
                continue
            pull = rest[j] + square[j, j] * b[j]
            new = max(abs(pull) - l1[j], 0.0) / curvature
            if pull < 0.0:
                new = -new
            step = new - b[j]
            if step != 0.0:
                for i in range(len(b)):
                    rest[i] -= square[i, j] * step
                b[j] = new
            change, size = max(change, abs(step)), max(size, abs(new))
        if change <= TOLERANCE * size:
            break
    return b


@numba.njit(cache=True, nogil=True)
def center_and_deviation(
    x: FloatArray,
) -> tuple[FloatArray, FloatArray]:  # pragma: no cover
    """Compute mean and population deviation of each column, row after row.

    Additions are in NumPy's order for rows that lie one after the other in memory, but
    without arrays of all differences and squares.
    """
    rows, columns = x.shape
    center, scale = np.zeros(columns), np.zeros(columns)
    for row in range(rows):
        for i in range(columns):
            center[i] += x[row, i]
    center /= rows
    for row in range(rows):
        for i in range(columns):
            apart = x[row, i] - center[i]
            scale[i] += apart * apart
    return center, np.sqrt(scale / rows)
