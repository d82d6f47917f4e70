"""Does the sweep engine say what Backtrader says? Both run, and are compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.engines.backtest import run_backtests

# How far figures may lie apart, relative to the greater one.
TOLERANCE = 1e-9

_FIGURES = ["size", "price", "commission", "value", "closing"]


# What a sample replays in Backtrader: a second or so.
OTHERS = 3
BARS = 6_000


def sampled_parity(
    sleeves: Sequence[Sleeve],
    strategy: str,
    variants: Sequence[Variant],
    *,
    draw: random.Random,
    base: Path | None = None,
) -> pd.DataFrame:
    """Hold the engine against Backtrader on the best variant and some random ones.

    Parameters
    ----------
    variants
        The best one first. It is replayed on half of ``BARS``, up to ``OTHERS`` of
        the rest share the other half; of a sleeve that is longer, the beginning.
    draw
        Draws variants and sleeves: the same one draws the same.

    Returns
    -------
    pandas.DataFrame
        See :func:`parity`.
    """
    best, rest = variants[0], list(variants[1:])
    others = draw.sample(rest, min(OTHERS, len(rest)))
    share = BARS // 2
    parts = [([best], share)]
    parts += [([one], share // len(others)) for one in others]
    return pd.concat(
        [
            parity(_some(draw, sleeves, bars), strategy, some, base=base)
            for some, bars in parts
        ],
        ignore_index=True,
    )


def _some(draw: random.Random, sleeves: Sequence[Sleeve], bars: int) -> list[Sleeve]:
    """Draw as many sleeves as have about so many bars, or the beginning of one."""
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
        One row per variant and symbol: ``fills`` and ``fills_backtrader`` (how
        many), ``rejected`` and ``rejected_backtrader`` (orders), ``pnl`` and
        ``pnl_backtrader``, ``difference`` (the greatest relative one over sizes,
        prices, commissions and the equity of every session; infinite where fills
        or refusals are not the same, or fills do not explain an account; NaN where a
        figure is no number) and ``equal`` (it is within TOLERANCE).
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
    audits = [one.audits_of(one.variants) for one in (ours, theirs)]
    none = ours.fills.iloc[:0]
    fills, fills_theirs = _by_job(ours.fills), _by_job(theirs.fills)
    rows = []
    for v, variant in enumerate(ours.variants):
        for s, symbol in enumerate(ours.symbols):
            mine = fills.get((variant, symbol), none)
            reference = fills_theirs.get((variant, symbol), none)
            row = {
                "variant": variant,
                "symbol": symbol,
                "fills": len(mine),
                "fills_backtrader": len(reference),
                "rejected": int(ours.rejected[v, s]),
                "rejected_backtrader": int(theirs.rejected[v, s]),
                "pnl": _pnl(ours, v, s),
                "pnl_backtrader": _pnl(theirs, v, s),
            }
            sound = all(found[variant][s].is_sound for found in audits)
            alike = sound and row["rejected"] == row["rejected_backtrader"]
            difference = _largest(
                _between_fills(mine, reference),
                _apart(ours.equity[v, s], theirs.equity[v, s]),
                0.0 if alike else np.inf,
            )
            row["difference"] = difference
            row["equal"] = difference <= TOLERANCE
            rows.append(row)
    return pd.DataFrame(rows)


def _by_job(fills: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    jobs = fills.groupby(["variant", "symbol"], sort=False)
    return {(str(variant), str(symbol)): rows for (variant, symbol), rows in jobs}


def _pnl(result: BacktestResult, variant: int, symbol: int) -> float:
    equity = result.equity[variant, symbol]
    return float(equity[-1] - result.cash[variant]) if len(equity) else 0.0


def _between_fills(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    if len(ours) != len(theirs) or (ours["ts"].array != theirs["ts"].array).any():
        return np.inf
    apart = (_apart(ours[n].to_numpy(), theirs[n].to_numpy()) for n in _FIGURES)
    return _largest(*apart)


def _largest(*differences: float) -> float:
    """Largest of some differences; NaN where one of them is, which is never equal."""
    return float(np.max(differences))


def _apart(ours: FloatArray, theirs: FloatArray) -> float:
    """Return the greatest relative difference, 0 of nothing, NaN where one is NaN."""
    scale = np.maximum(np.maximum(np.abs(ours), np.abs(theirs)), np.finfo(float).tiny)
    return float(np.max(np.abs(ours - theirs) / scale, initial=0.0))
