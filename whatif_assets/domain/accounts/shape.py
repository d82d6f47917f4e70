"""The shape of a variant's trading: sizes, exposure, turnover and holding times.

The shape is measured from fills, so that the same trades have the same shape whatever
strategy and settings made them. A random trader has the same shape, but trades at other
times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.book import Book
from whatif_assets.domain.accounts.impact import slippage_of_market_orders
from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.result import Job, collect_runs
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray

_SAME = 1e-9  # relative difference below which sizes count as equal


@dataclass(frozen=True, eq=False)
class Shape:
    """Positions on each sleeve, bar by bar.

    Attributes
    ----------
    sleeves
        The bars.
    held
        Units held during each bar of each sleeve, negative for a short position.
    """

    sleeves: tuple[Sleeve, ...]
    held: tuple[FloatArray, ...]

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> Shape:
        """Measure the shape of one variant's jobs, one for each sleeve."""
        return cls(
            tuple(sleeve for _, sleeve, _ in jobs),
            tuple(_held(run, len(sleeve)) for _, sleeve, run in jobs),
        )

    @property
    def fills(self) -> int:
        """Number of changes of position."""
        return sum(
            int(np.count_nonzero(np.diff(held, prepend=0.0))) for held in self.held
        )

    @property
    def size(self) -> dict[str, Any]:
        """Size of positions, as settings of a rule: ``size`` or ``notional``.

        ``size`` in shares where the largest size of all positions is the same, else
        ``notional``: the median value at which positions were opened. Empty where
        nothing was traded.
        """
        most, money = [], []
        for sleeve, held in zip(self.sleeves, self.held):
            for first, stop in zip(*_positions(held)):
                most.append(float(np.abs(held[first:stop]).max()))
                opened = held[first] * sleeve.open[first] * sleeve.multiplier
                money.append(abs(float(opened)))
        if not most:
            return {}
        if max(most) - min(most) <= _SAME * max(most):
            whole = float(most[0]).is_integer()
            return {"size": int(most[0]) if whole else most[0]}
        return {"notional": float(np.median(money))}

    @property
    def within_sessions(self) -> bool:
        """Whether no position was ever held overnight."""
        return all(
            len(held) > len(sleeve.last_bars()[1])
            and not held[sleeve.last_bars()[1]].any()
            for sleeve, held in zip(self.sleeves, self.held)
            if len(sleeve)
        )

    def at_random(self, seed: int) -> list[FloatArray]:
        """Hold the same positions at other, random times.

        All symbols are moved alike, so that they stay as related as they were. If any
        position is held overnight, all positions are rotated through the whole window.
        Otherwise positions are moved to other sessions and other times of day. Each
        position keeps the value at which it was opened.

        Parameters
        ----------
        seed
            Seed of the random times.

        Returns
        -------
        list of numpy.ndarray
            Units held during each bar, one array for each sleeve.
        """
        draw = np.random.default_rng([seed, 15])
        sources = self._sources_within(draw) if self.within_sessions else None
        if sources is None:
            # A small rotation would leave the positions nearly unchanged.
            by = draw.uniform(0.15, 0.85)
            sources = [
                (np.arange(len(held)) - int(by * len(held))) % max(len(held), 1)
                for held in self.held
            ]
        parts = zip(self.sleeves, self.held, sources)
        return [_moved(sleeve, held, source) for sleeve, held, source in parts]

    def _sources_within(self, draw: np.random.Generator) -> list[npt.NDArray[np.int64]]:
        """For each bar, find the bar of another session to copy from, or -1."""
        last = max(int(sleeve.session[-1]) for sleeve in self.sleeves if len(sleeve))
        other = draw.permutation(last + 1)
        busy = [_busy(s, h, last + 1) for s, h in zip(self.sleeves, self.held)]
        stop = np.max([span[1] for span in busy], axis=0)
        first = np.where(stop > 0, np.min([span[0] for span in busy], axis=0), 0)
        places = [_places(sleeve, last + 1) for sleeve in self.sleeves]
        bars = np.max([count for *_, count in places], axis=0)
        # The positions of a session must fit between its first and its last bar.
        room = np.maximum(bars - 1 - (stop - first)[other], 0)
        starts = np.floor(draw.random(last + 1) * (room + 1)).astype(np.int64)
        shift = first[other] - starts
        found = []
        for sleeve, (place, begins, count) in zip(self.sleeves, places):
            source = place + shift[sleeve.session]
            there = other[sleeve.session]
            inside = (source >= 0) & (source < count[there])
            closing = place == count[sleeve.session] - 1
            kept = inside & ~closing
            found.append(np.where(kept, begins[there] + source, -1))
        return found


def _held(run: Run, bars: int) -> FloatArray:
    """Units held during each bar."""
    made = run.bars if run.made is None else run.made
    change = np.bincount(made, weights=run.sizes, minlength=bars)[:bars]
    # Sums of fractions of a share are not exactly 0 after a position is closed.
    held = np.cumsum(change)
    rounding = _SAME * np.abs(run.sizes).max(initial=0.0)
    return np.where(np.abs(held) <= rounding, 0.0, held)


def _positions(held: FloatArray) -> tuple[npt.NDArray[np.int64], ...]:
    """First bar of each position, and the bar after its last bar."""
    edges = np.flatnonzero(np.diff(np.sign(held), prepend=0.0, append=0.0))
    is_held = held[edges[:-1]] != 0
    return edges[:-1][is_held], edges[1:][is_held]


def _places(sleeve: Sleeve, sessions: int) -> tuple[Any, Any, Any]:
    """Place of each bar in its session; first bar and bar count of each session."""
    count = np.bincount(sleeve.session, minlength=sessions)
    begins = np.concatenate([[0], np.cumsum(count)[:-1]])
    return np.arange(len(sleeve)) - begins[sleeve.session], begins, count


def _busy(sleeve: Sleeve, held: FloatArray, sessions: int) -> tuple[Any, Any]:
    """First place in each session with a position, and the place after the last one.

    A session without a position has its number of bars as first place, and 0 as last.
    """
    place, _, count = _places(sleeve, sessions)
    first, stop = count.copy(), np.zeros(sessions, dtype=np.int64)
    busy = held != 0
    np.minimum.at(first, sleeve.session[busy], place[busy])
    np.maximum.at(stop, sleeve.session[busy], place[busy] + 1)
    return first, stop


def _moved(
    sleeve: Sleeve, held: FloatArray, source: npt.NDArray[np.int64]
) -> FloatArray:
    """Copy positions from other bars, each resized to its original value."""
    if not len(held):
        return held.copy()
    moved = np.where(source >= 0, held[source], 0.0)
    first, stop = _positions(moved)
    was, now = sleeve.open[source[first]], sleeve.open[first]
    ratio = np.ones(len(first))
    np.divide(was, now, out=ratio, where=now != 0)
    inside = moved != 0
    moved[inside] *= np.repeat(np.abs(ratio), stop - first)
    return moved


def run_positions(sleeve: Sleeve, held: FloatArray, variant: Variant) -> Run:
    """Trade given positions: orders fill at the open of each bar.

    Parameters
    ----------
    sleeve
        The bars.
    held
        Units to hold during each bar.
    variant
        Cash and costs.

    Returns
    -------
    Run
        The same as from an engine, but no order is rejected for lack of cash.
    """
    change = np.diff(held, prepend=0.0)
    made = np.flatnonzero(change)
    sizes = change[made]
    per_point = np.full(len(made), sleeve.multiplier)
    slippage = slippage_of_market_orders(sleeve, variant.costs, made, sizes)
    prices = sleeve.open[made] + np.abs(sleeve.open[made]) * slippage * np.sign(sizes)
    book = Book(made, sizes, prices, per_point)
    unpaid, owed = book.interest(sleeve, variant.costs)
    closing, opening = book.commissions(variant.costs)
    closing = closing + owed
    last, charged = sleeve.last_bars()[1], closing + opening
    gains = book.gains(sleeve, last, charged, unpaid)
    gains += book.earned(sleeve, variant.cash, variant.costs, charged, unpaid)[last]
    return Run(
        equity=variant.cash + gains,
        bars=made,
        sizes=sizes,
        prices=prices,
        commissions=charged,
        values_traded=book.values,
        multipliers=per_point,
        slippage=slippage,
        closing=closing,
        rejected=0,
    )


def trade_at_random(
    shape: Shape, variant: Variant, seed: int, sessions: int
) -> Accounts:
    """Run a random trader that has a given shape.

    Parameters
    ----------
    shape
        Positions whose times are replaced by random ones.
    variant
        Id, cash and costs.
    seed
        Seed of the random times.
    sessions
        Number of sessions of the backtest.
    """
    runs = {
        (variant.id, sleeve.symbol): run_positions(sleeve, held, variant)
        for sleeve, held in zip(shape.sleeves, shape.at_random(seed))
    }
    return collect_runs(shape.sleeves, [variant], runs, sessions).accounts
