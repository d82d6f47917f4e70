"""The shape of what somebody traded: sizes, exposure, turnover and holding times.

It is measured from fills, so that the same trades have the same shape, whoever made
them and whatever their settings are called. A trader at random has the shape, and not
the times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.book import Book
from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.result import Job, gathered
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray

_SAME = 1e-9  # how far sizes may lie apart that count as one


@dataclass(frozen=True, eq=False)
class Shape:
    """What was held on each sleeve, bar by bar.

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
        """How often what is held changes."""
        return sum(
            int(np.count_nonzero(np.diff(held, prepend=0.0))) for held in self.held
        )

    @property
    def size(self) -> dict[str, Any]:
        """Size of positions as the settings of a rule: shares, or else money.

        Shares where all positions had the same number of them at most, else the median
        of the money that a position was opened for; empty where nothing was traded.
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
        """Whether nothing was ever held from one session to the next."""
        return all(
            len(held) > len(sleeve.last_bars()[1])
            and not held[sleeve.last_bars()[1]].any()
            for sleeve, held in zip(self.sleeves, self.held)
            if len(sleeve)
        )

    def at_random(self, seed: int) -> list[FloatArray]:
        """Hold the same at other times.

        Symbols keep what they have in common: all are moved alike. What is held over
        night is moved round the whole window; what is not, to other sessions and to
        other times of them. A position keeps the money that it was opened for.

        Parameters
        ----------
        seed
            Draws the times; another one draws others.
        """
        draw = np.random.default_rng([seed, 15])
        sources = self._sources_within(draw) if self.within_sessions else None
        if sources is None:
            # Not by so little that it is about the same.
            by = draw.uniform(0.15, 0.85)
            sources = [
                (np.arange(len(held)) - int(by * len(held))) % max(len(held), 1)
                for held in self.held
            ]
        parts = zip(self.sleeves, self.held, sources)
        return [_moved(sleeve, held, source) for sleeve, held, source in parts]

    def _sources_within(self, draw: np.random.Generator) -> list[npt.NDArray[np.int64]]:
        """For each bar the bar of another session whose position it takes, or -1."""
        last = max(int(sleeve.session[-1]) for sleeve in self.sleeves if len(sleeve))
        other = draw.permutation(last + 1)
        busy = [_busy(s, h, last + 1) for s, h in zip(self.sleeves, self.held)]
        stop = np.max([span[1] for span in busy], axis=0)
        first = np.where(stop > 0, np.min([span[0] for span in busy], axis=0), 0)
        places = [_places(sleeve, last + 1) for sleeve in self.sleeves]
        bars = np.max([count for *_, count in places], axis=0)
        # What is held must fit in between the first bar and the last.
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
    made = run.bars if run.made is None else run.made
    change = np.bincount(made, weights=run.sizes, minlength=bars)[:bars]
    # Sums of fractions of a share leave a trace where nothing is held.
    held = np.cumsum(change)
    trace = _SAME * np.abs(run.sizes).max(initial=0.0)
    return np.where(np.abs(held) <= trace, 0.0, held)


def _positions(held: FloatArray) -> tuple[npt.NDArray[np.int64], ...]:
    """First bar of each position, and the bar after its last."""
    edges = np.flatnonzero(np.diff(np.sign(held), prepend=0.0, append=0.0))
    is_held = held[edges[:-1]] != 0
    return edges[:-1][is_held], edges[1:][is_held]


def _places(sleeve: Sleeve, sessions: int) -> tuple[Any, Any, Any]:
    """Place of each bar in its session; first bar and number of bars of sessions."""
    count = np.bincount(sleeve.session, minlength=sessions)
    begins = np.concatenate([[0], np.cumsum(count)[:-1]])
    return np.arange(len(sleeve)) - begins[sleeve.session], begins, count


def _busy(sleeve: Sleeve, held: FloatArray, sessions: int) -> tuple[Any, Any]:
    """First place of each session at which something is held, and that after the last.

    Where nothing is held it begins with the number of bars, and ends at 0.
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
    """Hold what was held at other bars, each position for the money it had."""
    if not len(held):
        return held.copy()
    moved = np.where(source >= 0, held[source], 0.0)
    first, stop = _positions(moved)
    was, now = sleeve.open[source[first]], sleeve.open[first]
    worth = np.ones(len(first))
    np.divide(was, now, out=worth, where=now != 0)
    inside = moved != 0
    moved[inside] *= np.repeat(np.abs(worth), stop - first)
    return moved


def traded(sleeve: Sleeve, held: FloatArray, variant: Variant) -> Run:
    """Trade so that something is held in each bar: orders fill at its open.

    Parameters
    ----------
    held
        Units to hold during each bar.
    variant
        Cash and costs.

    Returns
    -------
    Run
        As an engine gives it; no order is refused for want of cash.
    """
    change = np.diff(held, prepend=0.0)
    made = np.flatnonzero(change)
    sizes = change[made]
    slip = variant.costs.slippage_bps / 1e4 * np.sign(sizes)
    prices = sleeve.open[made] + np.abs(sleeve.open[made]) * slip
    per_point = np.full(len(made), sleeve.multiplier)
    book = Book(made, sizes, prices, per_point)
    unpaid, owed = book.interest(sleeve, variant.costs)
    closing, opening = book.commissions(variant.costs)
    closing = closing + owed
    gains = book.gains(sleeve, sleeve.last_bars()[1], closing + opening, unpaid)
    return Run(
        equity=variant.cash + gains,
        bars=made,
        sizes=sizes,
        prices=prices,
        commissions=closing + opening,
        values_traded=book.values,
        multipliers=per_point,
        closing=closing,
        rejected=0,
    )


def trade_at_random(
    shape: Shape, variant: Variant, seed: int, sessions: int
) -> Accounts:
    """Run a trader of some shape that trades at random times."""
    runs = {
        (variant.id, sleeve.symbol): traded(sleeve, held, variant)
        for sleeve, held in zip(shape.sleeves, shape.at_random(seed))
    }
    return gathered(shape.sleeves, [variant], runs, sessions).accounts
