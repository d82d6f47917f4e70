"""Results of a batch of variants from the compiled engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.accounts import Holding, Profits
from whatif_assets.domain.base.arrays import FloatArray

Records = npt.NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Results of the variants of a batch.

    Attributes
    ----------
    equity
        Account value at the end of each session, of shape (variants, sleeves,
        sessions), or (variants, sessions) where the sleeves are added up.
    counts
        Records of ``layout.COUNTS``, of shape (variants, sleeves).
    bars
        Number of bars of all sleeves together.
    """

    equity: FloatArray
    counts: Records
    bars: int

    @classmethod
    def added(cls, sleeves: Iterable[Outcome]) -> Outcome:
        """Add up the outcomes of the same variants on one sleeve each.

        Equal to running all these sleeves at once, to the bit, in the same order.

        Parameters
        ----------
        sleeves
            One or more; an iterator is read one by one.
        """
        others = iter(sleeves)
        first = next(others)
        equity, counts, bars = first.equity, [first.counts], first.bars
        for other in others:
            equity = equity + other.equity
            counts.append(other.counts)
            bars += other.bars
        return cls(equity, np.concatenate(counts, axis=1), bars)

    @property
    def traded(self) -> FloatArray:
        """Traded value (absolute, in money) of all fills, by variant."""
        return np.asarray(self.counts["traded"].sum(axis=1))

    @property
    def rejected(self) -> npt.NDArray[np.int64]:
        """Number of refused orders, by variant and sleeve."""
        return self.counts["rejected"].astype(np.int64)

    @property
    def profits(self) -> Profits:
        """Closed trades of all sleeves, by variant."""
        total = Profits.none(len(self.counts))
        for sleeve in range(self.counts.shape[1]):
            total += profits_in(self.counts[:, sleeve])
        return total

    @property
    def holding(self) -> Holding:
        """Bars with a position on all sleeves, by variant."""
        return Holding(
            bars=np.full(len(self.counts), self.bars, dtype=np.float64),
            exposed=np.asarray(self.counts["exposed"].sum(axis=1)),
            closed=np.asarray(self.counts["held"].sum(axis=1)),
        )


def profits_in(counts: Records) -> Profits:
    """Return the profits of closed trades on one sleeve, one row per variant."""
    count, total = counts["trades"], counts["total"]
    away = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    squares = counts["squares"] - away * total
    return Profits(
        count=count,
        wins=counts["wins"],
        mean=counts["first"] + away,
        squares=np.maximum(squares, 0.0),
        least=counts["least"],
        greatest=counts["greatest"],
    )
