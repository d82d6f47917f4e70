"""What a home knows of each study: ranking, winner and verdict, each with its state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whatif_assets.home.state import State, Status
from whatif_assets.home.tables import LAKE
from whatif_assets.report.conclusion import conclude
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import BOARD, best, outcome, why_none
from whatif_assets.steps.verdicts import NO_VERDICTS
from whatif_assets.steps.winner import Winner, winner_of

OF_STUDY = (BOARD, "placebo_results", "holdout_results", "verdicts")
HOW_TO_JUDGE = "Materialise placebo_results, holdout_results and verdicts"


@dataclass(frozen=True, eq=False)
class StudyResults:
    """What the report has of one study.

    Attributes
    ----------
    ranking
        Its leaderboard; no rows where that is stale or missing.
    winner
        None where no variant can win.
    outcome
        One row: the winner, or ``why_none``; with ``verdict`` and ``reasons`` where
        this very winner was judged, and else ``verdict_state``; and in words, the
        ``conclusion``.
    verdict
        The verdict on this very winner, if there is one.
    """

    ranking: pd.DataFrame
    winner: Winner | None
    outcome: pd.DataFrame
    verdict: pd.DataFrame


def part_of(fresh: Freshness, study: Study) -> StudyResults:
    """Collect what the report has of a study."""
    lake, name = fresh.home.lake, study.name
    board, judged = fresh.of(BOARD, name), fresh.of("verdicts", name)
    winner = winner_of(fresh, study) if board.is_fresh else None
    ranking = lake.read(BOARD, name) if board.is_fresh else LAKE[BOARD].empty()
    has_verdict = judged.is_fresh and winner is not None
    verdict = lake.read("verdicts", name) if has_verdict else NO_VERDICTS
    not_judged = _verdict_state(fresh, study) if winner else ""
    why = why_none(ranking, study, fresh.results(study))
    if not board.is_fresh:
        why = f"The leaderboard is {board}. Materialise it again."
    first = _only(best(ranking, study))
    told = conclude(study, first, _only(verdict), why_none=why, not_judged=not_judged)
    row = outcome(ranking, study, told.why_none).assign(conclusion=told.text)
    row = row.merge(verdict[["study", "verdict", "reasons"]], on="study", how="left")
    row["verdict_state"] = not_judged
    return StudyResults(ranking, winner, row, verdict)


def _only(rows: pd.DataFrame) -> dict[str, Any] | None:
    """Give the row of a table that has one row or none."""
    found = rows.to_dict("records")
    return {str(name): value for name, value in found[0].items()} if found else None


def _verdict_state(fresh: Freshness, study: Study) -> str:
    """Say that the winner was not judged, and what to do; empty where it was."""
    state = fresh.of("verdicts", study.name)
    if state.is_fresh:
        return ""
    if state.status is Status.MISSING:
        return f"not judged yet. {HOW_TO_JUDGE}."
    (last,) = fresh.home.lake.read("verdicts", study.name).to_dict("records")
    return (
        f"not judged yet; '{last['verdict']}', on {last['configuration']} "
        f"{last['variant'].strip('-')}".rstrip()
        + f", is of an earlier state ({state.because}). {HOW_TO_JUDGE}."
    )


def left_out_of_views(
    fresh: Freshness, known: Mapping[str, Sequence[Configuration]]
) -> dict[str, list[str]]:
    """List the partitions of the lake that are of nothing that there is now, by table.

    Features of a session that no study looks at any more stay in the lake: they are
    shown as long as they are made from the bars and settings of now.

    Parameters
    ----------
    known
        The configurations of each study.
    """
    lake = fresh.home.lake
    keys = {one.key for some in known.values() for one in some}
    bars = set(lake.keys("price_bars"))
    return {
        "features": [
            day
            for day in lake.keys("features")
            if day not in bars or _is_outdated(fresh.of("features", day))
        ],
        "forecasts": [
            key
            for key in lake.keys("forecasts")
            if key not in keys or not fresh.of("forecasts", key).is_fresh
        ],
    }


def _is_outdated(state: State) -> bool:
    """Whether something would be made otherwise from what the lake has now."""
    return not state.is_fresh and state.upstream is None


def states_table(fresh: Freshness) -> pd.DataFrame:
    """List the parts of every study, and whether each is fresh.

    Returns
    -------
    pandas.DataFrame
        ``study``, ``part`` (a table with a part for each study), ``state`` and
        ``because``.
    """
    return pd.DataFrame(_states(fresh), columns=["study", "part", "state", "because"])


def _states(fresh: Freshness) -> Iterator[tuple[str, ...]]:
    studies = fresh.home.studies().values()
    for study, part in itertools.product(studies, OF_STUDY):
        if part != "holdout_results" or study.evaluation.holdout:
            state = fresh.of(part, study.name)
            yield study.name, part, state.status.value, state.because
