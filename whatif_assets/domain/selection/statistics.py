"""Statistics: all figures computed from the evidence, by name."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field

import numpy as np

from whatif_assets.domain.accounts.betas import compounded
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.decision import Decision, beta_of, beyond, total
from whatif_assets.domain.selection.evidence import Evidence, Holdout
from whatif_assets.domain.selection.intervals import intervals
from whatif_assets.domain.selection.luck import (
    Figures,
    annual_sharpe,
    luck,
    stress_and_break_figures,
)
from whatif_assets.domain.selection.overfitting import overfitting
from whatif_assets.domain.selection.sharpe import varies
from whatif_assets.domain.selection.superiority import superiority

# Number of earlier sessions that `beta_with_lags` includes.
_LAGS = 2
# Rule of thumb: this share of a bar's volume can be traded without moving the price.
TENTH = 0.1


@dataclass(frozen=True, eq=False)
class Statistics:
    """Figures of a winner and of the trials from which it was chosen.

    Figures are out of sample and after costs; NaN where undefined, never 0. Sharpe
    ratios are annual, p-values and probabilities are fractions.

    Attributes
    ----------
    sessions, trials_tried, distinct_trials
        Number of out-of-sample sessions, of trials ever made, and of distinct trials
        with known returns.
    effective_trials
        Number of independent trials that all trials are worth.
    supported_trials
        Number of independent trials for which this many sessions are the minimum
        backtest length at a Sharpe ratio of ``TARGET_SHARPE``.
    total_return, sharpe, hold_total_return, hold_sharpe
        Total return and Sharpe ratio of the winner and of buy-and-hold.
    total_return_low, total_return_high, sharpe_low, sharpe_high
        Ends of the winner's 95 % bootstrap intervals. They do not account for the
        selection of the winner, so they are too high.
    beta, alpha
        The metrics of these names for the winner, against buy-and-hold; alpha is
        compounded over a year. NaN where buy-and-hold does not move.
    beta_with_lags
        Sum of the betas to buy-and-hold of the same session and of the two before it.
    variance_inflation, independent_sessions
        Factor by which dependence inflates the variance of the winner's mean return
        beyond buy-and-hold, and the equivalent number of independent sessions.
    expected_best_sharpe
        Sharpe ratio that the best of all trials is expected to show by luck alone.
    probabilistic_sharpe, deflated_sharpe
        Confidence that the winner's true Sharpe ratio is above 0, and above
        ``expected_best_sharpe``.
    haircut_sharpe
        The Sharpe ratio that would be as significant if it came from the only trial.
    year_loss_probability
        Probability of a loss in a year if ``haircut_sharpe`` is the true Sharpe ratio.
    detectable_sharpe
        Sharpe ratio beyond buy-and-hold that is found in four of five studies with as
        many sessions and trials.
    minimum_backtest_sessions
        Number of sessions below which luck alone is expected to show the winner's
        Sharpe ratio.
    minimum_track_record_sessions
        Number of sessions after which the winner's Sharpe ratio would be above 0 with
        95 % confidence.
    pbo, cscv_splits, rank_correlation, probability_of_loss, degradation_slope, logits
        As in :class:`~whatif_assets.domain.selection.overfitting.Overfitting`, with the
        Sharpe ratio as performance.
    spa_cash, spa_hold, spa_alpha
        Consistent p-values of Hansen's SPA test for the returns of all trials, for
        their returns less buy-and-hold, and for their returns less beta times
        buy-and-hold.
    superior_to_cash, superior_to_hold, superior_in_alpha
        Number of distinct trials that StepM finds better, at 5 %.
    winner_p_cash, winner_p_hold, winner_p_alpha
        Probability that the best of all trials looks as good as the winner by luck
        alone: against cash, against buy-and-hold, and beyond beta times buy-and-hold.
        ``winner_p_alpha`` decides.
    winner_p_single
        ``winner_p_alpha`` as if the winner had been the only trial.
    block
        Mean block length, in sessions, of the resamples behind ``spa_alpha`` and
        ``superior_in_alpha``.
    worst_session, stress_loss
        The winner's largest loss in a session, and a loss that may not have occurred in
        the sample; fractions of the account.
    stress_fatal_chance, stress_open_chance
        Probability of ``stress_loss`` per session at which the edge becomes 0, and the
        largest such probability that the sample does not rule out.
    break_after, break_p
        Number of sessions before the largest fall of the edge, and the probability of
        as large a fall without a break.
    sharpe_before_break, sharpe_after_break
        Sharpe ratio beyond buy-and-hold before and after the largest fall.
    placebos, placebos_above, best_placebo
        Number of placebos, number of placebos that do at least as well as the winner,
        and their best value of the ranking metric.
    holdout_sessions, holdout_openings, holdout_tested
        Number of holdout sessions, how often the holdout was opened, and number of its
        sessions on which earlier trials were tested; 0 without a holdout.
    holdout_total_return, holdout_sharpe, holdout_hold_total_return
        Total return and Sharpe ratio of the winner, and total return of buy-and-hold,
        in the holdout.
    charged_bps, break_even_bps
        As in the evidence, in basis points.
    flip_bps
        Total cost in basis points at which another trial overtakes the winner.
    participation, capacity
        Fraction of the volume of its bar that 19 of 20 fills of the winner take at
        most, and the starting cash with which this fraction would be a tenth.
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
    beta_with_lags: float
    variance_inflation: float
    independent_sessions: float
    expected_best_sharpe: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    haircut_sharpe: float
    year_loss_probability: float
    detectable_sharpe: float
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
    winner_p_single: float
    block: int
    worst_session: float
    stress_loss: float
    stress_fatal_chance: float
    stress_open_chance: float
    break_after: int
    break_p: float
    sharpe_before_break: float
    sharpe_after_break: float
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
    participation: float
    capacity: float
    logits: FloatArray = field(repr=False)

    @classmethod
    def of(cls, decision: Decision, *, seed: int = 0) -> Statistics:
        """Compute all figures of a decision; the same seed gives the same figures."""
        evidence = decision.evidence
        return cls(
            sessions=evidence.trials.shape[1],
            trials_tried=evidence.trials_tried,
            distinct_trials=len(evidence.distinct),
            **_returns(evidence, seed),
            **_market(evidence),
            **luck(decision),
            **_splits(evidence, seed),
            **_sides(evidence, seed),
            **stress_and_break_figures(decision),
            **_placebos(evidence),
            **_holdout(evidence),
            charged_bps=evidence.charged_bps,
            break_even_bps=evidence.break_even_bps,
            flip_bps=evidence.charged_bps + evidence.overtaken_after_bps,
            participation=evidence.participation,
            capacity=_capacity(evidence),
        )

    def figures(self) -> dict[str, float | int]:
        """Return all figures except the logits by name, in order."""
        names = [f.name for f in dataclasses.fields(self) if f.name != "logits"]
        return {name: getattr(self, name) for name in names}


def _capacity(evidence: Evidence) -> float:
    """Starting cash with which the winner's fills would take `TENTH` of the volume."""
    if not evidence.participation > 0:
        return math.nan
    return evidence.start_cash * TENTH / evidence.participation


def _sides(evidence: Evidence, seed: int) -> Figures:
    """Test all trials against cash, buy-and-hold, and beta times buy-and-hold."""
    returns, hold = evidence.complete, evidence.hold
    rest = np.stack([beyond(row, hold) for row in returns])
    cash = superiority(returns, seed=seed)
    held = superiority(returns - hold, seed=seed)
    alpha = superiority(rest, seed=seed)
    return {
        "spa_cash": cash.p_consistent,
        "spa_hold": held.p_consistent,
        "spa_alpha": alpha.p_consistent,
        "superior_to_cash": int(cash.superior.sum()),
        "superior_to_hold": int(held.superior.sum()),
        "superior_in_alpha": int(alpha.superior.sum()),
        "block": alpha.block,
    }


def _market(evidence: Evidence) -> Figures:
    """Regress the winner on buy-and-hold."""
    winner, hold = evidence.distinct[0], evidence.hold
    if not varies(hold):
        return dict.fromkeys(("beta", "alpha", "beta_with_lags"), math.nan)
    growth = 1.0 + beyond(winner, hold).mean(keepdims=True)
    return {
        "beta": beta_of(winner, hold),
        "alpha": float(compounded(growth, evidence.sessions_per_year)[0]),
        "beta_with_lags": _beta_with_lags(winner, hold),
    }


def _beta_with_lags(returns: FloatArray, hold: FloatArray) -> float:
    """Sum the betas to the same session and to earlier sessions (Dimson 1979)."""
    n = len(hold) - _LAGS
    if n <= 2 * (_LAGS + 2):
        return math.nan
    lagged = [hold[_LAGS - lag : _LAGS - lag + n] for lag in range(_LAGS + 1)]
    known = np.column_stack([np.ones(n), *lagged])
    betas, *_ = np.linalg.lstsq(known, returns[_LAGS:], rcond=None)
    return float(betas[1:].sum())


def _returns(evidence: Evidence, seed: int) -> Figures:
    winner, year = evidence.distinct[0], evidence.sessions_per_year
    around = intervals(winner, year, seed=seed)
    return {
        "total_return": total(winner),
        "sharpe": annual_sharpe(winner, year),
        "hold_total_return": total(evidence.hold),
        "hold_sharpe": annual_sharpe(evidence.hold, year),
        "total_return_low": around.total_return.low,
        "total_return_high": around.total_return.high,
        "sharpe_low": around.sharpe.low,
        "sharpe_high": around.sharpe.high,
    }


def _splits(evidence: Evidence, seed: int) -> Figures:
    found = overfitting(evidence.complete, seed=seed)
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
        "holdout_total_return": total(opened.returns),
        "holdout_sharpe": annual_sharpe(opened.returns, evidence.sessions_per_year),
        "holdout_hold_total_return": total(opened.hold),
    }
