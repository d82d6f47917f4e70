"""The verdict: whether the best configuration is better, or was lucky.

The rule
--------
A winner is **likely real** if all of these hold.

1. No placebo does as well in the metric that ranks.
2. It earned something, after costs.
3. What it earned beyond its share of buy-and-hold is more than the luckiest of all
   trials would show with a probability of 5 % (``winner_p_alpha``).
4. Its deflated Sharpe ratio is at least 0.95.
5. It did not lose in the holdout, if that was opened.
6. There are at least 20 out-of-sample sessions.

Otherwise it is called **sample too short** if more independent trials were made than
the sessions support, or there are fewer than 20, since then hardly any edge could
have been told from luck. In all other cases it is **not distinguishable from luck**.

What would be likely real is **withheld** where something that the verdict rests on is
not known: trials that are missing in the ledger, or an account that does not reconcile.

A winner is not even named where a placebo does as well or it earned nothing.

Why so
------
Conditions 3 and 4 ask the same in two ways, with different weaknesses: the bootstrap
takes the dependence between trials and between sessions as it finds it, but knows
only the trials whose returns are there; the deflated Sharpe ratio counts every trial
and allows for skewness and fat tails, but rests on an estimate of how many of them
are independent. Condition 3 looks at returns beyond beta because a rule that is
mostly long earns in a rising market without knowing anything. The probability of
overfitting has no say: where all variants share an edge, which of them is best is
luck, and the edge is none the less real.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from whatif_assets.core.selection.evidence import Evidence
from whatif_assets.core.selection.sentences import reasons
from whatif_assets.core.selection.statistics import Statistics

SIGNIFICANT = 0.05
CONFIDENT = 0.95
FEWEST_SESSIONS = 20


class Headline(str, Enum):
    """The verdict in a few words."""

    LIKELY_REAL = "likely real"
    LUCK = "not distinguishable from luck"
    TOO_SHORT = "sample too short"
    WITHHELD = "withheld"


@dataclass(frozen=True, eq=False)
class Verdict:
    """What to think of the winner of a study.

    Attributes
    ----------
    headline
        In a few words.
    reasons
        Sentences, the most important first.
    names_winner
        Whether there is a winner worth naming at all.
    statistics
        The figures behind it.
    """

    headline: Headline
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
    statistics = Statistics.of(evidence, seed=seed)
    earned = statistics.total_return > 0
    headline = _headline(statistics)
    if headline is Headline.LIKELY_REAL and evidence.withheld:
        headline = Headline.WITHHELD
    needed = FEWEST_SESSIONS if headline is Headline.TOO_SHORT else None
    return Verdict(
        headline=headline,
        reasons=tuple(reasons(evidence, statistics, needed)),
        names_winner=earned and not statistics.placebos_above,
        statistics=statistics,
    )


def _headline(of: Statistics) -> Headline:
    passed = (
        not of.placebos_above
        and of.total_return > 0
        and of.winner_p_alpha <= SIGNIFICANT
        and of.deflated_sharpe >= CONFIDENT
        and not of.holdout_total_return < 0
    )
    if passed and of.sessions >= FEWEST_SESSIONS:
        return Headline.LIKELY_REAL
    return Headline.TOO_SHORT if _is_short(of) else Headline.LUCK


def _is_short(of: Statistics) -> bool:
    many = of.effective_trials > max(of.supported_trials, 1.0)
    return many or of.sessions < FEWEST_SESSIONS
