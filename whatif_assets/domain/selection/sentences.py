"""The reasons for a verdict: sentences written from its figures.

Each sentence names its subject, and shows every figure with its sign and unit. A figure
that is not known is not mentioned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from whatif_assets.domain.accounts.number_format import (
    counted,
    earned_or_lost,
    format_figures,
    format_metric,
    format_percent,
)
from whatif_assets.domain.selection.decision import SIGNIFICANT, Headline
from whatif_assets.domain.selection.evidence import Evidence
from whatif_assets.domain.selection.statistics import TENTH, Statistics

# A quarter of a year; with fewer sessions the headline states their number.
FEW_SESSIONS = 63
# Subject of a sentence where no winner is named.
TOP_RANKED = "the top-ranked variant"


def headline_in_words(headline: Headline, evidence: Evidence, of: Statistics) -> str:
    """Write a headline with the limits that apply.

    Limits are the period in which an edge lasted, that no costs were charged, and that
    there were few sessions.

    Parameters
    ----------
    headline
        The verdict.
    evidence, of
        What is known about the trials, and the figures computed from it.
    """
    if headline is Headline.ENDED:
        return f"an edge that ended: it lasted {_until_the_break(evidence, of)}"
    if headline is not Headline.LIKELY_REAL:
        return str(headline.value)
    limits = []
    if of.charged_bps == 0 and not evidence.other_costs:
        limits.append("before costs (none were charged)")
        if 0 < of.break_even_bps < math.inf:
            limits.append(
                "with no edge left if a fill costs "
                f"{format_figures(of.break_even_bps)} basis points or more"
            )
    if of.sessions < FEW_SESSIONS:
        limits.append(f"on only {counted(of.sessions, 'session')}")
    return ", ".join([str(headline.value), *limits])


def _until_the_break(evidence: Evidence, of: Statistics) -> str:
    """Write the period of the sample before its break."""
    if not evidence.dates:
        return f"for the first {counted(of.break_after, 'session')}"
    first, last = evidence.dates[0], evidence.dates[of.break_after - 1]
    return f"from {first.isoformat()} to {last.isoformat()}"


def reasons(
    evidence: Evidence, of: Statistics, needed: int | None = None
) -> Iterator[str]:
    """Yield the reasons for a verdict, the most important first.

    Parameters
    ----------
    evidence, of
        What is known about the trials, and the figures computed from it.
    needed
        Smallest number of sessions for a verdict, if the verdict is that the sample is
        too short; else None.
    """
    who = _subject(evidence, of)
    yield from evidence.withheld
    yield from _placebos(evidence)
    yield from _earnings(evidence, of, who)
    if needed is not None:
        yield _length(of, needed)
    yield from _luck(of, who)
    yield from _unseen_loss(evidence, of, who)
    yield from _fall(evidence, of)
    yield from _holdout(of, who)
    yield from _power(of)
    yield from _selection(of)
    yield from _costs(of, who)
    yield from _size(of, who)
    yield from evidence.notes


def _subject(evidence: Evidence, of: Statistics) -> str:
    """Name the judged trial: it is called a winner only where a winner is named."""
    named = of.total_return > 0 and not evidence.placebos_above
    return "the winner" if named else TOP_RANKED


def _capitalised(who: str) -> str:
    return who[0].upper() + who[1:]


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
        do = "does" if others == 1 else "do"
        more = f" {counted(others, 'other placebo')} also {do} as well."
    yield (
        f"A placebo does as well as {TOP_RANKED}: {above[0].name} has "
        f"{evidence.ranked_by} {first}, {TOP_RANKED} has {winner}.{more}"
    )


def _earnings(evidence: Evidence, of: Statistics, who: str) -> Iterator[str]:
    earned = _earned(of.total_return)
    if math.isnan(of.total_return):
        yield "There are no out-of-sample sessions, so there is nothing to judge."
    elif of.total_return <= 0:
        yield f"{_capitalised(who)} {earned} out of sample."
    if of.hold_total_return > max(of.total_return, 0.0):
        yield (
            f"Buy-and-hold {evidence.held} {_earned(of.hold_total_return)} out of "
            f"sample, more than {who}, which {earned}."
        )


def _earned(fraction: float) -> str:
    """Describe a return; a return of -1 or less is a loss of all money."""
    return "lost all of its money" if fraction <= -1 else earned_or_lost(fraction)


def _length(of: Statistics, needed: int) -> str:
    """Explain why the sample is too short."""
    sessions = counted(of.sessions, "out-of-sample session")
    if of.sessions < needed:
        return (
            f"Sample too short: there {'is' if of.sessions == 1 else 'are'} "
            f"{sessions}; a verdict needs at least {needed}."
        )
    supported = math.floor(of.supported_trials)
    return (
        f"Sample too short: {sessions} can distinguish an edge from luck among "
        f"{f'about {supported:,}' if supported else 'fewer than 1'} independent "
        f"{'trials' if supported > 1 else 'trial'}, but "
        f"{counted(of.trials_tried, 'trial')} "
        f"{'was' if of.trials_tried == 1 else 'were'} made, which count as about "
        f"{format_figures(of.effective_trials)} independent trials."
    )


def _luck(of: Statistics, who: str) -> Iterator[str]:
    if not math.isnan(of.winner_p_alpha):
        if of.trials_tried == 1:
            chance = "the only trial had no edge over buy-and-hold, it"
        else:
            chance = (
                f"none of the {of.trials_tried:,} trials had an edge over "
                "buy-and-hold, the best of them"
            )
        yield (
            f"If {chance} would still look as good as {who} in "
            f"{_of_studies(of.winner_p_alpha)} like this one."
        )
    if not math.isnan(of.deflated_sharpe):
        left = ""
        if not math.isnan(of.haircut_sharpe):
            left = (
                " After the correction for the number of trials, "
                f"{format_figures(of.haircut_sharpe)} is left."
            )
        yield (
            f"The annual Sharpe ratio of {who} is {format_figures(of.sharpe)}; the "
            f"best of {counted(of.trials_tried, 'trial')} without any edge would show "
            f"{format_figures(of.expected_best_sharpe)} on average.{left}"
        )


def _of_studies(p_value: float) -> str:
    """Write a p-value as a number of studies: ``about 3 of 100 studies``."""
    if p_value < 0.001:
        return "fewer than 1 of 1,000 studies"
    whole = 100 if p_value >= 0.0095 else 1000
    return f"about {p_value * whole:.0f} of {whole:,} studies"


def _unseen_loss(evidence: Evidence, of: Statistics, who: str) -> Iterator[str]:
    """State how rare a loss must be that did not occur in the sample."""
    chance, left_open = of.stress_fatal_chance, of.stress_open_chance
    if not 0 < chance < math.inf or not of.winner_p_alpha <= SIGNIFICANT:
        return
    source = "what its largest position would lose in the worst session of its market"
    if math.isnan(evidence.stress_loss):
        source = "what another trial of its size lost in a session"
    every, open_every = 1 / chance, 1 / left_open
    yield (
        f"{_capitalised(who)} lost {format_percent(of.worst_session)} in its worst "
        f"session. A loss of {format_percent(of.stress_loss)} ({source}) once in "
        f"{counted(every, 'session')} would cancel its edge. "
        f"{counted(of.sessions, 'session')} without such a loss "
        + ("rule out" if chance > left_open else "do not rule out")
        + " this frequency: they are consistent with up to once in "
        f"{counted(open_every, 'session')}."
    )


def _fall(evidence: Evidence, of: Statistics) -> Iterator[str]:
    """State when the edge fell, if chance is an unlikely explanation."""
    if not of.break_p <= SIGNIFICANT:
        return
    until, since = "the break", "after it"
    if evidence.dates:
        until = evidence.dates[of.break_after - 1].isoformat()
        since = f"from {evidence.dates[of.break_after].isoformat()} on"
    yield (
        "The edge fell: its annual Sharpe ratio beyond buy-and-hold was "
        f"{format_figures(of.sharpe_before_break)} up to {until} and "
        f"{format_figures(of.sharpe_after_break)} {since}. A lasting edge would show "
        f"as large a fall in {_of_studies(of.break_p)}."
    )


def _power(of: Statistics) -> Iterator[str]:
    if not math.isfinite(of.detectable_sharpe):
        return
    yield (
        f"With {counted(of.sessions, 'session')} and "
        f"{counted(of.trials_tried, 'trial')}, an edge with an annual Sharpe ratio of "
        f"{format_figures(of.detectable_sharpe)} beyond buy-and-hold is found in 4 of "
        "5 studies; a smaller edge is missed more often."
    )


def _holdout(of: Statistics, who: str) -> Iterator[str]:
    if math.isnan(of.holdout_total_return):
        return
    seen_before = ""
    if of.holdout_openings > 1:
        seen_before = (
            f" The holdout was opened {of.holdout_openings:,} times, so it is no "
            "longer unseen."
        )
    if of.holdout_tested > 0:
        tested = f"{of.holdout_tested:,} of these sessions"
        seen_before += f" Earlier trials were tested on {tested}."
    yield (
        f"In the holdout of {counted(of.holdout_sessions, 'session')}, {who} "
        f"{_earned(of.holdout_total_return)}; buy-and-hold "
        f"{_earned(of.holdout_hold_total_return)}.{seen_before}"
    )


def _selection(of: Statistics) -> Iterator[str]:
    if math.isnan(of.pbo):
        return
    below, splits = round(of.pbo * of.cscv_splits), counted(of.cscv_splits, "split")
    share = f"{below:,} of {splits} ({format_percent(of.pbo)})"
    if below in (0, of.cscv_splits):
        share = f"{'all' if below else 'none of'} {splits}"
    yield (
        "The best trial in one half of the sessions is below the median trial in the "
        f"other half in {share}."
    )


def _costs(of: Statistics, who: str) -> Iterator[str]:
    if math.isfinite(of.flip_bps):
        yield (
            f"If costs exceed {format_figures(of.flip_bps)} basis points of each fill, "
            "another variant becomes the best."
        )
    if not math.isfinite(of.break_even_bps):
        return
    if of.break_even_bps <= 0:
        yield f"The fills of {who} earn nothing even without commission."
        return
    charged = ""
    if math.isfinite(of.charged_bps):
        charged = f"; it was charged {format_figures(of.charged_bps)}"
    yield (
        f"{_capitalised(who)} earns nothing if commission is "
        f"{format_figures(of.break_even_bps)} basis points or more{charged}."
    )


def _size(of: Statistics, who: str) -> Iterator[str]:
    """State with how much cash the fills would take a tenth of the volume."""
    if not math.isfinite(of.capacity):
        return
    yield (
        f"19 of 20 fills of {who} take at most {format_percent(of.participation)} of "
        f"the volume of their bar; with a starting cash of "
        f"{format_figures(of.capacity)} it would be {TENTH:.0%}."
    )
