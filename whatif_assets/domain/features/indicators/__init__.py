"""The feature functions by family, and the registry ``FEATURES`` that unites them.

A new feature is one function in the module of its family and one line in that
module's registry. What a function gets, and returns, is said in
:class:`whatif_assets.domain.features.function.FeatureFunction`; two more rules hold
for all of them:

- A value depends on its own bar and earlier ones alone, and of these on no more than
  the warm-up that the registry states. Indicators that accumulate from the first bar
  of a history (on-balance volume, accumulation/distribution and so on), whose level
  says when the history began, are therefore taken over a window.
- What is undefined (a division by zero because no price moved, nothing was traded)
  is NaN.

Names and defaults are TA-Lib's where it has the indicator. One that draws several
lines has a feature for each.
"""

from whatif_assets.domain.features.function import FeatureFunction
from whatif_assets.domain.features.indicators.averages import AVERAGES
from whatif_assets.domain.features.indicators.bands import BANDS
from whatif_assets.domain.features.indicators.directional import DIRECTIONAL
from whatif_assets.domain.features.indicators.facts import FACT_FEATURES
from whatif_assets.domain.features.indicators.momentum import MOMENTUM
from whatif_assets.domain.features.indicators.pairs import PAIRS
from whatif_assets.domain.features.indicators.prices import PRICE_FEATURES
from whatif_assets.domain.features.indicators.trend import TREND
from whatif_assets.domain.features.indicators.volume import VOLUME

__all__ = ["FAMILIES", "FEATURES"]

FAMILIES: dict[str, dict[str, FeatureFunction]] = {
    "Averages": AVERAGES,
    "Trend": TREND,
    "Directional movement": DIRECTIONAL,
    "Momentum": MOMENTUM,
    "Bands and volatility": BANDS,
    "Volume": VOLUME,
    "Prices and statistics": PRICE_FEATURES,
    "Two prices": PAIRS,
    "Facts": FACT_FEATURES,
}
FEATURES: dict[str, FeatureFunction] = {
    name: function for family in FAMILIES.values() for name, function in family.items()
}
