"""Features for notebooks: ``from whatif_assets import features``.

>>> bars["rsi"] = features.compute(bars, "rsi", timeperiod=14)
"""

from whatif_assets.core.features import FAMILIES, FEATURES, compute, parse_feature

__all__ = ["FAMILIES", "FEATURES", "compute", "parse_feature"]
