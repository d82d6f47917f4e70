"""Labels at the horizon: the price, the return, and the return in other units."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.feature import Feature
from whatif_assets.domain.models.labels.following import Following
from whatif_assets.domain.models.labels.kind import (
    InVolatility,
    LabelKind,
    Unit,
    Values,
)
from whatif_assets.domain.models.labels.terms import Terms


class Level(LabelKind):
    """The price at the horizon."""

    @property
    def unit(self) -> Unit:
        """Prices."""
        return "price"

    def values(self, following: Following) -> Values:
        """Look up the price at the horizon."""
        return Values(following.later_price, following.ahead)

    def expected_return(
        self, label: Terms, forecasts: FloatArray, rows: pd.DataFrame
    ) -> FloatArray:
        """Divide by the price of the bar."""
        return self.changes(forecasts, rows)

    def changes(self, values: FloatArray, rows: pd.DataFrame) -> FloatArray:
        """Convert prices to returns; NaN from a price of 0 or less."""
        price = rows["price"].to_numpy(dtype=np.float64)
        return np.asarray(values / np.where(price > 0, price, np.nan) - 1)

    def without_skill(self, rows: pd.DataFrame) -> FloatArray:
        """Forecast that the price stays."""
        return rows["price"].to_numpy(dtype=np.float64)


class Return(LabelKind):
    """The price at the horizon divided by that of the bar, less 1."""

    can_be_relative: ClassVar[bool] = True

    def values(self, following: Following) -> Values:
        """Compute the return to the horizon."""
        return Values(following.gain_away, following.ahead)


class ScaledReturn(InVolatility):
    """The return to the horizon, divided by the volatility known at the bar.

    References
    ----------
    Moskowitz, Ooi and Pedersen, Time series momentum, 2012, who scale returns by the
    volatility known before them.
    """

    can_be_relative: ClassVar[bool] = True

    @property
    def unit(self) -> Unit:
        """Volatilities of a move to the horizon."""
        return "volatility"

    def values(self, following: Following) -> Values:
        """Compute the scaled return."""
        move = self.move(following.label, following.bars)
        return Values(following.gain_away / move, following.ahead)

    def expected_return(
        self, label: Terms, forecasts: FloatArray, rows: pd.DataFrame
    ) -> FloatArray:
        """Multiply by the volatility."""
        return forecasts * self.move(label, rows)


class Direction(InVolatility):
    """The sign of the return to the horizon: -1, 0 or 1."""

    can_be_relative: ClassVar[bool] = True
    dead_band: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Returns up to this size have direction 0, in volatilities of a "
        "return to the horizon.",
    )

    @property
    def unit(self) -> Unit:
        """Classes: -1, 0 and 1."""
        return "class"

    def features(self, label: Terms) -> tuple[Feature, ...]:
        """Return the volatility, if there is a dead band."""
        return super().features(label) if self.dead_band else ()

    def values(self, following: Following) -> Values:
        """Take the sign of returns beyond the dead band."""
        gain = following.gain_away
        sign = np.sign(gain)
        if self.dead_band:
            band = self.dead_band * self.move(following.label, following.bars)
            sign = np.where(np.abs(gain) > band, sign, 0.0)
            sign[np.isnan(gain) | np.isnan(band)] = np.nan
        return Values(sign, following.ahead)
