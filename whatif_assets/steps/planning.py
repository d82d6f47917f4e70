"""What a run would compute, and why, without computing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

import pandas as pd

from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.home.frozen import latest_winners
from whatif_assets.home.home import Home
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.settings.study import Study
from whatif_assets.steps.backtesting import indicators_of
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.ingest import SessionBars
from whatif_assets.steps.leaderboard import configurations_of
from whatif_assets.steps.placebos import features_read
from whatif_assets.steps.session_features import history

BARS = "price_bars"
NO_BARS = "no_bars"  # the check that finds a session of which the source has no bars
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
    """List the sessions whose bars a study needs.

    These are its own, those of the warm-up, and those after its own that the lake has
    for the record of its frozen winner. `awaited_sessions` are not among them.
    """
    sessions = study.sessions(home.market)
    known = home.lake.has
    later = _after_own(home, study)
    needed = {*sessions, *(day for day in later if known(BARS, day.isoformat()))}
    for size, some in home.features().items():
        needed.update(history(home, sessions[0], some, size))
    first = evaluated_sessions(home, study)[0]
    for configuration in configurations_of(home, study):
        read = [*indicators_of(configuration), *features_read()]
        size = home.bar_size(configuration)
        needed.update(history(home, first, read, size))
    return sorted(needed)


def awaited_sessions(home: Home, study: Study) -> list[date]:
    """List the sessions after a study's own that the record of its winner lacks.

    Empty without a frozen winner, and for a study without a last date, whose own
    sessions go on. The source may not have them.
    """
    later = _after_own(home, study)
    return [day for day in later if not home.lake.has(BARS, day.isoformat())]


def at_source(home: Home, sessions: Sequence[date]) -> tuple[list[date], list[str]]:
    """Select sessions up to the first one of which the source has no bars.

    Parameters
    ----------
    home, sessions
        The home, and sessions of its market, oldest first.

    Returns
    -------
    sessions : list of date
        Those before the first one that has no bars, or that cannot be read.
    faults : list of str
        Why it cannot be read; empty if it only has no bars.
    """
    found: list[date] = []
    if not sessions:
        return found, []
    keys = [day.isoformat() for day in sessions]
    try:
        bars = SessionBars(home, keys)
        for day, key in zip(sessions, keys):
            if any(one.check == NO_BARS for one in bars.of(key).findings):
                break
            found.append(day)
    except BadInput as error:
        return found, [str(error)]
    return found, []


def _after_own(home: Home, study: Study) -> list[date]:
    """List the sessions that only the record of a study's frozen winner needs."""
    frozen = latest_winners(home).get(study.name)
    if frozen is None:
        return []
    known = date.fromisoformat(frozen.record.known_until)
    last = max(known, study.sessions(home.market)[-1])
    return [day for day in home.market.sessions.dates(last) if day > last]


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
    parts = {BARS: days}
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
