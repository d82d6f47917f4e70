"""The verdict: whether the best configuration is better, or was lucky.

The rule
--------
A winner is **likely real** if all of these hold.

1. No placebo does as well in the metric that ranks.
2. It earned something, after costs.
3. What it earned beyond its share of buy-and-hold is more than the best of all trials
   ever made would show by luck with a probability of 5 % (``winner_p_alpha``).
4. That edge survives a loss which the sample has not shown and does not exclude.
5. It did not lose in the holdout, if that was opened.
6. There are at least 20 out-of-sample sessions.

It is called **an edge that ended** if all of these hold, but the edge fell within the
sample and nothing is left of it. What would be likely real is **withheld** where
something that the verdict rests on is not known: trials that are missing in the ledger,
or an account that does not reconcile.

Otherwise it is called **sample too short** if more independent trials were made than
the sessions support, or there are fewer than 20, since then hardly any edge could
have been told from luck. In all other cases it is **not distinguishable from luck**.

A winner is not even named where a placebo does as well or it earned nothing.

Why so
------
Condition 3 alone decides about luck: several tests of one question, each at 5 %, let
fewer lucky winners pass than one does, and find fewer edges. It looks at returns beyond
beta because a rule that is mostly long earns in a rising market without knowing
anything. The probability of overfitting has no say: where all variants share an edge,
which of them is best is luck, and the edge is none the less real.
"""

from __future__ import annotations

from dataclasses import dataclass

from whatif_assets.domain.selection.decision import FEWEST_SESSIONS, Headline, decide
from whatif_assets.domain.selection.evidence import Evidence
from whatif_assets.domain.selection.sentences import headline_in_words, reasons
from whatif_assets.domain.selection.statistics import Statistics


@dataclass(frozen=True, eq=False)
class Verdict:
    """What to think of the winner of a study.

    Attributes
    ----------
    headline
        In a few words, the same for all verdicts of the kind.
    in_words
        The headline with what has to be told in the same breath.
    reasons
        Sentences, the most important first.
    names_winner
        Whether there is a winner worth naming at all.
    statistics
        The figures behind it.
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
        What is known of the trials.
    seed
        Of resamples and lots; the same one gives the same verdict.
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
