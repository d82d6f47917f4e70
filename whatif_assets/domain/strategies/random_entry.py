"""Trade at random: a placebo that every strategy should beat."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Mapping

import numpy as np
import numpy.typing as npt
from pydantic import Field

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.settings import LARGEST_SEED
from whatif_assets.domain.strategies.rule import (
    LONG,
    NEUTRAL,
    SHORT,
    TradingRule,
)
from whatif_assets.domain.strategies.settings import RuleSettings


class RandomEntrySettings(RuleSettings):
    """Settings of `random_entry`."""

    probability: float = Field(
        default=0.05, ge=0, le=1, description="Probability of a signal at each bar."
    )
    seed: int = Field(
        default=1, ge=0, le=LARGEST_SEED, description="Seed of the random signals."
    )


class RandomEntry(TradingRule[RandomEntrySettings]):
    """Long or short with equal probability, on a random part of the bars.

    The line ``draw`` has one number in [0, 1) per bar. The number depends only on the
    seed, the symbol and the time of the bar, not on other bars or symbols.
    """

    Settings = RandomEntrySettings
    role = "placebo"

    @classmethod
    def own_lines(
        cls, sleeve: Sleeve, settings: RandomEntrySettings
    ) -> dict[str, FloatArray]:
        """Draw the random numbers of the line ``draw``."""
        return {"draw": draws(settings.seed, sleeve.symbol, sleeve.ts)}

    def signal(self) -> int:
        """Long at the upper end of the range of draws, short at the lower end."""
        draw, half = self.data.draw[0], self.settings.probability / 2
        if draw < half:
            return SHORT
        return LONG if draw >= 1 - half else NEUTRAL

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: RandomEntrySettings
    ) -> FloatArray:
        """Return the draws unchanged."""
        return lines["draw"]

    @classmethod
    def thresholds(cls, settings: RandomEntrySettings) -> tuple[float, float]:
        """Return the limits of both ends; the upper limit itself means long."""
        half = settings.probability / 2
        return math.nextafter(1 - half, 0.0), half

    @classmethod
    def series_key(cls, settings: RandomEntrySettings) -> Hashable:
        """Return the seed."""
        return settings.seed


def draws(seed: int, symbol: str, ts: npt.NDArray[np.int64]) -> FloatArray:
    """Draw a uniform number in [0, 1) for each time.

    Parameters
    ----------
    seed, symbol
        Identify the sequence.
    ts
        n int64 times in microseconds since 1970-01-01 UTC. Each number depends on its
        own time alone.

    Returns
    -------
    numpy.ndarray
        n float64, multiples of 2**-53.
    """
    name = hashlib.blake2b(f"{seed} {symbol}".encode(), digest_size=8).digest()
    key = np.frombuffer(name, dtype="<u8")
    return np.asarray(
        (mix(mix(ts.astype(np.uint64)) ^ key) >> np.uint64(11)) * 2.0**-53
    )


def mix(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hash 64-bit numbers elementwise with one step of the SplitMix64 generator.

    References
    ----------
    Steele, Lea, Flood: Fast splittable pseudorandom number generators,
    OOPSLA 2014 (SplitMix64).
    """
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
