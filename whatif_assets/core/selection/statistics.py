"""Statistics: all figures that follow from the evidence, by name."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whatif_assets.core.backtesting.metrics import compounded
from whatif_assets.core.backtesting.sleeve import FloatArray
from whatif_assets.core.selection.evidence import Evidence, Holdout
from whatif_assets.core.selection.intervals import intervals
from whatif_assets.core.selection.overfitting import overfitting
from whatif_assets.core.selection.sharpe import (
    Moments,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe,
    sharpes_of,
    supported_trials,
    varies,
)
from whatif_assets.core.selection.superiority import Superiority, superiority

# Some fields of `Statistics` by name.
Figures = dict[str, Any]

# The annual Sharpe ratio that a sample must be able to tell from luck. Few funds
# have shown as much for years; a sample that luck alone lifts to it proves nothing.
TARGET_SHARPE = 3.0


@dataclass(frozen=True, eq=False)
class Statistics:
    """Figures of a winner and of the trials that it was chosen from.

    Out of sample and after costs; NaN where undefined, never 0. Sharpe ratios are
    annual, p-values and probabilities fractions.

    Attributes
    ----------
    sessions, trials_tried, distinct_trials
        How much was looked at, how often, and how many trials differ.
    effective_trials
        Number of independent trials that are worth as much.
    supported_trials
        Number of independent trials for which so many sessions are the minimum
        backtest length at a Sharpe ratio of ``TARGET_SHARPE``.
    total_return, sharpe, hold_total_return, hold_sharpe
        Of the winner and of buy-and-hold.
    total_return_low, total_return_high, sharpe_low, sharpe_high
        Ends of the winner's 95 % bootstrap intervals; selection makes the winner
        look better than they say.
    beta, alpha
        Of the winner to buy-and-hold: the metrics of these names, alpha compounded
        over a year. NaN where buy-and-hold does not move.
    expected_best_sharpe
        What the best of the trials is expected to show by luck alone.
    probabilistic_sharpe, deflated_sharpe
        Probability that the winner's true Sharpe ratio is above 0, and above the
        luck of the trials.
    minimum_backtest_sessions
        Below which luck alone is expected to show the winner's Sharpe ratio.
    minimum_track_record_sessions
        After which the winner's Sharpe ratio would be above 0 with 95 % confidence.
    pbo, cscv_splits, rank_correlation, probability_of_loss, degradation_slope, logits
        As in :class:`~whatif_assets.core.selection.overfitting.Overfitting`, by
        Sharpe ratio.
    spa_cash, spa_hold, spa_alpha
        p-values of Hansen's SPA test (consistent) of all trials against cash,
        against buy-and-hold, and of what they earn beyond buy-and-hold times their
        beta.
    superior_to_cash, superior_to_hold, superior_in_alpha
        How many distinct trials StepM finds better, at 5 %.
    winner_p_cash, winner_p_hold, winner_p_alpha
        p-values of the winner itself, adjusted for all trials.
    block
        Mean block length, in sessions, of the resamples behind ``*_alpha``.
    placebos, placebos_above, best_placebo
        How many there are, how many do at least as well as the winner, and the
        best value of the metric that ranks among them.
    holdout_sessions, holdout_openings, holdout_tested
        0 without a holdout. The last: sessions of it that trials had been tested on.
    holdout_total_return, holdout_sharpe, holdout_hold_total_return
        Of the winner and of buy-and-hold in the holdout.
    charged_bps, break_even_bps
        As in the evidence.
    flip_bps
        Cost in all at which another trial overtakes the winner.
    """

    sessions: int
    trials_tried: int
    distinct_trials: int
    effective_trials: float
    supported_trials: float
    total_return: float
    sharpe: float
    hold_total_return: float
    hold_sharpe: float
    total_return_low: float
    total_return_high: float
    sharpe_low: float
    sharpe_high: float
    beta: float
    alpha: float
    expected_best_sharpe: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    minimum_backtest_sessions: float
    minimum_track_record_sessions: float
    pbo: float
    cscv_splits: int
    rank_correlation: float
    probability_of_loss: float
    degradation_slope: float
    spa_cash: float
    spa_hold: float
    spa_alpha: float
    superior_to_cash: int
    superior_to_hold: int
    superior_in_alpha: int
    winner_p_cash: float
    winner_p_hold: float
    winner_p_alpha: float
    block: int
    placebos: int
    placebos_above: int
    best_placebo: float
    holdout_sessions: int
    holdout_openings: int
    holdout_tested: int
    holdout_total_return: float
    holdout_sharpe: float
    holdout_hold_total_return: float
    charged_bps: float
    break_even_bps: float
    flip_bps: float
    logits: FloatArray = field(repr=False)

    @classmethod
    def of(cls, evidence: Evidence, *, seed: int = 0) -> Statistics:
        """Compute all figures; the same seed gives the same ones."""
        sides = _Sides.of(evidence, seed)
        return cls(
            sessions=evidence.trials.shape[1],
            trials_tried=evidence.trials_tried,
            distinct_trials=len(evidence.distinct),
            **_returns(evidence, seed),
            **_luck(evidence),
            **_splits(evidence, seed),
            **sides.figures(),
            **_placebos(evidence),
            **_holdout(evidence),
            charged_bps=evidence.charged_bps,
            break_even_bps=evidence.break_even_bps,
            flip_bps=evidence.charged_bps + evidence.overtaken_after_bps,
        )

    def figures(self) -> dict[str, float | int]:
        """Return all but the logits by name, in order."""
        names = [f.name for f in dataclasses.fields(self) if f.name != "logits"]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class _Sides:
    """The trials against cash, buy-and-hold and their own share of buy-and-hold."""

    cash: Superiority
    hold: Superiority
    alpha: Superiority
    betas: FloatArray
    alphas: FloatArray
    sessions_per_year: float
    is_defined: bool

    @classmethod
    def of(cls, evidence: Evidence, seed: int) -> _Sides:
        returns, hold = evidence.distinct, evidence.hold
        betas = _betas(returns, hold)
        beyond = returns - betas[:, None] * hold
        return cls(
            cash=superiority(returns, seed=seed),
            hold=superiority(returns - hold, seed=seed),
            alpha=superiority(beyond, seed=seed),
            betas=betas,
            alphas=beyond.mean(axis=1) if len(hold) else np.full(len(betas), np.nan),
            sessions_per_year=evidence.sessions_per_year,
            is_defined=varies(hold),
        )

    def _annual_alpha(self) -> float:
        """The winner's alpha a year, as the metric of that name has it."""
        growth = 1.0 + self.alphas[:1]
        annual = compounded(growth, self.sessions_per_year)[0]
        return float(annual) if self.is_defined else math.nan

    def figures(self) -> Figures:
        """Name the figures; the winner is the first of the distinct trials."""
        return {
            "beta": float(self.betas[0]) if self.is_defined else math.nan,
            "alpha": self._annual_alpha(),
            "spa_cash": self.cash.p_consistent,
            "spa_hold": self.hold.p_consistent,
            "spa_alpha": self.alpha.p_consistent,
            "superior_to_cash": int(self.cash.superior.sum()),
            "superior_to_hold": int(self.hold.superior.sum()),
            "superior_in_alpha": int(self.alpha.superior.sum()),
            "winner_p_cash": float(self.cash.p_adjusted[0]),
            "winner_p_hold": float(self.hold.p_adjusted[0]),
            "winner_p_alpha": float(self.alpha.p_adjusted[0]),
            "block": self.alpha.block,
        }


def _betas(returns: FloatArray, hold: FloatArray) -> FloatArray:
    """Regress each row on buy-and-hold; 0 where that does not vary."""
    if not varies(hold):
        return np.zeros(len(returns))
    apart = hold - hold.mean()
    return np.asarray((returns * apart).sum(axis=1) / (apart**2).sum())


def _returns(evidence: Evidence, seed: int) -> Figures:
    winner, year = evidence.distinct[0], evidence.sessions_per_year
    around = intervals(winner, year, seed=seed)
    return {
        "total_return": _total(winner),
        "sharpe": _annual_sharpe(winner, year),
        "hold_total_return": _total(evidence.hold),
        "hold_sharpe": _annual_sharpe(evidence.hold, year),
        "total_return_low": around.total_return.low,
        "total_return_high": around.total_return.high,
        "sharpe_low": around.sharpe.low,
        "sharpe_high": around.sharpe.high,
    }


def _luck(evidence: Evidence) -> Figures:
    """Weigh the winner's Sharpe ratio against the number of trials."""
    returns, year = evidence.distinct, evidence.sessions_per_year
    moments = Moments.of(returns[0])
    # Trials whose returns are not known are taken to be as alike as the others.
    share = evidence.trials_tried / len(evidence.trials)
    trials = min(effective_trials(returns) * share, float(evidence.trials_tried))
    sharpes = sharpes_of(returns)
    sharpes = sharpes[np.isfinite(sharpes)]
    variance = _variance_by_luck(sharpes, returns.shape[1])
    annual = moments.sharpe * math.sqrt(year)
    best = expected_maximum_sharpe(trials, variance) * math.sqrt(year)
    return {
        "effective_trials": trials,
        "supported_trials": supported_trials(returns.shape[1] / year, TARGET_SHARPE),
        "expected_best_sharpe": best if len(sharpes) else math.nan,
        "probabilistic_sharpe": probabilistic_sharpe(moments),
        "deflated_sharpe": deflated_sharpe(moments, trials, variance),
        "minimum_backtest_sessions": year * minimum_backtest_length(trials, annual),
        "minimum_track_record_sessions": minimum_track_record_length(moments),
    }


def _variance_by_luck(sharpes: FloatArray, sessions: int) -> float:
    """Variance of the trials' Sharpe ratios, as far as luck accounts for it.

    Without any edge the estimates vary by 1 / (n - 1) (Lo, The statistics of Sharpe
    ratios, 2002), and by less from trial to trial where trials are alike. What goes
    beyond that is true difference: trials that trade more pay more.
    """
    if len(sharpes) < 2:
        return 0.0
    return min(float(sharpes.var(ddof=1)), 1 / (sessions - 1))


def _splits(evidence: Evidence, seed: int) -> Figures:
    found = overfitting(evidence.distinct, seed=seed)
    return {
        "pbo": found.pbo,
        "cscv_splits": found.n_splits,
        "rank_correlation": found.rank_correlation,
        "probability_of_loss": found.probability_of_loss,
        "degradation_slope": found.degradation_slope,
        "logits": found.logits,
    }


def _placebos(evidence: Evidence) -> Figures:
    values = [p.value for p in evidence.placebos if not math.isnan(p.value)]
    choose = max if evidence.higher_is_better else min
    return {
        "placebos": len(evidence.placebos),
        "placebos_above": len(evidence.placebos_above),
        "best_placebo": choose(values) if values else math.nan,
    }


def _holdout(evidence: Evidence) -> Figures:
    nothing = Holdout(np.empty(0), np.empty(0))
    opened = evidence.holdout or nothing
    return {
        "holdout_sessions": len(opened.returns),
        "holdout_openings": evidence.holdout.openings if evidence.holdout else 0,
        "holdout_tested": opened.tested,
        "holdout_total_return": _total(opened.returns),
        "holdout_sharpe": _annual_sharpe(opened.returns, evidence.sessions_per_year),
        "holdout_hold_total_return": _total(opened.hold),
    }


def _total(returns: FloatArray) -> float:
    return float(np.prod(1.0 + returns) - 1.0) if len(returns) else math.nan


def _annual_sharpe(returns: FloatArray, sessions_per_year: float) -> float:
    return float(sharpes_of(returns[None, :])[0] * math.sqrt(sessions_per_year))
