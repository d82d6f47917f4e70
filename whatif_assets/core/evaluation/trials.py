"""Trials: every variant that was ever evaluated in a study, kept for good.

The best of many is partly luck, and how many there were decides how much. So what
was tried is registered when it is evaluated, and stays when the study is changed and
its results are gone.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.core.atomic import atomic_path
from whatif_assets.core.backtesting.sleeve import FloatArray
from whatif_assets.core.configuration import Configuration
from whatif_assets.core.damage import DamagedFile, tell
from whatif_assets.core.lake import DATA, Lake, combined_hash
from whatif_assets.core.parquet import columns_of, read_parquet, write_parquet
from whatif_assets.core.strategies.params import json_value
from whatif_assets.core.study import Study
from whatif_assets.core.tables import LAKE

TABLE = "trials"
DAILY_PNL = "daily_pnl"
DAILY = f"{DAILY_PNL}.parquet"
CANDIDATE = "candidate"


def settings_of_trials(configuration: Configuration) -> list[str]:
    """List the settings of a configuration's variants as JSON, in their order.

    They are what a trial is, whatever its configuration is called and whether a field
    is swept or fixed.
    """
    shared = configuration.settings()
    shared.pop("sweep", None)
    return [
        json.dumps(
            {
                **shared,
                **json_value(v.settings),
                **dataclasses.asdict(v.costs),
                "cash": v.cash,
            },
            sort_keys=True,
        )
        for v in configuration.variants()
    ]


def register_trials(
    lake: Lake, study: Study, configuration: Configuration, rows: pd.DataFrame
) -> None:
    """Register the variants of a configuration that were just evaluated.

    Evaluating the same settings again, on corrected bars say, replaces what was
    registered of them and makes no further trial.

    Parameters
    ----------
    rows
        Results of the variants: ``variant``, ``role``, ``settings`` (JSON),
        ``start_cash`` and metrics. Their daily profits stand in the lake.
    """
    folder = _registered_in(lake, study, configuration)
    daily = lake.path(DAILY_PNL, configuration.key)
    sessions = columns_of(daily)[1:]
    table = rows[["variant", "role", "start_cash", "pnl", "sharpe"]].assign(
        study=study.name,
        trial=[combined_hash([settings]) for settings in rows["settings"]],
        configuration=configuration.key,
        sessions=len(sessions),
        first_session=sessions[0],
        last_session=sessions[-1],
    )
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write_parquet(temporary / DATA, table, TABLE)
        _link(daily, temporary / DAILY)


def _folder(lake: Lake, study: str) -> Path:
    return lake.folder(TABLE) / f"study={_quoted(study)}"


def _registered_in(lake: Lake, study: Study, configuration: Configuration) -> Path:
    """Folder of the trials of a configuration, as its results are now."""
    hashed = configuration.result_hash(study)
    return _folder(lake, study.name) / f"{_quoted(configuration.key)}-{hashed}"


def _quoted(name: str) -> str:
    return quote(name, safe="~+")


def _link(source: Path, target: Path) -> None:
    """Keep a file that will be replaced, not changed: a second name costs nothing."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def read_trials(lake: Lake, study: str) -> pd.DataFrame:
    """List everything that was ever tried in a study, one row per evaluation.

    Returns
    -------
    pandas.DataFrame
        ``trial`` is the same for the same settings, whatever the configuration was
        called and whatever sessions it was tried on.
    """
    parts = [table for table, _ in _registered(lake, study)]
    if not parts:
        return LAKE[TABLE].empty()
    return pd.concat(parts, ignore_index=True)


def _registered(lake: Lake, study: str) -> Iterator[tuple[pd.DataFrame, Path]]:
    """Go through what is registered: its rows, and the file of daily profits."""
    for path in trial_files(lake, study):
        try:
            yield read_parquet(path, TABLE), path.parent / DAILY
        except DamagedFile as error:
            tell(path, error.fault, "The trials in it are lost, and not counted.")


def trial_files(lake: Lake, study: str) -> list[Path]:
    """List the files in which the trials of a study are registered."""
    return sorted(_folder(lake, study).glob(f"*/{DATA}"))


@dataclass(frozen=True, eq=False)
class TrialReturns:
    """Daily returns of a study's candidate trials, over its test windows.

    Attributes
    ----------
    names
        ``configuration`` and ``variant`` of each; one row per distinct trial.
    returns
        Simple return of each session, (trials, sessions) float64; 0 from the day
        the money is gone.
    ever_tried
        Distinct candidate trials on any sessions, at least as many as rows.
    """

    names: pd.DataFrame
    returns: FloatArray
    ever_tried: int

    def row_of(self, configuration: str, variant: str) -> int:
        """Row of a variant that stands in ``names``."""
        same = self.names["configuration"].eq(configuration)
        return int(np.flatnonzero(same & self.names["variant"].eq(variant))[0])


def trial_returns(
    lake: Lake, study: str, sessions: Sequence[date], current: pd.DataFrame
) -> TrialReturns:
    """Collect the returns of all candidates ever tried on some sessions.

    Parameters
    ----------
    sessions
        The sessions; trials on others only count.
    current
        ``configuration`` and ``variant`` of those that stand for their trial where
        several have the same settings: the leaderboard's.
    """
    wanted = [day.isoformat() for day in sessions]
    preferred = pd.MultiIndex.from_frame(current[["configuration", "variant"]])
    names, returns = [], []
    ever: set[str] = set()
    for table, daily in _registered(lake, study):
        rows = table[table["role"] == CANDIDATE]
        ever.update(rows["trial"])
        pnl = _profits(daily, wanted) if len(rows) else None
        if pnl is not None:
            pnl = pnl.loc[rows["variant"]]
            returns.append(session_returns(pnl.to_numpy(), rows["start_cash"]))
            names.append(rows[["trial", "configuration", "variant"]])
    if not names:
        return TrialReturns(current.iloc[:0], np.empty((0, len(wanted))), len(ever))
    listed = pd.concat(names, ignore_index=True)
    key = pd.MultiIndex.from_frame(listed[["configuration", "variant"]])
    ordered = listed.assign(rank=~key.isin(preferred)).sort_values(
        "rank", kind="stable"
    )
    kept = np.sort(ordered.drop_duplicates("trial").index.to_numpy())
    return TrialReturns(
        listed.loc[kept, ["configuration", "variant"]].reset_index(drop=True),
        np.concatenate(returns)[kept],
        len(ever),
    )


def _profits(daily: Path, sessions: list[str]) -> pd.DataFrame | None:
    """Read daily profits by variant; None where they are of other sessions."""
    try:
        if columns_of(daily)[1:] != sessions:
            return None
        return read_parquet(daily, DAILY_PNL).set_index("variant")
    except (DamagedFile, FileNotFoundError) as error:
        fault = getattr(error, "fault", "is missing")
        tell(daily, fault, "Its trials are counted, and their profits are lost.")
        return None


def restore_trials(
    lake: Lake, study: Study, configurations: Iterable[Configuration]
) -> None:
    """Register again, from their results, trials whose files are damaged.

    Parameters
    ----------
    configurations
        Those whose results of now are in the lake.
    """
    for configuration in configurations:
        folder = _registered_in(lake, study, configuration)
        damaged = _damaged(folder / DATA, TABLE) or _damaged(folder / DAILY, DAILY_PNL)
        if damaged:
            tell(*damaged, "It is made again of the results.")
            rows = lake.read("backtest_results", configuration.key)
            register_trials(lake, study, configuration, rows)


def _damaged(path: Path, table: str) -> tuple[Path, str] | None:
    """Name a file with what is wrong with it; None where it can be read."""
    try:
        read_parquet(path, table)
    except DamagedFile as error:
        return path, error.fault
    except FileNotFoundError:
        return path, "is missing"
    return None


def session_returns(pnl: FloatArray, start_cash: npt.ArrayLike) -> FloatArray:
    """Turn profits since the start into the simple return of each session.

    Parameters
    ----------
    pnl
        (variants, sessions) float64.
    start_cash
        Of each variant.

    Returns
    -------
    numpy.ndarray
        (variants, sessions) float64; 0 from the day the money is gone.
    """
    start = np.asarray(start_cash, dtype=np.float64)[:, None]
    path = np.hstack([start, start + pnl])
    alive = np.minimum.accumulate(path, axis=1)[:, :-1] > 0
    returns = np.zeros(pnl.shape)
    np.divide(np.diff(path, axis=1), path[:, :-1], out=returns, where=alive)
    return returns
