"""Models: algorithms by name, fitted on this machine or on Spark.

``algorithms`` has the registry, ``trees`` and ``linear`` the algorithms, ``fitting``
the fit and the search for settings, ``portable`` the fitted models.
"""

from whatif_assets.domain.models.algorithms import ALGORITHMS, Algorithm, parse_settings
from whatif_assets.domain.models.fitting import BACKENDS, fit, search
from whatif_assets.domain.models.portable import Forest, Linear, Model

__all__ = [
    "ALGORITHMS",
    "BACKENDS",
    "Algorithm",
    "Forest",
    "Linear",
    "Model",
    "fit",
    "parse_settings",
    "search",
]
