"""The verdict: whether the winner of a study has an edge or was lucky.

The rule
--------
A winner is **likely real** if all of these hold.

1. No placebo does as well in the ranking metric.
2. The winner earned something, after costs.
3. Its edge beyond its beta to buy-and-hold is significant: by luck alone, the best of
   all trials ever made shows such an edge with a probability of at most 5 %
   (``winner_p_alpha``).
4. The edge survives a loss that did not occur in the sample but cannot be ruled out.
5. The winner did not lose in the holdout, if the holdout was opened.
6. There are at least 20 out-of-sample sessions.

The verdict is **an edge that ended** if luck is an unlikely explanation of the whole
sample, or of the part before a break, but no edge is left after the break; conditions
1, 2 and 6 must hold. A verdict of likely real, or of an edge that ended, is
**withheld** if something that it rests on is not known: for example, trials are missing
from the ledger, or an account does not reconcile.

Otherwise the verdict is **sample too short** if more independent trials were made than
the sessions support, or if there are fewer than 20 sessions: hardly any edge could have
been distinguished from luck then. In all other cases it is **not distinguishable from
luck**.

No winner is named if a placebo does as well, or if the winner earned nothing.

Reasons for the rule
--------------------
Condition 3 alone decides about luck: several tests of one question, each at 5 %, let
fewer lucky winners pass than one test does, but find fewer edges. Condition 3 uses
returns beyond beta because a rule that is mostly long earns in a rising market without
any skill. The probability of overfitting does not count: where all variants share an
edge, it is luck which of them is best, and the edge is still real.
"""

from __future__ import annotations

from dataclasses import dataclass

from whatif_assets.domain.selection.decision import FEWEST_SESSIONS, Headline, decide
from whatif_assets.domain.selection.evidence import Evidence
from whatif_assets.domain.selection.sentences import headline_in_words, reasons
from whatif_assets.domain.selection.statistics import Statistics


@dataclass(frozen=True, eq=False)
class Verdict:
    """The verdict on the winner of a study.

    Attributes
    ----------
    headline
        The verdict as one of a few fixed phrases.
    in_words
        The headline with the limits that apply, such as a small number of sessions.
    reasons
        Sentences that explain the verdict, the most important first.
    names_winner
        Whether a winner is named: it earned something and beats all placebos.
    statistics
        The figures behind the verdict.
    """

    headline: Headline
    in_words: str
    reasons: tuple[str, ...]
    names_winner: bool
    statistics: Statistics


def judge(evidence: Evidence, *, seed: int = 0) -> Verdict:
    """Judge the winner of a study.

    Parameters
    ----------
    evidence
        What is known about the trials.
    seed
        Seed of the random draws; the same seed gives the same verdict.
    """
    decision = decide(evidence, seed=seed)
    statistics = Statistics.of(decision, seed=seed)
    headline = decision.headline
    needed = FEWEST_SESSIONS if headline is Headline.TOO_SHORT else None
    return Verdict(
        headline=headline,
        in_words=headline_in_words(headline, evidence, statistics),
        reasons=tuple(reasons(evidence, statistics, needed)),
        names_winner=decision.names_winner,
        statistics=statistics,
    )
