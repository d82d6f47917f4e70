"""Features: columns computed at each bar from the bars up to that bar.

``indicators`` contains the feature functions by family and the registry ``FEATURES``;
``function`` defines a feature function, ``feature`` a feature with its arguments;
``sessions`` computes the features of single sessions, locally or on Spark;
``cross_sections`` completes features across symbols.
"""

from whatif_assets.domain.features.bar_columns import PRICES
from whatif_assets.domain.features.computing import (
    compute,
    compute_features,
    with_other_symbols,
)
from whatif_assets.domain.features.cross_sections import GROUP, per_symbol
from whatif_assets.domain.features.feature import (
    Feature,
    check_facts_read,
    check_symbols_read,
    facts_read,
    functions_of,
    parse_feature,
    symbols_read,
    warm_up,
)
from whatif_assets.domain.features.function import FeatureFunction
from whatif_assets.domain.features.indicators import FAMILIES, FEATURES
from whatif_assets.domain.features.sessions import (
    Block,
    bars_with_history,
    features_of_sessions,
    oldest_sessions_read,
    part_with_history,
    session_blocks,
    session_features,
)

__all__ = [
    "FAMILIES",
    "FEATURES",
    "GROUP",
    "PRICES",
    "Block",
    "Feature",
    "FeatureFunction",
    "bars_with_history",
    "check_facts_read",
    "check_symbols_read",
    "compute",
    "compute_features",
    "facts_read",
    "features_of_sessions",
    "functions_of",
    "oldest_sessions_read",
    "parse_feature",
    "part_with_history",
    "per_symbol",
    "session_blocks",
    "session_features",
    "symbols_read",
    "warm_up",
    "with_other_symbols",
]
