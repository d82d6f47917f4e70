"""Accounts: what variants did, in the figures that metrics are computed from.

A sweep keeps these and no fills, so that its size is that of the answer: one row
per variant, one column per session.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Run
from whatif_assets.domain.base.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class Profits:
    """Profits of closed trades, net of commission, in figures that can be merged.

    Attributes
    ----------
    count, wins
        Closed trades, and those that did not lose.
    mean, squares
        Their mean (0 without a trade) and the sum of their squared distances from
        it.
    least, greatest
        Infinite without a trade. All are float64 and have the same shape.
    """

    count: FloatArray
    wins: FloatArray
    mean: FloatArray
    squares: FloatArray
    least: FloatArray
    greatest: FloatArray

    @classmethod
    def of(cls, profits: Sequence[FloatArray]) -> Profits:
        """Sum up lists of profits, one per variant."""
        rows = [
            (
                len(p),
                np.sum(p >= 0),
                p.mean() if len(p) else 0.0,
                np.sum((p - p.mean()) ** 2) if len(p) else 0.0,
                p.min(initial=np.inf),
                p.max(initial=-np.inf),
            )
            for p in profits
        ]
        return cls(*np.array(rows, dtype=np.float64).reshape(-1, 6).T)

    @classmethod
    def none(cls, variants: int) -> Profits:
        """Sum up no trades at all."""
        zero = np.zeros(variants)
        return cls(zero, zero, zero, zero, zero + np.inf, zero - np.inf)

    def __add__(self, other: Profits) -> Profits:
        """Merge the trades of the same variants on other sleeves.

        References
        ----------
        Chan, Golub and LeVeque, Algorithms for computing the sample variance,
        The American Statistician, 1983.
        """
        count = self.count + other.count
        apart = other.mean - self.mean
        share = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)
        return Profits(
            count=count,
            wins=self.wins + other.wins,
            mean=np.where(self.count == 0, other.mean, self.mean + apart * share),
            squares=self.squares + other.squares + apart**2 * self.count * share,
            least=np.minimum(self.least, other.least),
            greatest=np.maximum(self.greatest, other.greatest),
        )


@dataclass(frozen=True, eq=False)
class Holding:
    """How long positions were held, in bars, all sleeves added up.

    Attributes
    ----------
    bars
        Bars of the sleeves.
    exposed
        Those at whose close a position was open.
    closed
        Those among them that belong to closed trades. All are float64, one number
        per variant.
    """

    bars: FloatArray
    exposed: FloatArray
    closed: FloatArray

    @classmethod
    def of(
        cls, jobs: Sequence[tuple[Run, int]], n_variants: int, n_sleeves: int
    ) -> Holding:
        """Derive it from fills.

        Parameters
        ----------
        jobs
            A run and how many bars its sleeve has; all sleeves of the first variant,
            then those of the next.
        n_variants, n_sleeves
            How many there are.
        """
        rows = [(n_bars, *_bars_held(run, n_bars)) for run, n_bars in jobs]
        shaped = np.array(rows, dtype=np.float64).reshape(n_variants, n_sleeves, 3)
        return cls(*shaped.sum(axis=1).T)


def _bars_held(run: Run, n_bars: int) -> tuple[int, int]:
    """Count the bars with a position at the close, and those of closed trades."""
    position = np.cumsum(run.sizes)
    spans = np.diff(run.bars, append=n_bars)
    exposed = int(spans[position != 0].sum())
    if not len(position) or position[-1] == 0:
        return exposed, exposed
    before = np.concatenate([[0.0], position[:-1]])
    began = np.flatnonzero(before * position <= 0)[-1]
    return exposed, exposed - int(n_bars - run.bars[began])


@dataclass(frozen=True, eq=False)
class Accounts:
    """What variants did, all of their sleeves together.

    Attributes
    ----------
    variants
        Their ids: the order of the first axis of everything below.
    equity
        Value at the end of each session, oldest first; (variants, sessions) float64.
    start_cash
        Value before the first session.
    traded
        Value of all fills.
    profits
        Closed trades.
    holding
        How long positions were held.
    rejected
        Orders that were refused.
    commission_bps
        The commission that was charged, in basis points of traded value; NaN where
        it is not known.
    sessions_per_year
        How many sessions the calendar has in a year, such as 252.
    benchmark
        Return of buy-and-hold in each session, the same for all variants; None where
        it is not known.
    faults
        What is wrong with the account of each, in words; empty where nothing is, or
        nobody looked.
    """

    variants: tuple[str, ...]
    equity: FloatArray
    start_cash: FloatArray
    traded: FloatArray
    profits: Profits
    holding: Holding
    rejected: FloatArray
    commission_bps: FloatArray | float = np.nan
    sessions_per_year: float = np.nan
    benchmark: FloatArray | None = None
    faults: tuple[str, ...] = ()

    @functools.cached_property
    def path(self) -> FloatArray:
        """Equity with the starting cash before it, (variants, sessions + 1)."""
        return np.column_stack([self.start_cash, self.equity])

    @functools.cached_property
    def returns(self) -> FloatArray:
        """Simple return of each session; NaN from the day the money is gone."""
        path = self.path
        alive = np.minimum.accumulate(path, axis=1)[:, :-1] > 0
        returns = np.full(self.equity.shape, np.nan)
        np.divide(self.equity, path[:, :-1], out=returns, where=alive)
        return returns - 1.0

    @property
    def pnl(self) -> FloatArray:
        """Profit since the start at the end of each session."""
        return self.equity - self.start_cash[:, None]


def profits_of(trades: pd.DataFrame, variants: Sequence[str]) -> Profits:
    """Sum up closed trades, as :func:`trades_of` gives them, by variant."""
    by_variant = dict(iter(trades.groupby("variant", sort=False)["pnl"]))
    none = np.empty(0)
    return Profits.of(
        [
            by_variant[variant].to_numpy() if variant in by_variant else none
            for variant in variants
        ]
    )
