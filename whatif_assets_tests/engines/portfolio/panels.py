"""Panels of several symbols for tests: gaps, late listings, delistings, ties."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import parse_feature

HOUR = 3_600_000_000
BARS_PER_SESSION = 4
VOLATILITY = parse_feature("realized_volatility").column
BETA = parse_feature("roc").column  # which feature it is does not matter here


def sleeve_at(
    symbol: str,
    times: npt.NDArray[np.int64],
    close: FloatArray,
    open_: FloatArray | None = None,
    columns: Mapping[str, FloatArray] | None = None,
    multiplier: float = 1.0,
    group: str = "other",
) -> Sleeve:
    """Make bars of one symbol at some times of a timeline.

    Parameters
    ----------
    times
        Places on the timeline: six-hour bars, four of them a session.
    close, open_
        One price a bar; the open is the close before where it is left out.
    """
    before = np.concatenate([close[:1], close[:-1]])
    start = before if open_ is None else open_
    return Sleeve(
        symbol=symbol,
        ts=times * 6 * HOUR,
        session=(times // BARS_PER_SESSION).astype(np.int32),
        open=start,
        high=np.maximum(start, close),
        low=np.minimum(start, close),
        close=close,
        volume=np.ones(len(times)),
        vwap=close,
        columns=columns or {},
        multiplier=multiplier,
        group=group,
    )


def random_panel(seed: int, n_symbols: int, n_times: int) -> list[Sleeve]:
    """Make symbols with missing bars, some listed late or delisted, some halted.

    Scores are rounded, so that several symbols have the same.
    """
    draw = np.random.default_rng(seed)
    sleeves = []
    for number in range(n_symbols):
        first = int(draw.integers(0, n_times // 2)) * int(draw.integers(0, 2))
        last = n_times - int(draw.integers(0, n_times // 2)) * int(draw.integers(0, 2))
        present = draw.random(n_times) < draw.choice([1.0, 0.9, 0.5])
        halt = int(draw.integers(0, n_times))
        present[halt : halt + int(draw.integers(0, 6))] = False
        times = np.flatnonzero(present)
        times = times[(times >= first) & (times < max(last, first + 2))]
        if not len(times):
            times = np.array([first])
        move = np.exp(np.cumsum(draw.normal(0, 0.03, n_times)))
        close = np.round(draw.choice([2.0, 30.0, 400.0]) * move, 2) + 0.01
        open_ = np.round(close * np.exp(draw.normal(0, 0.01, n_times)), 2) + 0.01
        score = np.round(draw.normal(0, 1, n_times), int(draw.integers(0, 2)))
        score[draw.random(n_times) < 0.1] = np.nan
        risk = np.round(draw.uniform(0.0, 0.3, n_times), 2)
        sleeves.append(
            sleeve_at(
                f"S{number}",
                times.astype(np.int64),
                close[times],
                open_[times],
                {
                    "forecast": score[times],
                    VOLATILITY: risk[times],
                    BETA: draw.normal(0.6, 0.8, n_times).round(1)[times],
                },
                float(draw.choice([1.0, 1.0, 1.0, 10.0])),
                str(draw.choice(["tech", "banks", "other"])),
            )
        )
    return sleeves


def with_random_liquidity(sleeves: Sequence[Sleeve], seed: int) -> list[Sleeve]:
    """Give symbols volumes, half spreads, and impact scales that differ by session.

    Some are 0, and some volumes unknown.
    """
    draw = np.random.default_rng([seed, 1])
    found = []
    for sleeve in sleeves:
        n = int(sleeve.session[-1]) + 1
        scale = draw.choice([0.0, 1e-5, 1e-3, 0.1]) * draw.integers(0, 4, n)
        volume = draw.choice([0.0, 7.0, 90.0, 2_500.0, 1e6, np.nan], len(sleeve))
        quoted = draw.choice([0.0, 2e-4, 0.03], len(sleeve))
        own = {"impact": scale[sleeve.session], "volume": volume, "quoted": quoted}
        found.append(dataclasses.replace(sleeve, **own))
    return found
