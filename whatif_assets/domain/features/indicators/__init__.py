"""The feature functions by family, and the registry ``FEATURES`` of all of them.

To add a feature, write one function in the module of its family and add one line to
that module's registry.
:class:`whatif_assets.domain.features.function.FeatureFunction` describes the inputs and
the result of a function. Two more rules hold for all functions:

- A value depends only on its own bar and on earlier bars, and on no more earlier bars
  than the warm-up in the registry. A value across symbols depends only on the values of
  its own time. Indicators that accumulate from the first bar of a
  history (on-balance volume, accumulation/distribution and so on) would depend on where
  the history begins, and are therefore computed over a window.
- An undefined value is NaN, such as a division by zero because no price moved or
  nothing was traded.

Names and defaults are those of TA-Lib if it has the indicator. An indicator with
several lines has one feature per line.
"""

from whatif_assets.domain.base.registry import Registry, fault_of_type
from whatif_assets.domain.features.function import FeatureFunction
from whatif_assets.domain.features.indicators.across import ACROSS
from whatif_assets.domain.features.indicators.averages import AVERAGES
from whatif_assets.domain.features.indicators.bands import BANDS
from whatif_assets.domain.features.indicators.benchmarks import BENCHMARKS
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
    "Against another symbol": BENCHMARKS,
    "Across symbols": ACROSS,
    "Facts": FACT_FEATURES,
}
FEATURES: Registry[FeatureFunction] = Registry(
    "features",
    {name: one for family in FAMILIES.values() for name, one in family.items()},
    fault_of_type(FeatureFunction),
)
