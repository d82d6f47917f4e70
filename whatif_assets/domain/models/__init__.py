"""Models: algorithms by name, fitted on this machine or on Spark.

``algorithms`` has the registry, ``trees`` and ``linear`` the algorithms, ``fitting``
the fit and the search for settings, ``portable`` the fitted models.
"""

from whatif_assets.domain.models.algorithms import ALGORITHMS, Algorithm, parse_settings
from whatif_assets.domain.models.fitting import BACKENDS, fit, search
from whatif_assets.domain.models.portable import Forest, Linear, Model
from whatif_assets.home.models import load_model, save_model

__all__ = [
    "ALGORITHMS",
    "BACKENDS",
    "Algorithm",
    "Forest",
    "Linear",
    "Model",
    "fit",
    "load_model",
    "parse_settings",
    "save_model",
    "search",
]
