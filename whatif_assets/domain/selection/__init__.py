"""Selection: how much of the best configuration is luck.

``evidence`` says what is known of a study's trials, ``decision`` what follows from it,
``statistics`` in figures, and ``verdict`` in words. What decides comes from ``edge``,
``multiplicity``, ``stress`` and ``breaks``; further figures come from ``overfitting``,
``sharpe``, ``superiority`` and ``intervals``. Each of these can be read alone.
"""

from whatif_assets.domain.selection.decision import Decision, Headline, decide
from whatif_assets.domain.selection.evidence import Evidence, Holdout, Placebo
from whatif_assets.domain.selection.statistics import Statistics
from whatif_assets.domain.selection.verdict import Verdict, judge

__all__ = [
    "Decision",
    "Evidence",
    "Headline",
    "Holdout",
    "Placebo",
    "Statistics",
    "Verdict",
    "decide",
    "judge",
]
