"""The line of returns on forecasts, from rows that are seen part by part."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray


@dataclass(frozen=True)
class Moments:
    """Moments of pairs of a forecast and a return.

    Attributes
    ----------
    number
        Number of pairs.
    mean_forecast, mean_return
        Means; 0 without a pair.
    forecast_squares, products
        Sums of squares of forecasts, and of products with returns, about the means.
    """

    number: int = 0
    mean_forecast: float = 0.0
    mean_return: float = 0.0
    forecast_squares: float = 0.0
    products: float = 0.0

    @classmethod
    def of(cls, forecasts: FloatArray, returns: FloatArray) -> Moments:
        """Compute the moments of rows; rows with a NaN are left out."""
        known = np.isfinite(forecasts) & np.isfinite(returns)
        x, y = forecasts[known], returns[known]
        if not len(x):
            return cls()
        # Relative to the first value, so that equal forecasts give exactly 0.
        away = x - x[0]
        away, mean = away - away.mean(), float(y.mean())
        squares, products = float(away @ away), float(away @ (y - mean))
        return cls(len(x), float(x.mean()), mean, squares, products)

    def with_more(self, other: Moments) -> Moments:
        """Combine with the moments of further rows.

        References
        ----------
        Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for
        computing sample variances, 1979.
        """
        if not (self.number and other.number):
            return self if self.number else other
        number = self.number + other.number
        part = other.number / number
        of_forecast = other.mean_forecast - self.mean_forecast
        of_return = other.mean_return - self.mean_return
        weight = self.number * part
        return Moments(
            number,
            self.mean_forecast + of_forecast * part,
            self.mean_return + of_return * part,
            self.forecast_squares + other.forecast_squares + of_forecast**2 * weight,
            self.products + other.products + of_forecast * of_return * weight,
        )

    def line(self) -> tuple[float, float]:
        """Return slope and intercept of returns on forecasts by least squares.

        The slope is 1 and the intercept 0 if forecasts are right on average, whatever
        their size. NaN with fewer than three pairs, or if forecasts do not vary.
        """
        if self.number < 3 or not self.forecast_squares > 0:
            return math.nan, math.nan
        slope = self.products / self.forecast_squares
        return slope, self.mean_return - slope * self.mean_forecast


def combined(parts: Iterable[Moments]) -> Moments:
    """Combine the moments of parts, in their order."""
    return functools.reduce(Moments.with_more, parts, Moments())
