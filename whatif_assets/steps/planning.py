"""What a run would compute, and why, without computing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

import pandas as pd

from whatif_assets.domain.base.errors import few
from whatif_assets.home.home import Home
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.settings.study import Study
from whatif_assets.steps.backtesting import indicators_of
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import configurations_of
from whatif_assets.steps.placebos import features_read
from whatif_assets.steps.session_features import history

OF_CONFIGURATIONS = (
    "trained_models",
    "forecasts",
    "backtest_results",
    "forecast_quality",
    "model_cards",
)
OF_STUDIES = ("leaderboard", "placebo_results", "holdout_results", "verdicts")
COLUMNS = ["table", "partitions", "to_compute", "why"]


def sessions_of_bars(home: Home, study: Study) -> list[date]:
    """List the sessions whose bars a study needs: its own and the warm-up."""
    sessions = study.sessions(home.market)
    needed = set(sessions)
    for size, some in home.features().items():
        needed.update(history(home, sessions[0], some, size))
    first = evaluated_sessions(home, study)[0]
    for configuration in configurations_of(home, study):
        read = [*indicators_of(configuration), *features_read()]
        size = home.bar_size(configuration)
        needed.update(history(home, first, read, size))
    return sorted(needed)


def plan(home: Home, study: Study) -> pd.DataFrame:
    """List what a run of a study would compute.

    Parameters
    ----------
    home, study
        The home, and one of its studies.

    Returns
    -------
    pandas.DataFrame
        A row per table, in the order of the chain: ``table``; ``partitions``, the
        number of its sessions or configurations; ``to_compute``, how many of them are
        stale or missing; and ``why``, the most frequent reasons.
    """
    fresh = Freshness(home)
    days = [day.isoformat() for day in sessions_of_bars(home, study)]
    tested = [day.isoformat() for day in study.sessions(home.market)]
    keys = [one.key for one in configurations_of(home, study)]
    parts = {"price_bars": days}
    if any(home.features().values()):
        parts["features"] = tested
    parts |= {table: keys for table in OF_CONFIGURATIONS}
    left_out = set() if study.evaluation.holdout else {"holdout_results"}
    parts |= {table: [study.name] for table in OF_STUDIES if table not in left_out}
    rows = [_row(fresh, table, of_table) for table, of_table in parts.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(fresh: Freshness, table: str, keys: Iterable[str]) -> tuple[object, ...]:
    states = [fresh.of(table, key) for key in keys]
    stale = [state for state in states if not state.is_fresh]
    reasons = Counter(str(state) for state in stale)
    return (
        table,
        len(states),
        len(stale),
        few([why for why, _ in reasons.most_common()]),
    )
