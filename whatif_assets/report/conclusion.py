"""The conclusion of a study in sentences, the same in terminal, page, UI and DuckDB.

The sentences are written once, with the report, and stored in the table
``best_configuration``; every display of a result shows these sentences.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_metric, is_undefined
from whatif_assets.domain.strategies.benchmark_size import benchmark_in_words
from whatif_assets.settings.study import Study

NOT_JUDGED = "not judged yet"
# Beginnings of the line that names no winner, and of the line with the verdict.
NO_WINNER, VERDICT = "No winner", "Verdict: "


@dataclass(frozen=True)
class Conclusion:
    """The conclusion of a study.

    Attributes
    ----------
    why_none
        Why no winner is named; empty if a winner is named.
    lines
        Sentences: the variant that is first in rank, its figures, and the verdict.
    """

    why_none: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sentences, one per line."""
        return "\n".join(self.lines)


def conclude(
    study: Study,
    first: Mapping[str, Any] | None,
    verdict: Mapping[str, Any] | None,
    *,
    why_none: str = "",
    not_judged: str = NOT_JUDGED,
    paths: pd.DataFrame | None = None,
    asked: Mapping[str, int] | None = None,
) -> Conclusion:
    """Write the conclusion of a study.

    Parameters
    ----------
    study
        The study.
    first
        The best leaderboard row that may win, with ``variants_tried`` and
        ``ranked_above``; None if no variant may win.
    verdict
        The row of the table ``verdicts`` about ``first``; None if it was not judged.
    why_none
        Why no variant may win, if ``first`` is None.
    not_judged
        Text in place of a verdict, if ``verdict`` is None.
    paths
        Rows of the table ``path_results`` about ``first``; empty if there is one path.
    asked
        Number of questions that were asked of the study, by author.
    """
    if first is None:
        return Conclusion(why_none, (why_none,))
    refusal = "" if verdict is None else _refusal(verdict)
    judgement = not_judged if verdict is None else verdict["in_words"]
    if refusal:
        opening = [refusal, f"First in rank: {_name(first)}."]
    elif verdict is None:
        opening = [f"First in rank, not judged: {_name(first)}."]
    else:
        opening = [f"Best configuration: {_name(first)}."]
    figures = (
        *_figures(study, first),
        *_validation(study, first, paths),
        *_asked(asked or {}),
    )
    lines = (*opening, *figures, f"{VERDICT}{judgement.rstrip('.')}.")
    return Conclusion(refusal, lines)


def _asked(asked: Mapping[str, int]) -> Iterator[str]:
    """Yield who asked how many questions, if an author is known."""
    if any(asked):
        by = ", ".join(
            f"{count:,} by {who or 'others'}" for who, count in asked.items()
        )
        yield f"Questions asked beside the study file, counted as trials: {by}."


def _refusal(verdict: Mapping[str, Any]) -> str:
    """Return why a verdict names no winner; empty if it names one."""
    if verdict["names_winner"]:
        return ""
    if verdict["placebos_above"]:
        return f"{NO_WINNER} is named: a placebo does as well as the first in rank."
    return f"{NO_WINNER} is named: the first in rank earned nothing out of sample."


def _figures(study: Study, first: Mapping[str, Any]) -> Iterator[str]:
    ranking, tried = study.ranking, first["variants_tried"]
    value = format_metric(ranking.column, first[ranking.column])
    # Rows ranked above it may be benchmarks or placebos, so it need not have rank 1.
    rank = "the best" if first["rank"] == 1 else f"rank {first['rank']:,}"
    place = "the only variant" if tried == 1 else f"{rank} of {tried:,} variants"
    yield f"{ranking.label}: {value}, {place}.{_compared(first)}"
    if first.get("account"):
        yield first["account"]
    if first["ranked_above"]:
        yield f"Ranked above it, but no candidates: {first['ranked_above']}."


def _validation(
    study: Study, first: Mapping[str, Any], paths: pd.DataFrame | None
) -> Iterator[str]:
    """Yield what cross-validation says of a model; it decides nothing."""
    if not study.evaluation.is_cross_validation or is_undefined(first["algorithm"]):
        return
    if paths is not None and len(paths):
        yield _over_paths(study, first, paths)
    yield (
        "Its models were also trained on sessions after those they were tested on; "
        "only a holdout is free of that."
    )


def _over_paths(study: Study, first: Mapping[str, Any], paths: pd.DataFrame) -> str:
    """Return a sentence with the results on all paths."""
    ranking, hold = study.ranking, first["buy_and_hold_pnl"]
    values = ranking.score(paths)
    worst = values.min() if ranking.higher_is_better else values.max()
    beats = ""
    if not is_undefined(hold):
        beats = f" and beat buy-and-hold on {int((paths['pnl'] > hold).sum()):,}"
    return (
        f"Of the {len(paths):,} paths of cross-validation, it earned something on "
        f"{int((paths['pnl'] > 0).sum()):,}{beats}; on the worst, {ranking.label} is "
        f"{format_metric(ranking.column, worst)}. Other figures are those of path 0."
    )


def _compared(first: Mapping[str, Any]) -> str:
    """Return a sentence with the profit of buy-and-hold; empty if it is undefined."""
    if is_undefined(first["buy_and_hold_pnl"]):
        return ""
    size = benchmark_in_words(json.loads(first["settings"]))
    profit = format_metric("pnl", first["buy_and_hold_pnl"])
    return f" Buy-and-hold {size} made {profit}."


def _name(row: Mapping[str, Any]) -> str:
    variant = row["variant"].strip("-").replace("~", " ")
    return f"{row['configuration']} {variant}".rstrip()
