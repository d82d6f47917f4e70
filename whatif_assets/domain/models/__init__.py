"""Models: algorithms by name, and what they give.

``algorithms`` has the registry, ``trees`` and ``linear`` the algorithms, ``portable``
the fitted models.
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
