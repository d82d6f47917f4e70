"""The decision: whether the best of all trials is more than luck.

One question decides, at the 5 % level: if none of the trials ever made has an edge, how
likely is it that the best of them looks as good as the winner? The winner's own p-value
p (``edge``) answers the question for one trial. ``multiplicity`` estimates N, the
number of independent trials. The answer for the best of them is 1 - (1 - p)^N.

Further conditions cover what the winner's returns cannot show: whether placebos do as
well, whether a loss that did not occur in the sample would cancel the edge
(``stress``), whether the edge ended (``breaks``), and what the winner earned in the
holdout.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.breaks import Break, break_of
from whatif_assets.domain.selection.edge import Edge, edge_of
from whatif_assets.domain.selection.evidence import Evidence
from whatif_assets.domain.selection.multiplicity import effective_trials
from whatif_assets.domain.selection.sharpe import supported_trials, varies
from whatif_assets.domain.selection.stress import Stress, largest_scaled_loss, stress_of

SIGNIFICANT = 0.05
FEWEST_SESSIONS = 20
# The annual Sharpe ratio that a sample must be able to distinguish from luck. Few funds
# have reached it for years; a sample in which luck alone reaches it proves nothing.
TARGET_SHARPE = 3.0

# A break may lie between 15 % and 85 % of the sample. Of the subsamples before such a
# break, about this many are nearly independent: each is a fifth longer than the last.
_PLACES = 10


class Headline(str, Enum):
    """The verdict in a few words."""

    LIKELY_REAL = "likely real"
    ENDED = "an edge that ended"
    LUCK = "not distinguishable from luck"
    TOO_SHORT = "sample too short"
    WITHHELD = "withheld"


@dataclass(frozen=True, eq=False)
class Decision:
    """The decision on the winner of a study, with the figures that it rests on.

    Attributes
    ----------
    evidence
        What is known about the trials.
    cash, hold, alpha
        The winner's edge over cash, over buy-and-hold, and beyond its beta to
        buy-and-hold. ``alpha`` decides.
    stress
        Effect on ``alpha`` of a loss that did not occur in the sample.
    seed
        Seed of the random draws.
    """

    evidence: Evidence
    cash: Edge
    hold: Edge
    alpha: Edge
    stress: Stress
    seed: int = 0

    @functools.cached_property
    def effective_trials(self) -> float:
        """Number of independent trials; trials with equal returns count once."""
        evidence = self.evidence
        forgotten = evidence.trials_tried - len(evidence.trials)
        counted = forgotten + len(evidence.distinct)
        return effective_trials(
            evidence.distinct, evidence.hold, counted, seed=self.seed
        )

    @functools.cached_property
    def supported_trials(self) -> float:
        """Number of independent trials that this many sessions support."""
        years = self.evidence.hold.size / self.evidence.sessions_per_year
        return supported_trials(years, TARGET_SHARPE)

    @functools.cached_property
    def fall(self) -> Break:
        """The largest fall of the winner's returns beyond buy-and-hold."""
        evidence = self.evidence
        rest = beyond(evidence.trials[evidence.winner], evidence.hold)
        return break_of(rest, seed=self.seed)

    def p_value(self, edge: Edge) -> float:
        """Probability that the best of all trials shows such an edge by luck alone."""
        return of_the_best(edge.p_value, self.effective_trials)

    @property
    def names_winner(self) -> bool:
        """Whether a winner is named: it earned something and beats all placebos."""
        evidence = self.evidence
        earned = total(evidence.trials[evidence.winner])
        return earned > 0 and not evidence.placebos_above

    @property
    def was_real(self) -> bool:
        """Whether luck is an unlikely explanation of the returns before the fall.

        The number of trials is multiplied by the number of distinct places at which
        the fall could have been found, since the place was chosen from the data.
        """
        trials = _PLACES * self.effective_trials
        return of_the_best(self.fall.before.p_value, trials) <= SIGNIFICANT

    @property
    def is_short(self) -> bool:
        """Whether the sample is too short to distinguish an edge from luck."""
        many = self.effective_trials > max(self.supported_trials, 1.0)
        return many or self.evidence.hold.size < FEWEST_SESSIONS

    @property
    def headline(self) -> Headline:
        """The verdict in a few words."""
        evidence = self.evidence
        holdout = evidence.holdout.returns if evidence.holdout else np.empty(0)
        may_be_real = evidence.hold.size >= FEWEST_SESSIONS and self.names_winner
        is_real = (
            may_be_real
            and self.stress.is_survived
            and not total(holdout) < 0
            and self.alpha.p_value <= SIGNIFICANT
            and self.p_value(self.alpha) <= SIGNIFICANT
        )
        has_ended = may_be_real and self.fall.is_end and (is_real or self.was_real)
        if evidence.withheld and (is_real or has_ended):
            return Headline.WITHHELD
        if has_ended:
            return Headline.ENDED
        if is_real:
            return Headline.LIKELY_REAL
        return Headline.TOO_SHORT if self.is_short else Headline.LUCK


def total(returns: FloatArray) -> float:
    """Compound the returns of all sessions; NaN without sessions."""
    return float(np.prod(1.0 + returns) - 1.0) if len(returns) else math.nan


def of_the_best(p_value: float, trials: float) -> float:
    """Adjust the smallest p-value of N independent trials: 1 - (1 - p)^N."""
    if not p_value < 1:
        return p_value
    return float(-np.expm1(trials * np.log1p(-p_value)))


def decide(evidence: Evidence, *, seed: int = 0) -> Decision:
    """Decide on the winner of a study.

    Parameters
    ----------
    evidence
        What is known about the trials.
    seed
        Seed of the random draws; the same seed gives the same decision.
    """
    winner, hold = evidence.trials[evidence.winner], evidence.hold
    alpha = edge_of(winner, hold)
    loss = evidence.stress_loss
    if math.isnan(loss):
        loss = largest_scaled_loss(winner, evidence.trials)
    return Decision(
        evidence=evidence,
        cash=edge_of(winner),
        hold=edge_of(winner - hold),
        alpha=alpha,
        stress=stress_of(winner, alpha.mean, loss),
        seed=seed,
    )


def beyond(returns: FloatArray, hold: FloatArray) -> FloatArray:
    """Subtract from a series its beta to buy-and-hold times buy-and-hold."""
    return returns - beta_of(returns, hold) * hold


def beta_of(returns: FloatArray, hold: FloatArray) -> float:
    """Slope of a series on buy-and-hold; 0 where buy-and-hold does not vary."""
    if not varies(hold):
        return 0.0
    centred = hold - hold.mean()
    return float((returns * centred).sum() / (centred**2).sum())
