"""Labels by the barrier that later prices touch first.

References
----------
Lopez de Prado, Advances in Financial Machine Learning, 2018, chapter 3.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features.feature import Feature, parse_feature
from whatif_assets.domain.models.labels.following import Following
from whatif_assets.domain.models.labels.kind import InVolatility, Unit, Values
from whatif_assets.domain.models.labels.targets import times_of
from whatif_assets.domain.models.labels.terms import Terms
from whatif_assets.domain.models.labels.touches import PROFIT, first_touches


class Barriers(InVolatility):
    """A profit and a stop barrier, in units of volatility known at the bar."""

    reads: ClassVar[tuple[str, ...]] = ("open", "high", "low")
    profit: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="Distance of the profit barrier from the price of the bar, in "
        "volatilities of a return to the horizon.",
    )
    stop: float = Field(
        default=1.0, gt=0, le=100, description="The same for the stop barrier."
    )

    def touches(
        self, following: Following, side: FloatArray
    ) -> tuple[IntArray, Values]:
        """Find the first touch of each bar's path.

        Parameters
        ----------
        following
            The bars.
        side
            1 for a trade that gains from a rise, -1 for one that gains from a fall.

        Returns
        -------
        touched : numpy.ndarray
            `PROFIT` or `STOP`; 0 where the horizon comes first.
        gains : Values
            Return of the trade's price at the touch, or else at the horizon. A bar that
            opens beyond a barrier is left at its open. NaN without a bar at the
            horizon, a volatility or a side, whatever is touched before: labels that
            exist only where a barrier is touched would be a selection by outcome.
        """
        bars, path = following.bars, following.path()
        base = np.where(following.price > 0, following.price, np.nan) * path.basis
        move = self.move(following.label, bars)
        profit, stop = (
            base * (1 + side * width * move) for width in (self.profit, -self.stop)
        )
        opens, high, low = (
            (bars[name].to_numpy(dtype=np.float64) * path.basis)[path.order]
            for name in self.reads
        )
        at, touched = first_touches(
            high, low, profit, stop, side, path.first, path.last
        )
        opened = np.append(opens, np.nan)[at]
        # The better price of the two for the profit, the worse one for the stop.
        left = np.where(
            touched == PROFIT,
            side * np.maximum(side * profit, side * opened),
            side * np.minimum(side * stop, side * opened),
        )
        gain = np.where(touched == 0, following.gain, left / base - 1.0)
        known = following.exists & ~np.isnan(profit) & (side != 0)
        gain = np.where(known, gain, np.nan)
        ends = times_of(bars["ts"])[np.append(path.order, 0)[at]]
        return touched, Values(gain, np.where(known, ends, np.datetime64("NaT")))


class TripleBarrier(Barriers):
    """Which of profit, stop and time comes first: 1, -1 or 0."""

    value: Literal["side", "return"] = Field(
        default="side",
        description="side: 1, -1 or 0. return: the return at the first barrier.",
    )

    @property
    def unit(self) -> Unit:
        """Classes, or returns."""
        return "class" if self.value == "side" else "return"

    @property
    def forecasts_returns(self) -> bool:
        """No: even a forecast return ends at a barrier, not at the horizon."""
        return False

    def values(self, following: Following) -> Values:
        """Tell which barrier is touched first, or the return there."""
        touched, gains = self.touches(following, np.ones(len(following.bars)))
        if self.value == "return":
            return gains
        sides = np.where(np.isnan(gains.label), np.nan, touched.astype(np.float64))
        return Values(sides, gains.ends)


class MetaLabel(Barriers):
    """Whether a trade whose side is known reaches its profit first: 1 or 0."""

    side: str | dict[str, Any] = Field(
        description="Feature whose sign is the side of the trade, written like those "
        "of `features`. Bars where it is 0 or not known have no label.",
    )

    @field_validator("side", mode="before")
    @classmethod
    def _feature(cls, value: Any) -> str:
        """Write equal features as the same text."""
        try:
            return parse_feature(value).text
        except BadInput as error:
            raise ValueError(str(error)) from None

    @property
    def unit(self) -> Unit:
        """Classes: 0 and 1."""
        return "class"

    def features(self, label: Terms) -> tuple[Feature, ...]:
        """Return the volatility, and the feature with the side."""
        return (*super().features(label), parse_feature(self.side))

    def sides(self, rows: pd.DataFrame) -> FloatArray:
        """Return the side of the trade at each row: 1, -1 or 0; NaN if not known."""
        column = parse_feature(self.side).column
        return np.asarray(np.sign(rows[column].to_numpy(dtype=np.float64)))

    def values(self, following: Following) -> Values:
        """Tell whether the profit comes first."""
        side = self.sides(following.bars)
        touched, gains = self.touches(following, side)
        reached = np.where(np.isnan(gains.label), np.nan, touched == PROFIT)
        return Values(reached, gains.ends)

    def expected_return(
        self, label: Terms, forecasts: FloatArray, rows: pd.DataFrame
    ) -> FloatArray:
        """Give the forecast, which is a probability, the side of the trade."""
        return forecasts * self.sides(rows)
