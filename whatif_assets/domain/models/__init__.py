"""Models: learning algorithms by name, and the models that they fit.

``algorithms`` holds the registry, other modules the algorithms by family,
``portable`` the fitted models, ``labels`` the labels, and ``windows`` the folds.
"""

from whatif_assets.domain.models.algorithms import ALGORITHMS, Algorithm, parse_settings
from whatif_assets.domain.models.portable import (
    Classifier,
    Forest,
    Linear,
    Model,
)

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "Classifier",
    "Forest",
    "Linear",
    "Model",
    "parse_settings",
]
