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

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from whatif_assets.core.number_format import format_figures as _figures
from whatif_assets.core.selection.evidence import Evidence
from whatif_assets.core.selection.statistics import Statistics

SIGNIFICANT = 0.05
CONFIDENT = 0.95
FEWEST_SESSIONS = 20


class Headline(str, Enum):
    """The verdict in a few words."""

    LIKELY_REAL = "likely real"
    LUCK = "not distinguishable from luck"
    TOO_SHORT = "sample too short"


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
    return Verdict(
        headline=_headline(statistics),
        reasons=tuple(_reasons(evidence, statistics)),
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


def _reasons(evidence: Evidence, of: Statistics) -> Iterator[str]:
    yield from _placebos(evidence)
    yield from _earnings(of)
    if _headline(of) is Headline.TOO_SHORT:
        yield (
            f"Sample too short: {_count(of.sessions, 'session')} support about "
            f"{_count(of.supported_trials, 'independent trial')}; "
            f"{of.trials_tried:,} {_were(of.trials_tried)} tried (about "
            f"{_figures(of.effective_trials)} independent)."
        )
    yield from _luck(of)
    yield from _holdout(of)
    yield from _selection(of)
    yield from _costs(of)


def _placebos(evidence: Evidence) -> Iterator[str]:
    above = evidence.placebos_above
    if above:
        more = f"; so do {_count(len(above) - 1, 'other')}" if above[1:] else ""
        yield (
            f"A placebo does as well as the winner: {above[0].name} has "
            f"{evidence.ranked_by} {_figures(above[0].value)}, the winner "
            f"{_figures(evidence.winner_value)}{more}."
        )


def _earnings(of: Statistics) -> Iterator[str]:
    if math.isnan(of.total_return):
        yield "There is no out-of-sample session, so nothing can be said."
    elif math.isnan(of.sharpe) and of.total_return == 0:
        yield "The winner neither earned nor lost: it traded hardly, if at all."
    elif of.total_return <= 0:
        yield f"The winner lost {-of.total_return:.2%} out of sample."
    if of.hold_total_return > max(of.total_return, 0.0):
        yield (
            f"Buy-and-hold earned more: {of.hold_total_return:.2%}, the winner "
            f"{of.total_return:.2%}."
        )


def _luck(of: Statistics) -> Iterator[str]:
    if not math.isnan(of.winner_p_alpha):
        yield (
            f"Had none of {of.distinct_trials:,} different trials an edge over "
            "buy-and-hold, the luckiest would look as good as the winner with a "
            f"probability of {_percent(of.winner_p_alpha)}."
        )
    if not math.isnan(of.deflated_sharpe):
        yield (
            f"The winner's Sharpe ratio is {_figures(of.sharpe)} a year, and luck "
            f"alone shows {_figures(of.expected_best_sharpe)} as the best of so many "
            "trials; the true one is above that with a probability of "
            f"{_percent(of.deflated_sharpe)}."
        )


def _holdout(of: Statistics) -> Iterator[str]:
    if math.isnan(of.holdout_total_return):
        return
    done = "lost" if of.holdout_total_return < 0 else "earned"
    spoilt = ""
    if of.holdout_openings > 1:
        spoilt = (
            f"; it was opened {of.holdout_openings} times, so it is no longer unseen"
        )
    yield (
        f"In the holdout of {_count(of.holdout_sessions, 'session')} the winner {done} "
        f"{abs(of.holdout_total_return):.2%}, buy-and-hold "
        f"{of.holdout_hold_total_return:.2%}{spoilt}."
    )


def _selection(of: Statistics) -> Iterator[str]:
    if not math.isnan(of.pbo):
        yield (
            "The best trial of one half of the sessions is below the median in the "
            f"other half in {_percent(of.pbo)} of {of.cscv_splits:,} splits."
        )


def _costs(of: Statistics) -> Iterator[str]:
    if math.isfinite(of.flip_bps):
        yield f"Costs above {_figures(of.flip_bps)} basis points flip the winner."
    if math.isfinite(of.break_even_bps):
        charged = ""
        if math.isfinite(of.charged_bps):
            charged = f"; charged were {_figures(of.charged_bps)}"
        yield (
            f"It earns nothing from {_figures(of.break_even_bps)} basis points on"
            f"{charged}."
        )


def _percent(fraction: float) -> str:
    if fraction < 0.001:
        return "less than 0.1 %"
    if fraction > 0.999:
        return "more than 99.9 %"
    return f"{100 * fraction:.3g} %"


def _count(number: float, noun: str) -> str:
    whole = math.floor(number)
    return f"{whole:,} {noun}" + ("" if whole == 1 else "s")


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
