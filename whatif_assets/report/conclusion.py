"""What a study comes to, in words: the same in terminal, page, UI and DuckDB.

The words are made once, when the report is written, and kept in the table
``best_configuration``; whoever shows a result shows them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whatif_assets.domain.accounts.number_format import format_metric, is_undefined
from whatif_assets.domain.strategies.benchmark_size import benchmark_in_words
from whatif_assets.settings.study import Study

NOT_JUDGED = "not judged yet"
# How a line begins that says that there is no winner, and one that says the verdict.
NO_WINNER, VERDICT = "No winner", "Verdict: "


@dataclass(frozen=True)
class Conclusion:
    """What a study comes to.

    Attributes
    ----------
    why_none
        Why no winner is named; empty where one is.
    lines
        Sentences: what is first in rank and how it did, and the verdict.
    """

    why_none: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sentences, one a line."""
        return "\n".join(self.lines)


def conclude(
    study: Study,
    first: Mapping[str, Any] | None,
    verdict: Mapping[str, Any] | None,
    *,
    why_none: str = "",
    not_judged: str = NOT_JUDGED,
) -> Conclusion:
    """Say what a study comes to.

    Parameters
    ----------
    study
        The study.
    first
        The row of the leaderboard that may win and is first in rank, with
        ``variants_tried`` and ``ranked_above``; None where no variant may win.
    verdict
        The row of the table ``verdicts`` about ``first``; None where it was not judged.
    why_none
        Why no variant may win, where ``first`` is None.
    not_judged
        What is said in place of a verdict.
    """
    if first is None:
        return Conclusion(why_none, (why_none,))
    refusal = "" if verdict is None else _refusal(verdict)
    said = not_judged if verdict is None else verdict["in_words"]
    if refusal:
        opening = [refusal, f"First in rank: {_name(first)}."]
    elif verdict is None:
        opening = [f"First in rank, not judged: {_name(first)}."]
    else:
        opening = [f"Best configuration: {_name(first)}."]
    lines = (*opening, *_figures(study, first), f"{VERDICT}{said.rstrip('.')}.")
    return Conclusion(refusal, lines)


def _refusal(verdict: Mapping[str, Any]) -> str:
    """Say why a verdict names no winner; empty where it names one."""
    if verdict["names_winner"]:
        return ""
    if verdict["placebos_above"]:
        return f"{NO_WINNER} is named: a placebo does as well as the first in rank."
    return f"{NO_WINNER} is named: the first in rank earned nothing out of sample."


def _figures(study: Study, first: Mapping[str, Any]) -> Iterator[str]:
    ranking, tried = study.ranking, first["variants_tried"]
    value = format_metric(ranking.column, first[ranking.column])
    # What it is ranked below may be no candidate.
    rank = "the best" if first["rank"] == 1 else f"rank {first['rank']:,}"
    place = "the only variant" if tried == 1 else f"{rank} of {tried:,} variants"
    yield f"{ranking.label}: {value}, {place}.{_compared(first)}"
    if first.get("account"):
        yield first["account"]
    if first["ranked_above"]:
        yield f"Ranked above it, but no candidates: {first['ranked_above']}."


def _compared(first: Mapping[str, Any]) -> str:
    """Say what buy-and-hold made, where that is known."""
    if is_undefined(first["buy_and_hold_pnl"]):
        return ""
    held = benchmark_in_words(json.loads(first["settings"]))
    made = format_metric("pnl", first["buy_and_hold_pnl"])
    return f" Buy-and-hold {held} made {made}."


def _name(row: Mapping[str, Any]) -> str:
    variant = row["variant"].strip("-").replace("~", " ")
    return f"{row['configuration']} {variant}".rstrip()
