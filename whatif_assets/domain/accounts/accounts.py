"""Accounts: the results of variants from which metrics are computed.

A sweep keeps accounts and no fills, so that it stays small: one row per variant, one
column per session.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Run
from whatif_assets.domain.base.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class Profits:
    """Profits of closed trades, net of commission, as sums that can be merged.

    Attributes
    ----------
    count, wins
        Number of closed trades, and of those that did not lose.
    mean, squares
        Mean profit (0 without a trade), and sum of the squared deviations from it.
    least, greatest
        Smallest and largest profit; infinite without a trade.

    All are float64 arrays of the same shape, one number per variant.
    """

    count: FloatArray
    wins: FloatArray
    mean: FloatArray
    squares: FloatArray
    least: FloatArray
    greatest: FloatArray

    @classmethod
    def of(cls, profits: Sequence[FloatArray]) -> Profits:
        """Summarise lists of profits, one list per variant."""
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
        """Summarise variants without trades."""
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
    """How long positions were held, in bars, summed over all sleeves.

    Attributes
    ----------
    bars
        Number of bars of the sleeves.
    exposed
        Number of bars at whose close a position was open.
    closed
        Number of those bars that belong to closed trades.

    All are float64, one number per variant.
    """

    bars: FloatArray
    exposed: FloatArray
    closed: FloatArray

    @classmethod
    def of(
        cls, jobs: Sequence[tuple[Run, int]], n_variants: int, n_sleeves: int
    ) -> Holding:
        """Compute holding times from fills.

        Parameters
        ----------
        jobs
            Each run with the number of bars of its sleeve; all sleeves of the first
            variant, then those of the next.
        n_variants, n_sleeves
            Number of variants and of sleeves.
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
class Benchmarks:
    """Returns by session of what accounts are compared with; None where not known.

    Attributes
    ----------
    hold
        Buy-and-hold of the same symbols.
    universe
        The symbols of the universe, equally weighted in each session; NaN in sessions
        where none has a return.
    symbol
        The symbol that the study names as its benchmark; NaN where it has no return.
    """

    hold: FloatArray | None = None
    universe: FloatArray | None = None
    symbol: FloatArray | None = None


NO_BENCHMARKS = Benchmarks()
# What accounts have one row of for each variant, besides profits and holding times.
_BY_VARIANT = ("equity", "start_cash", "traded", "rejected", "commission_bps")
TAIL = 0.05  # share of the worst sessions in value at risk


@dataclass(frozen=True, eq=False)
class Accounts:
    """Results of variants, summed over all of their sleeves.

    Attributes
    ----------
    variants
        Ids of the variants; the order of the first axis of all arrays below.
    equity
        Value at the end of each session, oldest first; (variants, sessions) float64.
    start_cash
        Value before the first session.
    traded
        Value of all fills.
    profits
        Profits of closed trades.
    holding
        How long positions were held.
    rejected
        Number of rejected orders.
    commission_bps
        Commission in basis points of traded value; NaN where not known.
    sessions_per_year
        Number of sessions of the calendar in a year, such as 252.
    beside
        What the accounts are compared with, the same for all variants.
    faults
        What the audit found wrong with the account of each variant, as sentences. An
        empty text where it found nothing; an empty tuple where there was no audit.
    bar_drawdown
        Deepest fall from a peak at the closes of bars, as a fraction of the peak. None
        where it was not measured, as where each symbol has an account of its own.
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
    beside: Benchmarks = NO_BENCHMARKS
    faults: tuple[str, ...] = ()
    bar_drawdown: FloatArray | None = None

    @classmethod
    def joined(cls, blocks: Sequence[Accounts]) -> Accounts:
        """Put the accounts of blocks of variants one after the other.

        Parameters
        ----------
        blocks
            One or more, of the same sleeves and sessions, with commissions by variant.
        """
        first = blocks[0]

        def _rows(name: str, of: Callable[[Accounts], Any] = lambda one: one) -> Any:
            return np.concatenate([getattr(of(block), name) for block in blocks])

        profits = {
            f.name: _rows(f.name, lambda one: one.profits) for f in fields(Profits)
        }
        holding = {
            f.name: _rows(f.name, lambda one: one.holding) for f in fields(Holding)
        }
        measured = first.bar_drawdown is not None
        return replace(
            first,
            variants=tuple(name for block in blocks for name in block.variants),
            faults=tuple(fault for block in blocks for fault in block.faults),
            profits=Profits(**profits),
            holding=Holding(**holding),
            bar_drawdown=_rows("bar_drawdown") if measured else None,
            **{name: _rows(name) for name in _BY_VARIANT},
        )

    @functools.cached_property
    def returns(self) -> FloatArray:
        """Simple return of each session; NaN after the first session without money."""
        from whatif_assets.domain.accounts.equity_curves import returns_of

        return np.asarray(returns_of(*self._path))

    @functools.cached_property
    def falls(self) -> tuple[FloatArray, FloatArray]:
        """Deepest fall from a peak as a fraction of it, and the longest, in sessions.

        The starting cash is the first peak; without a session, both are NaN.
        """
        from whatif_assets.domain.accounts.equity_curves import falls

        if not self.equity.shape[1]:
            undefined = np.full(len(self.variants), np.nan)
            return undefined, undefined
        deepest, longest = falls(*self._path)
        return deepest, longest

    @property
    def _path(self) -> tuple[FloatArray, FloatArray]:
        """Starting cash and equity as the compiled loops read them."""
        start = np.require(self.start_cash, np.float64, ["C", "W"])
        return start, np.require(self.equity, np.float64, ["C", "W"])

    @functools.cached_property
    def tail(self) -> tuple[FloatArray, FloatArray]:
        """The lowest session returns, and the return that follows them in order.

        The lowest are 1 + `TAIL` of (n - 1), rounded down, in any order but for the
        highest of them, which is the last. NaN is sorted as the highest return.
        """
        count = 1 + int((self.returns.shape[1] - 1) * TAIL)
        found = np.partition(self.returns, count - 1, axis=1)
        worst, rest = found[:, :count].copy(), found[:, count:]
        return worst, rest.min(axis=1) if rest.size else worst[:, -1]

    @property
    def pnl(self) -> FloatArray:
        """Profit since the start at the end of each session."""
        return self.equity - self.start_cash[:, None]


def deepest_fall(path: FloatArray) -> FloatArray:
    """Return the deepest fall from a peak along the last axis, as a fraction of it."""
    fallen = 1.0 - path / np.maximum.accumulate(path, axis=-1)
    return np.asarray(np.max(fallen, axis=-1))


def profits_of(trades: pd.DataFrame, variants: Sequence[str]) -> Profits:
    """Summarise closed trades by variant.

    Parameters
    ----------
    trades
        The table of
        :func:`whatif_assets.domain.accounts.trades.trades_of`.
    variants
        Ids of the variants, in the order of the result.
    """
    by_variant = dict(iter(trades.groupby("variant", sort=False)["pnl"]))
    none = np.empty(0)
    return Profits.of(
        [
            by_variant[variant].to_numpy() if variant in by_variant else none
            for variant in variants
        ]
    )
