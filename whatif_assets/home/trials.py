"""Trials: every variant that was ever evaluated on some market data, kept for good.

The best of many variants is partly luck, and their number decides how much. So each
trial is written into the ledger when it is evaluated, and it stays there when the study
is changed, renamed or removed and its results are gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.strategies.params import json_value
from whatif_assets.home.atomic import atomic_path
from whatif_assets.home.damage import DamagedFile, tell
from whatif_assets.home.home import Home
from whatif_assets.home.lake import Lake
from whatif_assets.home.lake_names import DATA
from whatif_assets.home.ledger import Entry, Evaluated, Ledger
from whatif_assets.home.ledger_history import (
    MARKS,
    History,
    keep_marks,
    note_lost,
)
from whatif_assets.home.parquet import (
    file_hash,
    read_parquet,
    write_parquet,
)
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trial_identity import market_id, trials_of
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study

TABLE = "trials"
DAILY_PNL = "daily_pnl"
DAILY = f"{DAILY_PNL}.parquet"
CANDIDATE = "candidate"


def settings_of_trials(configuration: Configuration) -> list[str]:
    """List the settings of a configuration's variants as JSON, in variant order."""
    shared = configuration.settings()
    shared.pop("sweep", None)
    return [
        json.dumps(
            {
                **shared,
                **json_value(v.settings),
                **v.costs.as_settings(),
                "cash": v.cash,
            },
            sort_keys=True,
        )
        for v in configuration.variants()
    ]


def register_trials(
    home: Home,
    study: Study,
    configuration: Configuration,
    rows: pd.DataFrame,
    marks: pd.DataFrame,
) -> Entry:
    """Write the variants of a configuration that were just evaluated into the ledger.

    Evaluating the same again, on corrected bars or further sessions say, replaces the
    profits that are known of them and makes no further trial.

    Parameters
    ----------
    rows
        Results of the variants: ``variant``, ``role``, ``start_cash`` and metrics.
        Their daily profits are in the lake.
    marks
        Of the bars; see `whatif_assets.home.trial_identity.marks_of`.

    Returns
    -------
    Entry
        The ledger's entry of them.
    """
    ledger = Ledger.of(home)
    sessions = home.lake.columns(DAILY_PNL, configuration.key)[1:]
    trials = trials_of(home, study, configuration)
    table = rows[["variant", "role", "start_cash", "pnl", "sharpe"]].assign(
        study=study.name,
        trial=trials,
        configuration=configuration.key,
        sessions=len(sessions),
        first_session=sessions[0],
        last_session=sessions[-1],
    )
    market = market_id(home.market)
    file = combined_hash([market, study.name, configuration.key, sorted(trials)])
    folder = ledger.folder / TABLE / file
    content = _keep(folder, table, home.lake, configuration.key)
    keep_marks(ledger, market, marks)
    record = Evaluated(
        study=study.name,
        configuration=configuration.key,
        market=market,
        symbols=tuple(home.symbols_of(configuration)),
        first_session=sessions[0],
        last_session=sessions[-1],
        sessions=len(sessions),
        candidates=int((rows["role"] == CANDIDATE).sum()),
        file=file,
        content=content,
    )
    for entry in reversed(ledger.entries):
        if isinstance(entry.record, Evaluated) and entry.record.file == file:
            if entry.record == record and entry.folder == ledger.folder:
                return entry
            break
    return ledger.append(record)[-1]


def _keep(folder: Path, table: pd.DataFrame, lake: Lake, key: str) -> str:
    """Keep a table of trials with their daily profits; return the hash of both."""
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        content = write_parquet(temporary / DATA, table, TABLE)
        lake.copy_out(DAILY_PNL, key, temporary / DAILY)
        return combined_hash([content, file_hash(temporary / DAILY)])


def read_trials(home: Home, study: Study) -> pd.DataFrame:
    """List everything that was ever tried in a study, one row per evaluation.

    Returns
    -------
    pandas.DataFrame
        Columns of the table ``trials``. ``trial`` is the same for the same settings,
        code and windows, whatever the name of the configuration was.
    """
    own = [
        (entry, record)
        for entry, record in History(home, study).evaluated
        if record.study == study.name
    ]
    parts = (_rows(entry, record) for entry, record in own)
    return LAKE[TABLE].stacked(rows for rows in parts if rows is not None)


def _rows(entry: Entry, record: Evaluated) -> pd.DataFrame | None:
    """Read the evaluated variants of an entry; None if they cannot be read."""
    path = _folder(entry, record) / DATA
    try:
        return read_parquet(path, TABLE)
    except (DamagedFile, FileNotFoundError) as error:
        fault = getattr(error, "fault", "is missing")
        tell(path, fault, "Its trials are counted; nothing else about them is known.")
        return None


def _folder(entry: Entry, record: Evaluated) -> Path:
    return entry.folder / TABLE / record.file


@dataclass(frozen=True, eq=False)
class TrialReturns:
    """Daily returns of the candidate trials on a study's market data.

    Attributes
    ----------
    trials
        Hash of each trial, sorted: one row per distinct trial.
    returns
        Simple return of each session, (trials, sessions) float64; 0 after the account
        has lost all its money, NaN if the trial was not evaluated on the session.
    ever_tried
        Number of distinct candidate trials on any sessions; at least the number of
        rows.
    """

    trials: tuple[str, ...]
    returns: FloatArray
    ever_tried: int

    def row_of(self, trial: str) -> int:
        """Return the row of a trial.

        Raises
        ------
        BadInput
            The ledger does not have the trial.
        """
        if trial not in self.trials:
            raise BadInput(
                f"The ledger of trials does not have the winner, trial {trial}. "
                "Materialise verdicts again (in the UI, or with 'whatif run'): this "
                "restores the trial from its results."
            )
        return self.trials.index(trial)


def trial_returns(history: History, sessions: Sequence[date]) -> TrialReturns:
    """Collect the returns of all candidates ever tried on some sessions.

    Parameters
    ----------
    history
        The history of the market data.
    sessions
        The sessions, oldest first; trials that share none of them are only counted.

    Returns
    -------
    TrialReturns
        Rows in the order of the trials' hashes, whatever the order of evaluation.
    """
    wanted = [day.isoformat() for day in sessions]
    known: dict[str, FloatArray] = {}
    ever: set[str] = set()
    nameless = _looks_at(history, wanted)
    for entry, record in history.evaluated:
        rows = _rows(entry, record)
        if rows is None:
            nameless += record.candidates
            continue
        rows = rows[rows["role"] == CANDIDATE]
        ever.update(rows["trial"])
        daily = _folder(entry, record) / DAILY
        found = _returns(daily, rows, wanted) if len(rows) else None
        if found is not None:  # a later evaluation replaces an earlier one
            known.update(zip(rows["trial"], found))
    trials = tuple(sorted(known))
    stacked = [known[trial] for trial in trials]
    returns = np.stack(stacked) if stacked else np.empty((0, len(wanted)))
    return TrialReturns(trials, returns, len(ever) + nameless)


def _looks_at(history: History, sessions: Sequence[str]) -> int:
    """Count the looks at holdouts that showed one of the sessions; each is a trial."""
    if not sessions:
        return 0
    return sum(look.shows(sessions[0], sessions[-1]) for _, look in history.opened)


def _returns(
    daily: Path, rows: pd.DataFrame, sessions: Sequence[str]
) -> FloatArray | None:
    """Read returns of trials on some sessions; None if none is shared or readable."""
    try:
        pnl = read_parquet(daily, DAILY_PNL).set_index("variant")
    except (DamagedFile, FileNotFoundError) as error:
        fault = getattr(error, "fault", "is missing")
        tell(daily, fault, "Its trials are counted, but their profits are lost.")
        return None
    if set(sessions).isdisjoint(pnl.columns):
        return None
    own = session_returns(pnl.loc[rows["variant"]].to_numpy(), rows["start_cash"])
    place = pd.Index(pnl.columns).get_indexer(pd.Index(sessions))
    return np.where(place >= 0, own[:, place], np.nan)


def restore_trials(
    home: Home, study: Study, configurations: Iterable[Configuration]
) -> None:
    """Restore trials whose ledger entry or file is lost, from their results.

    Parameters
    ----------
    configurations
        Configurations whose current results are in the lake.
    """
    found = History(home, study).evaluated
    latest = {record.configuration: _folder(entry, record) for entry, record in found}
    hashes = {record.configuration: record.content for _, record in found}
    for configuration in configurations:
        key = configuration.key
        folder = latest.get(key)
        if folder is None:
            path, fault = Ledger.of(home).folder, f"does not have {key}"
        else:
            path, fault = folder, _fault_of(folder, hashes[key])
        if fault:
            tell(path, fault, "It is restored from the results.")
            note_lost(home, "backtest_results", key)
            rows = home.lake.read("backtest_results", key)
            register_trials(home, study, configuration, rows, LAKE[MARKS].empty())


def _fault_of(folder: Path, content: str) -> str:
    """Describe what is wrong with the files of an entry; empty if nothing is."""
    try:
        found = combined_hash([file_hash(folder / DATA), file_hash(folder / DAILY)])
    except FileNotFoundError:
        return "is missing"
    return "" if found == content else "differs from what was entered"


def session_returns(pnl: FloatArray, start_cash: npt.ArrayLike) -> FloatArray:
    """Turn profits since the start into the simple return of each session.

    Parameters
    ----------
    pnl
        (variants, sessions) float64.
    start_cash
        Cash of each variant at the start.

    Returns
    -------
    numpy.ndarray
        (variants, sessions) float64; 0 after the account has lost all its money.
    """
    start = np.asarray(start_cash, dtype=np.float64)[:, None]
    path = np.hstack([start, start + pnl])
    alive = np.minimum.accumulate(path, axis=1)[:, :-1] > 0
    returns = np.zeros(pnl.shape)
    np.divide(np.diff(path, axis=1), path[:, :-1], out=returns, where=alive)
    return returns
