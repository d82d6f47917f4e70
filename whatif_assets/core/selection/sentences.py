"""The reasons of a verdict, in words: sentences from the figures behind it.

Each sentence names its subject, and gives every figure with its sign and unit. What is
not known is not mentioned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from whatif_assets.core.number_format import (
    counted,
    earned_or_lost,
    format_figures,
    format_metric,
    format_percent,
    probability_in_words,
)
from whatif_assets.core.selection.evidence import Evidence
from whatif_assets.core.selection.statistics import Statistics


def reasons(
    evidence: Evidence, of: Statistics, needed: int | None = None
) -> Iterator[str]:
    """Give the reasons of a verdict, the most important first.

    Parameters
    ----------
    evidence, of
        What is known of the trials, and the figures that follow from it.
    needed
        Sessions that a verdict needs at least, where the verdict is that the sample
        is too short; else None.
    """
    yield from evidence.withheld
    yield from _placebos(evidence)
    yield from _earnings(evidence, of)
    if needed is not None:
        yield _length(of, needed)
    yield from _luck(of)
    yield from _holdout(of)
    yield from _selection(of)
    yield from _costs(of)


def _placebos(evidence: Evidence) -> Iterator[str]:
    above = evidence.placebos_above
    if not above:
        return
    first, winner = (
        format_metric(evidence.ranked_by, value)
        for value in (above[0].value, evidence.winner_value)
    )
    others = len(above) - 1
    more = ""
    if others:
        more = f"; so {'does' if others == 1 else 'do'} {counted(others, 'other')}"
    yield (
        f"A placebo does as well as the winner: {above[0].name} has "
        f"{evidence.ranked_by} {first}, the winner has {winner}{more}."
    )


def _earnings(evidence: Evidence, of: Statistics) -> Iterator[str]:
    if math.isnan(of.total_return):
        yield "There is no out-of-sample session, so nothing can be said."
    elif of.total_return <= 0:
        yield f"The winner {earned_or_lost(of.total_return)} out of sample."
    if of.hold_total_return > max(of.total_return, 0.0):
        yield (
            f"Buy-and-hold {evidence.held} {earned_or_lost(of.hold_total_return)} out "
            f"of sample, which is more: the winner {earned_or_lost(of.total_return)}."
        )


def _length(of: Statistics, needed: int) -> str:
    """Say what the sample is too short for."""
    sessions = counted(of.sessions, "out-of-sample session")
    if of.sessions < needed:
        return (
            f"Sample too short: there {'is' if of.sessions == 1 else 'are'} "
            f"{sessions}; a verdict needs at least {needed}."
        )
    supported = math.floor(of.supported_trials)
    return (
        f"Sample too short: {sessions} can tell an edge from luck for "
        f"{f'about {supported:,}' if supported else 'fewer than 1'} independent "
        f"{'trials' if supported > 1 else 'trial'}; "
        f"{counted(of.trials_tried, 'trial')} "
        f"{'was' if of.trials_tried == 1 else 'were'} made, which count as about "
        f"{format_figures(of.effective_trials)} independent ones."
    )


def _luck(of: Statistics) -> Iterator[str]:
    if not math.isnan(of.winner_p_alpha):
        if of.distinct_trials == 1:
            chance = "the only trial had no edge over buy-and-hold, it"
        else:
            chance = (
                f"none of {of.distinct_trials:,} different trials had an edge over "
                "buy-and-hold, the luckiest"
            )
        yield (
            f"If {chance} would look as good as the winner with a probability of "
            f"{probability_in_words(of.winner_p_alpha)}."
        )
    if not math.isnan(of.deflated_sharpe):
        yield (
            f"The winner's Sharpe ratio is {format_figures(of.sharpe)} a year; luck "
            f"alone would show {format_figures(of.expected_best_sharpe)} as the best "
            f"of {counted(of.trials_tried, 'trial')}. The winner's true Sharpe ratio "
            "is above that with a probability of "
            f"{probability_in_words(of.deflated_sharpe)}."
        )


def _holdout(of: Statistics) -> Iterator[str]:
    if math.isnan(of.holdout_total_return):
        return
    spoilt = ""
    if of.holdout_openings > 1:
        spoilt = (
            f" It was opened {of.holdout_openings:,} times, so it is no longer unseen."
        )
    if of.holdout_tested > 0:
        tested = f"{of.holdout_tested:,} of these sessions"
        spoilt += f" Trials had been tested on {tested} before."
    yield (
        f"In the holdout of {counted(of.holdout_sessions, 'session')} the winner "
        f"{earned_or_lost(of.holdout_total_return)}; buy-and-hold "
        f"{earned_or_lost(of.holdout_hold_total_return)}.{spoilt}"
    )


def _selection(of: Statistics) -> Iterator[str]:
    if math.isnan(of.pbo):
        return
    below, splits = round(of.pbo * of.cscv_splits), counted(of.cscv_splits, "split")
    share = f"{below:,} of {splits} ({format_percent(of.pbo)})"
    if below in (0, of.cscv_splits):
        share = f"{'all' if below else 'none of'} {splits}"
    yield (
        "The best trial of one half of the sessions is below the median in the other "
        f"half in {share}."
    )


def _costs(of: Statistics) -> Iterator[str]:
    if math.isfinite(of.flip_bps):
        yield (
            f"If costs exceed {format_figures(of.flip_bps)} basis points of each fill, "
            "another variant is the best."
        )
    if not math.isfinite(of.break_even_bps):
        return
    if of.break_even_bps <= 0:
        yield "The winner's fills earn nothing even without commission."
        return
    charged = ""
    if math.isfinite(of.charged_bps):
        charged = f"; it was charged {format_figures(of.charged_bps)}"
    yield (
        "The winner earns nothing if commission is "
        f"{format_figures(of.break_even_bps)} basis points or more{charged}."
    )
