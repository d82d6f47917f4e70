"""Selection: whether the winner of a study has an edge or was lucky.

``evidence`` holds what is known about the trials of a study. ``decision`` decides on
the winner, ``statistics`` computes the figures, and ``verdict`` puts the result into
words. The tests that decide are in ``edge``, ``multiplicity``, ``stress`` and
``breaks``; further figures come from ``overfitting``, ``sharpe``, ``superiority`` and
``intervals``. Each of these modules can be read alone.
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
