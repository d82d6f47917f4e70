"""The decision: whether the best of all trials is more than luck.

One question decides, at 5 %: how likely is it that the best of all trials ever made
shows as much, if none of them has an edge? The winner's own p-value answers it for one
trial (``edge``), the number of independent trials says how many had the chance
(``multiplicity``), and 1 - (1 - p)^N is the answer.

What can't be answered from the winner's returns is asked beside it: whether placebos do
as well, whether a loss that the sample has not shown would undo the edge (``stress``),
whether the edge ended (``breaks``), and what the holdout says.
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
from whatif_assets.domain.selection.stress import Stress, loss_of_the_like, stress_of

SIGNIFICANT = 0.05
FEWEST_SESSIONS = 20
# The annual Sharpe ratio that a sample must be able to tell from luck. Few funds
# have shown as much for years; a sample that luck alone lifts to it proves nothing.
TARGET_SHARPE = 3.0

# Samples that end within 15 % and 85 % of a sample and hardly share what they say: each
# is a fifth longer than the one before.
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
    """What is decided, and the figures that decide.

    Attributes
    ----------
    evidence
        What is known of the trials.
    cash, hold, alpha
        The winner's edge over cash, over buy-and-hold, and beyond its own share of
        buy-and-hold, which decides.
    stress
        What a loss that the sample has not shown would do to the last.
    seed
        Of what is drawn.
    """

    evidence: Evidence
    cash: Edge
    hold: Edge
    alpha: Edge
    stress: Stress
    seed: int = 0

    @functools.cached_property
    def effective_trials(self) -> float:
        """Independent trials that all trials are worth; equal ones are one."""
        known = self.evidence
        forgotten = known.trials_tried - len(known.trials)
        counted = forgotten + len(known.distinct)
        return effective_trials(known.distinct, known.hold, counted, seed=self.seed)

    @functools.cached_property
    def supported_trials(self) -> float:
        """Independent trials that the sessions support."""
        years = self.evidence.hold.size / self.evidence.sessions_per_year
        return supported_trials(years, TARGET_SHARPE)

    @functools.cached_property
    def fall(self) -> Break:
        """Where the edge that decides falls most."""
        known = self.evidence
        rest = beyond(known.trials[known.winner], known.hold)
        return break_of(rest, seed=self.seed)

    def p_value(self, edge: Edge) -> float:
        """Probability that the best of all trials shows as much by luck alone."""
        return of_the_best(edge.p_value, self.effective_trials)

    @property
    def names_winner(self) -> bool:
        """Whether there is a winner worth naming at all."""
        known = self.evidence
        return total(known.trials[known.winner]) > 0 and not known.placebos_above

    @property
    def was_real(self) -> bool:
        """Whether luck is an unlikely explanation of what came before the fall.

        As many times more trials are counted as there are places to choose from that
        differ.
        """
        trials = _PLACES * self.effective_trials
        return of_the_best(self.fall.before.p_value, trials) <= SIGNIFICANT

    @property
    def is_short(self) -> bool:
        """Whether the sample could hardly have told an edge from luck."""
        many = self.effective_trials > max(self.supported_trials, 1.0)
        return many or self.evidence.hold.size < FEWEST_SESSIONS

    @property
    def headline(self) -> Headline:
        """The verdict in a few words."""
        known = self.evidence
        holdout = known.holdout.returns if known.holdout else np.empty(0)
        may_be = known.hold.size >= FEWEST_SESSIONS and self.names_winner
        is_real = (
            may_be
            and self.stress.is_survived
            and not total(holdout) < 0
            and self.alpha.p_value <= SIGNIFICANT
            and self.p_value(self.alpha) <= SIGNIFICANT
        )
        has_ended = may_be and self.fall.is_end and (is_real or self.was_real)
        if known.withheld and (is_real or has_ended):
            return Headline.WITHHELD
        if has_ended:
            return Headline.ENDED
        if is_real:
            return Headline.LIKELY_REAL
        return Headline.TOO_SHORT if self.is_short else Headline.LUCK


def total(returns: FloatArray) -> float:
    """Compound the returns of all sessions; NaN without any."""
    return float(np.prod(1.0 + returns) - 1.0) if len(returns) else math.nan


def of_the_best(p_value: float, trials: float) -> float:
    """Adjust a p-value for being the least of several: 1 - (1 - p)^N."""
    if not p_value < 1:
        return p_value
    return float(-np.expm1(trials * np.log1p(-p_value)))


def decide(evidence: Evidence, *, seed: int = 0) -> Decision:
    """Decide on the winner of a study.

    Parameters
    ----------
    evidence
        What is known of the trials.
    seed
        Of what is drawn; the same one gives the same decision.
    """
    winner, hold = evidence.trials[evidence.winner], evidence.hold
    alpha = edge_of(winner, hold)
    loss = evidence.stress_loss
    if math.isnan(loss):
        loss = loss_of_the_like(winner, evidence.trials)
    return Decision(
        evidence=evidence,
        cash=edge_of(winner),
        hold=edge_of(winner - hold),
        alpha=alpha,
        stress=stress_of(winner, alpha.mean, loss),
        seed=seed,
    )


def beyond(returns: FloatArray, hold: FloatArray) -> FloatArray:
    """Give what a series returns beyond its share of buy-and-hold."""
    return returns - beta_of(returns, hold) * hold


def beta_of(returns: FloatArray, hold: FloatArray) -> float:
    """Regress a series on buy-and-hold; 0 where that does not vary."""
    if not varies(hold):
        return 0.0
    apart = hold - hold.mean()
    return float((returns * apart).sum() / (apart**2).sum())
