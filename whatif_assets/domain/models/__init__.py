"""Models: learning algorithms by name, and the models that they fit.

``algorithms`` holds the registry, ``trees`` and ``linear`` the algorithms,
``portable`` the fitted models, ``labels`` the labels, and ``windows`` the folds.
"""

from whatif_assets.domain.models.algorithms import ALGORITHMS, Algorithm, parse_settings
from whatif_assets.domain.models.portable import Forest, Linear, Model

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "Forest",
    "Linear",
    "Model",
    "parse_settings",
]
