"""Compare the compiled engine with Backtrader, fill by fill."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.engines.backtest import run_backtests

# Largest allowed difference of two figures, relative to the larger one.
TOLERANCE = 1e-9
# Size of a sample, for about a second of Backtrader: random variants beside the best
# one, and bars of all variants together.
OTHERS = 3
BARS = 6_000

_FIGURES = ["size", "price", "commission", "value", "closing"]

FillsByJob = dict[tuple[str, str], pd.DataFrame]


def sampled_parity(
    sleeves: Sequence[Sleeve],
    strategy: str,
    variants: Sequence[Variant],
    *,
    draw: random.Random,
    base: Path | None = None,
) -> pd.DataFrame:
    """Compare the engines on the best variant and some random ones.

    Parameters
    ----------
    sleeves, strategy, base
        As for :func:`run_backtests`.
    variants
        The best one first. It is run on half of ``BARS``, and up to ``OTHERS`` random
        others share the other half. A sleeve that is too long is cut at its end.
    draw
        Draws variants and sleeves; the same state gives the same sample.

    Returns
    -------
    pandas.DataFrame
        As for :func:`parity`.
    """
    best, rest = variants[0], list(variants[1:])
    others = draw.sample(rest, min(OTHERS, len(rest)))
    share = BARS // 2
    parts = [([best], share)]
    parts += [([other], share // len(others)) for other in others]
    return pd.concat(
        [
            parity(_some(draw, sleeves, bars), strategy, some, base=base)
            for some, bars in parts
        ],
        ignore_index=True,
    )


def _some(draw: random.Random, sleeves: Sequence[Sleeve], bars: int) -> list[Sleeve]:
    """Draw sleeves with about ``bars`` bars in total, or the beginning of one."""
    mean = sum(len(sleeve) for sleeve in sleeves) / len(sleeves)
    number = min(max(int(bars / mean), 1), len(sleeves))
    return [sleeve.until(bars) for sleeve in draw.sample(list(sleeves), number)]


def parity(
    sleeves: Sequence[Sleeve],
    strategy: str,
    variants: Sequence[Variant],
    *,
    n_sessions: int | None = None,
    base: Path | None = None,
) -> pd.DataFrame:
    """Run variants on both engines and compare fill by fill.

    Parameters
    ----------
    sleeves, strategy, variants, n_sessions, base
        As for :func:`run_backtests`.

    Returns
    -------
    pandas.DataFrame
        One row per variant and symbol: ``fills`` and ``fills_backtrader`` (numbers of
        fills), ``rejected`` and ``rejected_backtrader`` (numbers of orders), ``pnl``
        and ``pnl_backtrader`` (in money), ``difference`` and ``equal``.

        ``difference`` is the largest relative difference of sizes, prices, commissions,
        values and the equity of every session. It is infinite if the numbers or times
        of fills or the numbers of rejected orders differ, or if an account does not
        follow from its fills; and NaN if a figure is NaN. ``equal`` is True if the
        difference is at most ``TOLERANCE``.

    Raises
    ------
    BadInput
        As for :func:`run_backtests`.
    """
    ours, theirs = (
        run_backtests(
            sleeves,
            strategy,
            variants,
            n_sessions=n_sessions,
            base=base,
            reference=reference,
        )
        for reference in (False, True)
    )
    fills = _by_job(ours.fills), _by_job(theirs.fills)
    sound = _sound(ours) & _sound(theirs)
    return pd.DataFrame(
        _compare_job(ours, theirs, fills, v, s, sound=bool(sound[v, s]))
        for v, s in np.ndindex(sound.shape)
    )


def _by_job(fills: pd.DataFrame) -> FillsByJob:
    jobs = fills.groupby(["variant", "symbol"], sort=False)
    return {(str(variant), str(symbol)): rows for (variant, symbol), rows in jobs}


def _sound(result: BacktestResult) -> Mask:
    """Whether each account follows from its fills, by variant and symbol."""
    audits = result.audits_of(result.variants)
    shape = len(result.variants), len(result.symbols)
    sound = [audit.is_sound for name in result.variants for audit in audits[name]]
    return np.array(sound, dtype=bool).reshape(shape)


def _compare_job(
    ours: BacktestResult,
    theirs: BacktestResult,
    fills: tuple[FillsByJob, FillsByJob],
    variant: int,
    symbol: int,
    *,
    sound: bool,
) -> dict[str, object]:
    """Compare one variant on one symbol; return a row of :func:`parity`."""
    job = ours.variants[variant], ours.symbols[symbol]
    none = ours.fills.iloc[:0]
    our_fills, their_fills = (found.get(job, none) for found in fills)
    rejected, their_rejected = (
        int(r.rejected[variant, symbol]) for r in (ours, theirs)
    )
    difference = _largest(
        _between_fills(our_fills, their_fills),
        _apart(ours.equity[variant, symbol], theirs.equity[variant, symbol]),
        0.0 if sound and rejected == their_rejected else np.inf,
    )
    return {
        "variant": job[0],
        "symbol": job[1],
        "fills": len(our_fills),
        "fills_backtrader": len(their_fills),
        "rejected": rejected,
        "rejected_backtrader": their_rejected,
        "pnl": _pnl(ours, variant, symbol),
        "pnl_backtrader": _pnl(theirs, variant, symbol),
        "difference": difference,
        "equal": difference <= TOLERANCE,
    }


def _pnl(result: BacktestResult, variant: int, symbol: int) -> float:
    equity = result.equity[variant, symbol]
    return float(equity[-1] - result.cash[variant]) if len(equity) else 0.0


def _between_fills(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Return the largest relative difference, infinite if times or numbers differ."""
    if len(ours) != len(theirs) or (ours["ts"].array != theirs["ts"].array).any():
        return np.inf
    apart = (_apart(ours[n].to_numpy(), theirs[n].to_numpy()) for n in _FIGURES)
    return _largest(*apart)


def _largest(*differences: float) -> float:
    """Return the largest difference, or NaN if one is NaN: NaN is never equal."""
    return float(np.max(differences))


def _apart(ours: FloatArray, theirs: FloatArray) -> float:
    """Return the largest relative difference: 0 without values, NaN if one is NaN."""
    scale = np.maximum(np.maximum(np.abs(ours), np.abs(theirs)), np.finfo(float).tiny)
    return float(np.max(np.abs(ours - theirs) / scale, initial=0.0))
