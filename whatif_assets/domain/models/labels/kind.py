"""What every kind of label has: settings, what it reads, and how it is computed."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray, Times
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.features.feature import Feature, parse_feature
from whatif_assets.domain.models.labels.following import Following
from whatif_assets.domain.models.labels.terms import Terms

Unit = Literal["price", "return", "volatility", "class"]
VOLATILITY = "realized_volatility"
WINDOW = 20


@dataclass(frozen=True, eq=False)
class Values:
    """Values of a label, and until when each of them reads the future.

    Attributes
    ----------
    label
        One value per bar; NaN where there is none.
    ends
        Start of the last bar that each value depends on; UTC.
    """

    label: FloatArray
    ends: Times


class LabelKind(Settings):
    """A kind of label: its fields are settings that a study writes beside ``kind``.

    A label of a bar may read what the bar and earlier bars know, and later bars up to
    the end that it states, at most the bar at the horizon. The leak gate changes the
    bars after that end, and refuses a kind whose labels change with them.
    """

    # Whether the mean of other symbols can be subtracted.
    can_be_relative: ClassVar[bool] = False
    # Columns of bars that are read, beside the label's price.
    reads: ClassVar[tuple[str, ...]] = ()

    @property
    def unit(self) -> Unit:
        """The unit of values and forecasts; classes are numbers such as -1, 0 and 1."""
        return "return"

    @property
    def has_classes(self) -> bool:
        """Whether values are classes."""
        return self.unit == "class"

    @property
    def forecasts_returns(self) -> bool:
        """Whether `expected_return` is a return to the horizon, and no mere score."""
        return not self.has_classes

    def features(self, label: Terms) -> tuple[Feature, ...]:
        """Return the features that the label reads of its own bar."""
        return ()

    @abstractmethod
    def values(self, following: Following) -> Values:
        """Compute the label of every bar."""

    def expected_return(
        self, label: Terms, forecasts: FloatArray, rows: pd.DataFrame
    ) -> FloatArray:
        """Convert forecasts of the label to what strategies read.

        Parameters
        ----------
        label
            The label.
        forecasts
            One forecast per row.
        rows
            ``price``, and the columns of `features`, of each row.

        Returns
        -------
        numpy.ndarray
            Returns or scores: above 0 for a rise, below 0 for a fall. NaN where a
            column that it needs is NaN.
        """
        return forecasts

    def changes(self, values: FloatArray, rows: pd.DataFrame) -> FloatArray:
        """Convert labels or forecasts to what can be correlated: prices to returns."""
        return values

    def without_skill(self, rows: pd.DataFrame) -> FloatArray:
        """Forecast without a model: no change, or of classes their mean.

        Parameters
        ----------
        rows
            ``price`` and ``label`` of rows; NaN where the label is not known.
        """
        mean = float(rows["label"].mean()) if self.has_classes else 0.0
        return np.full(len(rows), mean)


class InVolatility(LabelKind):
    """A kind of label that measures moves in units of volatility."""

    volatility_window: int = Field(
        default=WINDOW,
        ge=2,
        le=10_000,
        description="Number of past bars over which the volatility is measured.",
    )

    def features(self, label: Terms) -> tuple[Feature, ...]:
        """Return the volatility of past bars."""
        arguments = {"timeperiod": self.volatility_window, "price": label.price}
        return (parse_feature({VOLATILITY: arguments}),)

    def move(self, label: Terms, rows: pd.DataFrame) -> FloatArray:
        """Compute the volatility of a move to the horizon, known at each bar.

        That of ``volatility_window`` bars is scaled by the root of time. NaN where it
        is 0 or not known.
        """
        (feature,) = InVolatility.features(self, label)
        past = rows[feature.column].to_numpy(dtype=np.float64)
        scaled = past * np.sqrt(label.horizon / self.volatility_window)
        return np.where(scaled > 0, scaled, np.nan)
