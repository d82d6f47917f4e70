"""Selection: how much of the best configuration is luck.

``evidence`` says what is known of a study's trials, ``statistics`` what follows from
it in figures, and ``verdict`` in words. The figures come from ``overfitting``,
``sharpe``, ``superiority`` and ``intervals``, each of which stands alone.
"""

from whatif_assets.core.selection.evidence import Evidence, Holdout, Placebo
from whatif_assets.core.selection.statistics import Statistics
from whatif_assets.core.selection.verdict import Headline, Verdict, judge

__all__ = [
    "Evidence",
    "Headline",
    "Holdout",
    "Placebo",
    "Statistics",
    "Verdict",
    "judge",
]
