"""Where a study stands: its winner, the verdict on it, and how much was tried."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from whatif_assets.home.home import Home
from whatif_assets.home.ledger_history import History
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.home.trials import trial_returns
from whatif_assets.settings.configuration import ONLY_VARIANT
from whatif_assets.settings.study import Study
from whatif_assets.steps.leaderboard import BOARD, best
from whatif_assets.steps.verdicts import TABLE as VERDICTS

NO_WINNER = "none"
NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    Attributes
    ----------
    winner
        Configuration and variant that rank first among those that may win, or
        `NO_WINNER`.
    verdict
        The verdict's headline, or `NOT_JUDGED`.
    trials
        Distinct trials that were ever made on the study's market data.
    """

    winner: str
    verdict: str
    trials: int


def standing(home: Home, study: Study) -> Standing:
    """Read where a study stands, from its last ranking and verdict."""
    history = History(home, study)
    tried = trial_returns(history, evaluated_sessions(home, study)).ever_tried
    return Standing(winner_name(home, study), verdict_headline(home, study), tried)


def winner_name(home: Home, study: Study) -> str:
    """Return configuration and variant of a study's winner, or `NO_WINNER`."""
    ranking = _rows(home, BOARD, study)
    rows = ranking if ranking.empty else best(ranking, study)
    names = (f"{row.configuration}:{row.variant}" for row in rows.itertuples())
    return next(names, NO_WINNER).removesuffix(f":{ONLY_VARIANT}")


def verdict_headline(home: Home, study: Study) -> str:
    """Return the headline of a study's verdict, or `NOT_JUDGED`."""
    rows = _rows(home, VERDICTS, study)
    return str(rows["verdict"].iloc[0]) if len(rows) else NOT_JUDGED


def _rows(home: Home, table: str, study: Study) -> pd.DataFrame:
    if not home.lake.has(table, study.name):
        return pd.DataFrame()
    return home.lake.read(table, study.name)
