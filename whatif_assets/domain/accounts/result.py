"""What every variant gave on every sleeve."""

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
    """What every variant gave on every sleeve.

    Attributes
    ----------
    variants, symbols
        The order of the first two axes below.
    cash
        Starting cash of each sleeve, by variant.
    commission_bps
        Commission in basis points, by variant.
    equity
        Cash plus position at the last bar of each session, float64 of shape
        (variants, symbols, sessions). A session without bars repeats the one
        before it, and the starting cash before the symbol's first bar.
    rejected
        Orders refused for want of cash; (variants, symbols) int64.
    traded, profits, holding
        Value of all fills, closed trades and how long positions were held, all
        sleeves together, by variant.
    replay
        Gives the jobs of some variants; the engine runs those once more for it.
    notes
        What is worth knowing of it, one sentence each: symbols with fewer bars than
        a strategy's indicators need, on which it never decides.
    faults
        What audits of the accounts found, by variant; see
        `whatif_assets.domain.accounts.audit.in_words`. Empty where nobody looked.
    account, account_cash
        Equity, (variants, sessions), and starting cash of the one account that all
        symbols share; ``cash`` and ``equity`` are then each symbol's part of it. None
        where each symbol has an account of its own.
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

    @property
    def total_equity(self) -> FloatArray:
        """Equity of all sleeves together, (variants, sessions)."""
        if self.account is not None:
            return self.account
        return np.asarray(self.equity.sum(axis=1))

    @property
    def start_cash(self) -> FloatArray:
        """Starting cash of all sleeves together, by variant."""
        if self.account_cash is not None:
            return self.account_cash
        return self.cash * len(self.symbols)

    @property
    def accounts(self) -> Accounts:
        """All sleeves of each variant together."""
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
        )

    @functools.cached_property
    def fills(self) -> pd.DataFrame:
        """Fills of all variants; see :meth:`fills_of`."""
        return self.fills_of(self.variants)

    def fills_of(self, variants: Sequence[str]) -> pd.DataFrame:
        """List the fills of some variants.

        Returns
        -------
        pandas.DataFrame
            One row per fill: variant, symbol, ts (the start of the bar that filled
            it, UTC), size (negative for a sale), price, commission, value (size
            times price times multiplier, positive), multiplier (money per point of
            the price of one unit: the symbol's, or what a user's strategy sets),
            closing (the part of the commission that fell on closing a position). In
            the order of the backtest's variants, symbols and time.
        """
        jobs = self.jobs_of(variants)
        return fill_table([(variant.id, sleeve, run) for variant, sleeve, run in jobs])

    def audits_of(self, variants: Sequence[str]) -> dict[str, list[Audit]]:
        """Hold the accounts of some variants against their fills, one by one."""
        found: dict[str, list[Audit]] = {}
        for variant, sleeve, run in self.jobs_of(variants):
            found.setdefault(variant.id, []).append(audit(run, sleeve, variant))
        return found

    def jobs_of(self, variants: Sequence[str]) -> list[Job]:
        """Give the jobs of some variants, all sleeves of the first one first."""
        return self.replay([v for v in self.variants if v in set(variants)])

    @functools.cached_property
    def daily_pnl(self) -> pd.DataFrame:
        """One row per variant, symbol and session number: equity and its change."""
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


def gathered(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    runs: Mapping[tuple[str, str], Run],
    n_sessions: int,
) -> BacktestResult:
    """Put the runs of all variants on all sleeves together.

    Parameters
    ----------
    sleeves, variants, n_sessions
        As for :func:`run_backtests`.
    runs
        By variant and symbol.
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
        notes=too_short(sleeves, variants, runs),
        faults=_faults(jobs, ids),
    )


def _faults(jobs: Sequence[Job], variants: Sequence[str]) -> tuple[str, ...]:
    """Say of each variant what is wrong with its accounts."""
    found: dict[str, list[Audit]] = {name: [] for name in variants}
    for variant, sleeve, run in jobs:
        found[variant.id].append(audit(run, sleeve, variant))
    return tuple(in_words(audits) for audits in found.values())


def too_short(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    runs: Mapping[tuple[str, str], Run],
) -> tuple[str, ...]:
    """Name the symbols on which a strategy never warms up, with one of its variants."""
    notes = []
    for sleeve in sleeves:
        short = [v for v in variants if runs[v.id, sleeve.symbol].warm_up > len(sleeve)]
        if not short:
            continue
        need = min(runs[v.id, sleeve.symbol].warm_up for v in short)
        some = ""
        if len(short) < len(variants):
            some = (
                f" with {len(short)} of {len(variants)} variants, such as {short[0].id}"
            )
        notes.append(
            f"{sleeve.symbol} has {len(sleeve)} bars, fewer than the {need} that the "
            f"strategy's indicators need{some}: it decides nothing there."
        )
    return tuple(notes)
