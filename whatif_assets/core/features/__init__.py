"""Features: columns computed per symbol from its bars up to each bar.

``indicators`` has the functions and the registry ``FEATURES``, ``feature`` a
feature with its arguments, ``sessions`` the computing of single sessions, here and
on Spark.
"""

from whatif_assets.core.features.feature import (
    Feature,
    compute,
    compute_features,
    parse_feature,
    warm_up,
)
from whatif_assets.core.features.indicators import FEATURES, PRICES, FeatureFunction
from whatif_assets.core.features.sessions import (
    bars_with_history,
    compute_features_spark,
    features_of_sessions,
    session_features,
)

__all__ = [
    "FEATURES",
    "PRICES",
    "Feature",
    "FeatureFunction",
    "bars_with_history",
    "compute",
    "compute_features",
    "compute_features_spark",
    "features_of_sessions",
    "parse_feature",
    "session_features",
    "warm_up",
]
