"""Trade at random: the placebo that a strategy has to beat."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Mapping

import numpy as np
import numpy.typing as npt
from pydantic import Field

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
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
        default=0.05, ge=0, le=1, description="Chance that a bar gives a signal."
    )
    seed: int = Field(default=1, ge=0, description="Another seed, another history.")


class RandomEntry(TradingRule[RandomEntrySettings]):
    """Long or short with equal chance on a random part of the bars.

    The line ``draw`` holds one number in [0, 1) per bar. It depends on the seed,
    the symbol and the bar's own time, so it is the same whatever other bars or
    symbols are there.
    """

    Settings = RandomEntrySettings
    role = "placebo"

    @classmethod
    def own_lines(
        cls, sleeve: Sleeve, settings: RandomEntrySettings
    ) -> dict[str, FloatArray]:
        """Draw the numbers."""
        return {"draw": draws(settings.seed, sleeve.symbol, sleeve.ts)}

    def signal(self) -> int:
        """Long in the upper end of the draw's range, short in the lower."""
        draw, half = self.data.draw[0], self.settings.probability / 2
        if draw < half:
            return SHORT
        return LONG if draw >= 1 - half else NEUTRAL

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: RandomEntrySettings
    ) -> FloatArray:
        """Return the draws as they are."""
        return lines["draw"]

    @classmethod
    def thresholds(cls, settings: RandomEntrySettings) -> tuple[float, float]:
        """Return the two ends of the draw's range; the upper one belongs to it."""
        half = settings.probability / 2
        return math.nextafter(1 - half, 0.0), half

    @classmethod
    def series_key(cls, settings: RandomEntrySettings) -> Hashable:
        """Tell seeds apart."""
        return settings.seed


def draws(seed: int, symbol: str, ts: npt.NDArray[np.int64]) -> FloatArray:
    """Draw a uniform number in [0, 1) for each time.

    Parameters
    ----------
    seed, symbol
        Name the sequence.
    ts
        n int64 times; each number depends on its own time alone.

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
    """Scramble 64-bit numbers one by one, as one step of the generator does.

    References
    ----------
    Steele, Lea, Flood: Fast splittable pseudorandom number generators,
    OOPSLA 2014 (SplitMix64).
    """
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
