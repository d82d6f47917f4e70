"""Results of each study for the report: ranking, winner and verdict, if fresh."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whatif_assets.home.questions import count_by_author
from whatif_assets.home.state import State, Status
from whatif_assets.home.tables import LAKE
from whatif_assets.report.conclusion import conclude
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import BOARD, best, outcome, why_none
from whatif_assets.steps.paths import paths_of
from whatif_assets.steps.verdicts import NO_VERDICTS
from whatif_assets.steps.winner import Winner, winner_of

OF_STUDY = (BOARD, "placebo_results", "holdout_results", "verdicts")
HOW_TO_JUDGE = "Materialise placebo_results, holdout_results and verdicts"


@dataclass(frozen=True, eq=False)
class StudyResults:
    """Results of one study for the report.

    Attributes
    ----------
    ranking
        The study's leaderboard; without rows if it is stale or missing.
    winner
        The winner; None if no variant can win.
    outcome
        One row: the winner, or ``why_none``; ``verdict`` and ``reasons`` if this winner
        was judged, else ``verdict_state``; and the ``conclusion`` in sentences.
    verdict
        One row with the verdict on this winner; no rows if it was not judged.
    """

    ranking: pd.DataFrame
    winner: Winner | None
    outcome: pd.DataFrame
    verdict: pd.DataFrame


def results_of(fresh: Freshness, study: Study) -> StudyResults:
    """Collect the results of a study for the report."""
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
    conclusion = conclude(
        study,
        first,
        _only(verdict),
        why_none=why,
        not_judged=not_judged,
        paths=None if winner is None else paths_of(winner),
        asked=count_by_author(fresh.home, name),
    )
    row = outcome(ranking, study, conclusion.why_none)
    row = row.assign(conclusion=conclusion.text)
    row = row.merge(verdict[["study", "verdict", "reasons"]], on="study", how="left")
    row["verdict_state"] = not_judged
    return StudyResults(ranking, winner, row, verdict)


def _only(rows: pd.DataFrame) -> dict[str, Any] | None:
    """Return the only row of a table; None if the table is empty."""
    found = rows.to_dict("records")
    return {str(name): value for name, value in found[0].items()} if found else None


def _verdict_state(fresh: Freshness, study: Study) -> str:
    """Return that the winner is not judged, and what to do; empty if it is judged."""
    state = fresh.of("verdicts", study.name)
    if state.is_fresh:
        return ""
    if state.status is Status.MISSING:
        return f"not judged yet. {HOW_TO_JUDGE}."
    (last,) = fresh.home.lake.read("verdicts", study.name).to_dict("records")
    judged = f"{last['configuration']} {last['variant'].strip('-')}".rstrip()
    return (
        f"not judged yet; the earlier verdict '{last['verdict']}' on {judged} is out "
        f"of date ({state.because}). {HOW_TO_JUDGE}."
    )


def outdated_partitions(
    fresh: Freshness, known: Mapping[str, Sequence[Configuration]]
) -> dict[str, list[str]]:
    """List the outdated partitions of the lake, which the views leave out, by table.

    Features of a session that no study uses any more stay in the lake. The views show
    them as long as they match the current bars and settings.

    Parameters
    ----------
    fresh
        The freshness of the home.
    known
        The configurations of each study.
    """
    lake = fresh.home.lake
    keys = {
        configuration.key
        for configurations in known.values()
        for configuration in configurations
    }
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
    """Whether a partition is stale by itself, not because something upstream is."""
    return not state.is_fresh and state.upstream is None


def states_table(fresh: Freshness) -> pd.DataFrame:
    """List the parts of every study, and whether each is fresh.

    Returns
    -------
    pandas.DataFrame
        ``study``, ``part`` (a table with one part per study), ``state`` and
        ``because``.
    """
    return pd.DataFrame(_states(fresh), columns=["study", "part", "state", "because"])


def _states(fresh: Freshness) -> Iterator[tuple[str, ...]]:
    studies = fresh.home.studies().values()
    for study, part in itertools.product(studies, OF_STUDY):
        if part != "holdout_results" or study.evaluation.holdout:
            state = fresh.of(part, study.name)
            yield study.name, part, state.status.value, state.because
