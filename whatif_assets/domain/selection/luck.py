"""Figures that weigh the winner of a study against luck.

References
----------
Lo, The statistics of Sharpe ratios, Financial Analysts Journal, 2002.
Bailey and Lopez de Prado, The deflated Sharpe ratio, Journal of Portfolio
Management, 2014.
Harvey and Liu, Backtesting, Journal of Portfolio Management, 2015 (haircuts).
"""

from __future__ import annotations

import math
from typing import Any

from scipy.special import ndtr, ndtri, stdtrit

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.decision import SIGNIFICANT, Decision, beyond
from whatif_assets.domain.selection.sharpe import (
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe,
    sharpes_of,
)

# Some of the fields of `Statistics`, by name.
Figures = dict[str, Any]

# An edge counts as detectable if this share of studies with it finds it.
POWER = 0.8


def luck(decision: Decision) -> Figures:
    """Compute the figures that weigh the winner against the number of trials."""
    evidence, cash, alpha = decision.evidence, decision.cash, decision.alpha
    trials, year = decision.effective_trials, evidence.sessions_per_year
    moments = Moments.of(evidence.distinct[0]).thinned(cash.inflation)
    # Without an edge, estimated Sharpe ratios have the variance 1 / (n - 1) (Lo 2002).
    # Their sample variance would depend on how many trials are known and how alike
    # these are.
    variance = 1 / (moments.n - 1) if moments.n > 1 else math.nan
    best = expected_maximum_sharpe(trials, variance)
    annual = moments.sharpe * math.sqrt(year)
    haircut = haircut_fraction(cash.statistic, cash.freedom, decision.p_value(cash))
    inflation = max(cash.inflation, 1.0)
    return {
        "effective_trials": trials,
        "supported_trials": decision.supported_trials,
        "expected_best_sharpe": best * math.sqrt(year),
        "probabilistic_sharpe": probabilistic_sharpe(moments),
        "deflated_sharpe": deflated_sharpe(moments, trials, variance),
        "haircut_sharpe": haircut * annual,
        "year_loss_probability": float(ndtr(-haircut * annual / math.sqrt(inflation))),
        "detectable_sharpe": _detectable(decision),
        "minimum_backtest_sessions": year * minimum_backtest_length(trials, annual),
        "minimum_track_record_sessions": inflation
        * minimum_track_record_length(moments),
        "variance_inflation": alpha.inflation,
        "independent_sessions": len(evidence.hold) / alpha.inflation,
        "winner_p_cash": decision.p_value(cash),
        "winner_p_hold": decision.p_value(decision.hold),
        "winner_p_alpha": decision.p_value(alpha),
        "winner_p_single": alpha.p_value,
    }


def haircut_fraction(statistic: float, freedom: float, p_value: float) -> float:
    """Fraction of a Sharpe ratio left after the haircut (Harvey, Liu 2015).

    Parameters
    ----------
    statistic, freedom
        Student's t of the test that the ratio is above 0, and its degrees of freedom.
    p_value
        Probability that the best of all trials shows such a ratio by luck alone.

    Returns
    -------
    float
        From 0 to 1; NaN where the statistic is not above 0.
    """
    if not statistic > 0:
        return math.nan
    if p_value >= 1:
        return 0.0
    left = float(stdtrit(freedom, 1 - p_value))
    return min(max(left, 0.0) / statistic, 1.0)


def _detectable(decision: Decision) -> float:
    """Annual Sharpe ratio of an edge that is found with probability `POWER`.

    Student's t with df degrees of freedom exceeds the critical value c about as often
    as a normal variable with variance 1 + c^2 / (2 df).
    """
    edge, evidence = decision.alpha, decision.evidence
    single = -math.expm1(math.log1p(-SIGNIFICANT) / decision.effective_trials)
    needed = -float(stdtrit(edge.freedom, single))
    spread = math.sqrt(1 + needed**2 / (2 * edge.freedom))
    error = math.sqrt(edge.inflation / max(len(evidence.hold), 1))
    found = needed + float(ndtri(POWER)) * spread
    return found * error * math.sqrt(evidence.sessions_per_year)


def stress_and_break_figures(decision: Decision) -> Figures:
    """Compute the figures of what may cancel the edge: an unseen loss, a break."""
    evidence, stress, fall = decision.evidence, decision.stress, decision.fall
    rest = beyond(evidence.distinct[0], evidence.hold)
    year = evidence.sessions_per_year
    is_found = fall.at > 0
    return {
        "worst_session": stress.worst,
        "stress_loss": stress.loss,
        "stress_fatal_chance": stress.fatal_chance,
        "stress_open_chance": stress.open_chance,
        "break_after": fall.at,
        "break_p": fall.p_value,
        "sharpe_before_break": (
            annual_sharpe(rest[: fall.at], year) if is_found else math.nan
        ),
        "sharpe_after_break": (
            annual_sharpe(rest[fall.at :], year) if is_found else math.nan
        ),
    }


def annual_sharpe(returns: FloatArray, sessions_per_year: float) -> float:
    """Annualise the Sharpe ratio of a series; NaN where the series does not vary."""
    return float(sharpes_of(returns[None, :])[0] * math.sqrt(sessions_per_year))
