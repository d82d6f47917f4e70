"""Labels: what of the future a model learns to forecast.

``kinds`` has the registry, ``forward`` and ``barriers`` the kinds, ``kind`` what they
share, ``terms`` and ``definition`` the definition of a label. ``computing`` computes
labels of bars, from the bars at the horizon (``targets``) and the paths to them
(``following``).
"""

from whatif_assets.domain.models.labels.computing import label
from whatif_assets.domain.models.labels.definition import Label, parse_kind
from whatif_assets.domain.models.labels.kinds import LABELS

__all__ = ["LABELS", "Label", "label", "parse_kind"]
