"""Results of a backtest: every variant on every sleeve."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.accounts.accounts import (
    Accounts,
    Holding,
    Profits,
    profits_of,
)
from whatif_assets.domain.accounts.audit import Audit, audit, in_words
from whatif_assets.domain.accounts.fills import fill_table
from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve, session_equity
from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.base.arrays import FloatArray

Job = tuple[Variant, Sleeve, Run]


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Results of every variant on every sleeve.

    Attributes
    ----------
    variants, symbols
        Ids of the variants and the symbols; the order of the first two axes below.
    cash
        Starting cash of each sleeve, by variant.
    commission_bps
        Commission in basis points, by variant.
    equity
        Cash plus position at the last bar of each session, float64 of shape
        (variants, symbols, sessions). A session without bars repeats the one
        before it, and the starting cash before the symbol's first bar.
    rejected
        Number of rejected orders; (variants, symbols) int64.
    traded, profits, holding
        Value of all fills, profits of closed trades and holding times, over all sleeves
        together, by variant.
    replay
        Returns the jobs of the given variants; an engine may run them again for this.
    notes
        Sentences about the backtest: symbols with fewer bars than the indicators of a
        strategy need, on which it never decides.
    faults
        What the audit found wrong with the account of each variant; see
        `whatif_assets.domain.accounts.audit.in_words`. Empty where there was no audit.
    account, account_cash
        Equity, (variants, sessions), and starting cash of the one account that all
        symbols share; ``cash`` and ``equity`` are then each symbol's part of it. None
        where each symbol has an account of its own.
    refused
        Orders that a shared account could not carry: ``variant``, ``symbol``, ``ts``
        (the time of the refusal, UTC), ``size`` and ``reason``, in that order. None
        where each symbol has an account of its own.
    bar_drawdown
        See `whatif_assets.domain.accounts.accounts.Accounts`.
    """

    variants: tuple[str, ...]
    symbols: tuple[str, ...]
    cash: FloatArray
    commission_bps: FloatArray
    equity: FloatArray
    rejected: npt.NDArray[np.int64]
    traded: FloatArray
    profits: Profits
    holding: Holding
    replay: Callable[[Sequence[str]], list[Job]]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    account: FloatArray | None = None
    account_cash: FloatArray | None = None
    refused: pd.DataFrame | None = None
    bar_drawdown: FloatArray | None = None

    @property
    def total_equity(self) -> FloatArray:
        """Equity summed over all sleeves, (variants, sessions)."""
        if self.account is not None:
            return self.account
        return np.asarray(self.equity.sum(axis=1))

    @property
    def start_cash(self) -> FloatArray:
        """Starting cash summed over all sleeves, by variant."""
        if self.account_cash is not None:
            return self.account_cash
        return self.cash * len(self.symbols)

    @property
    def accounts(self) -> Accounts:
        """Accounts of the variants, summed over all sleeves."""
        return Accounts(
            self.variants,
            self.total_equity,
            self.start_cash,
            self.traded,
            self.profits,
            self.holding,
            self.rejected.sum(axis=1).astype(np.float64),
            self.commission_bps,
            faults=self.faults,
            bar_drawdown=self.bar_drawdown,
        )

    @functools.cached_property
    def fills(self) -> pd.DataFrame:
        """Fills of all variants; see :meth:`fills_of`."""
        return self.fills_of(self.variants)

    def fills_of(self, variants: Sequence[str]) -> pd.DataFrame:
        """List the fills of the given variants.

        Returns
        -------
        pandas.DataFrame
            One row per fill: variant, symbol, ts (start of the bar of the fill, UTC),
            size (negative for a sale), price, commission, value (absolute value of size
            times price times multiplier), multiplier (money per point of the price of
            one unit: that of the symbol, unless a user's strategy sets another),
            closing (the part of the commission charged for closing a position), and
            slippage (fraction of the price before slippage by which the fill was
            worse). In the order of the backtest's variants, symbols and time.
        """
        jobs = self.jobs_of(variants)
        return fill_table([(variant.id, sleeve, run) for variant, sleeve, run in jobs])

    def audits_of(self, variants: Sequence[str]) -> dict[str, list[Audit]]:
        """Audit the accounts of the given variants; one audit for each sleeve."""
        found: dict[str, list[Audit]] = {}
        for variant, sleeve, run in self.jobs_of(variants):
            found.setdefault(variant.id, []).append(audit(run, sleeve, variant))
        return found

    def jobs_of(self, variants: Sequence[str]) -> list[Job]:
        """Return the jobs of the given variants, sorted by variant and sleeve."""
        return self.replay([v for v in self.variants if v in set(variants)])

    @functools.cached_property
    def daily_pnl(self) -> pd.DataFrame:
        """Table of equity and its change by variant, symbol and session number."""
        n_variants, n_symbols, n_sessions = self.equity.shape
        start = np.broadcast_to(self.cash[:, None, None], (n_variants, n_symbols, 1))
        pnl = np.diff(np.concatenate([start, self.equity], axis=2), axis=2)
        variants = np.array(self.variants, dtype=object)
        symbols = np.array(self.symbols, dtype=object)
        return pd.DataFrame(
            {
                "variant": variants.repeat(n_symbols * n_sessions),
                "symbol": np.tile(symbols.repeat(n_sessions), n_variants),
                "session": np.tile(np.arange(n_sessions), n_variants * n_symbols),
                "equity": self.equity.ravel(),
                "pnl": pnl.ravel(),
            }
        )


def commission_bps(variants: Sequence[Variant]) -> FloatArray:
    """Commission of each variant, in basis points."""
    return np.array([v.costs.commission_bps for v in variants], dtype=np.float64)


def collect_runs(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    runs: Mapping[tuple[str, str], Run],
    n_sessions: int,
) -> BacktestResult:
    """Collect the runs of all variants on all sleeves in one result.

    Parameters
    ----------
    sleeves, variants, n_sessions
        As for :func:`whatif_assets.engines.backtest.run_backtests`.
    runs
        Runs by variant id and symbol.
    """
    shape = (len(variants), len(sleeves))
    jobs = [
        (variant, sleeve, runs[variant.id, sleeve.symbol])
        for variant, sleeve in itertools.product(variants, sleeves)
    ]
    equity = [
        session_equity(run.equity, sleeve, variant.cash, n_sessions)
        for variant, sleeve, run in jobs
    ]
    ids = [variant.id for variant in variants]
    fills = fill_table([(variant.id, sleeve, run) for variant, sleeve, run in jobs])
    traded = [run.values_traded.sum() for *_, run in jobs]
    return BacktestResult(
        variants=tuple(ids),
        symbols=tuple(sleeve.symbol for sleeve in sleeves),
        cash=np.array([variant.cash for variant in variants], dtype=np.float64),
        commission_bps=commission_bps(variants),
        equity=np.array(equity, dtype=np.float64).reshape(*shape, n_sessions),
        traded=np.array(traded, dtype=np.float64).reshape(shape).sum(axis=1),
        profits=profits_of(trades_of(fills), ids),
        holding=Holding.of([(run, len(sleeve)) for _, sleeve, run in jobs], *shape),
        replay=lambda some: [job for job in jobs if job[0].id in set(some)],
        rejected=np.array([r.rejected for *_, r in jobs], dtype=np.int64).reshape(
            shape
        ),
        notes=warm_up_notes(sleeves, variants, runs),
        faults=_faults(jobs, ids),
    )


def _faults(jobs: Sequence[Job], variants: Sequence[str]) -> tuple[str, ...]:
    """Describe what is wrong with the accounts of each variant."""
    found: dict[str, list[Audit]] = {name: [] for name in variants}
    for variant, sleeve, run in jobs:
        found[variant.id].append(audit(run, sleeve, variant))
    return tuple(in_words(audits) for audits in found.values())


def warm_up_notes(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    runs: Mapping[tuple[str, str], Run],
) -> tuple[str, ...]:
    """List the symbols whose bars do not suffice for the warm-up of a strategy."""
    notes = []
    for sleeve in sleeves:
        short = [v for v in variants if runs[v.id, sleeve.symbol].warm_up > len(sleeve)]
        if not short:
            continue
        needed = min(runs[v.id, sleeve.symbol].warm_up for v in short)
        which = ""
        if len(short) < len(variants):
            which = (
                f" with {len(short)} of {len(variants)} variants, such as {short[0].id}"
            )
        notes.append(
            f"{sleeve.symbol} has {len(sleeve)} bars, fewer than the {needed} that the "
            f"strategy's indicators need{which}: the strategy makes no decision there."
        )
    return tuple(notes)
