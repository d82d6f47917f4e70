"""The forward record: sessions after the verdict, traded by the frozen winner.

A frozen winner starts without a position on the first forward session. Its models are
never fitted again: those of the last fold are frozen with it. A session is recorded
once in the ledger. If its bars are corrected later, a second entry says so, and the
first one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.audit import in_words
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.parts import with_parts
from whatif_assets.domain.selection.forward import Record, compare
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.home.forward_entries import Forward
from whatif_assets.home.frozen import (
    FrozenHome,
    FrozenWinner,
    frozen_winners,
    latest_winners,
)
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger
from whatif_assets.home.trials import session_returns
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.dataset import KEYS, with_columns
from whatif_assets.steps.forecasting import forecast_rows
from whatif_assets.steps.session_features import SessionFeatures
from whatif_assets.steps.sleeves import run_with_fills, sleeves_of_configuration

TABLE, WINNERS = "forward_results", "frozen_winners"
BARS = "price_bars"


@dataclass(frozen=True)
class Traded:
    """What recording has done for the winner of one study.

    Attributes
    ----------
    added
        Entries that were added to the ledger.
    fault
        Why the winner could not trade; empty if it could.
    """

    added: tuple[Forward, ...] = ()
    fault: str = ""


def record_forward(home: Home) -> dict[str, Traded]:
    """Record the new and corrected sessions of each study's frozen winner.

    Returns
    -------
    dict
        By name of the study, also of a study that was removed.
    """
    found = {}
    for study, frozen in latest_winners(home).items():
        try:
            found[study] = Traded(_record(frozen))
        except BadInput as error:
            found[study] = Traded(fault=str(error))
    return found


def forward_sessions(frozen: FrozenWinner) -> list[date]:
    """List the sessions after everything that was known at freezing, oldest first.

    The list ends before the first session whose bars are missing, since what is held
    after it is unknown.
    """
    home, first = frozen.home, date.fromisoformat(frozen.record.known_until)
    sessions = []
    for day in home.market.sessions.dates():
        if day > first:
            if not home.lake.has(BARS, day.isoformat()):
                break
            sessions.append(day)
    return sessions


def _record(frozen: FrozenWinner) -> tuple[Forward, ...]:
    """Add to the ledger what is new about one frozen winner."""
    lake, sessions = frozen.home.lake, forward_sessions(frozen)
    keys = [day.isoformat() for day in sessions]
    bars = dict(zip(keys, lake.versions(BARS, keys)))
    known = {entry.session: entry for _, entry in frozen.sessions()}
    if all(key in known and known[key].data == bars[key] for key in keys):
        return ()
    pnl, returns = trade(frozen, sessions)
    later = lake.keys(BARS)
    corrected = any(key in known and known[key].data != bars[key] for key in keys)
    entries = [
        Forward(
            winner=frozen.record.winner,
            market=frozen.record.market,
            session=key,
            pnl=profit,
            session_return=change,
            known_later=sum(day > key for day in later),
            corrected=key in known,
            code=CODE_VERSIONS[TABLE],
            data=bars[key],
        )
        for key, profit, change in zip(keys, pnl.tolist(), returns.tolist())
    ]
    added = [
        entry
        for entry in entries
        if not entry.corrected or (corrected and _differs(entry, known[entry.session]))
    ]
    Ledger.of(frozen.home).append(*added)
    return tuple(added)


def _differs(entry: Forward, before: Forward) -> bool:
    return (entry.data, entry.pnl) != (before.data, before.pnl)


def trade(frozen: FrozenWinner, sessions: list[date]) -> tuple[FloatArray, FloatArray]:
    """Trade consecutive sessions with a frozen winner.

    Returns
    -------
    pnl, returns : numpy.ndarray
        Profit and simple return of each session, (sessions,) float64.

    Raises
    ------
    BadInput
        The copy was changed, the market no longer has what the winner needs, or the
        account does not reconcile.
    """
    home, key = frozen.as_home, frozen.record.configuration
    configuration, study = home.find(key)
    named = {variant.id: variant for variant in configuration.variants()}
    if frozen.record.variant not in named:
        raise BadInput(
            f"Frozen winner {key}: the present code knows no variant "
            f"'{frozen.record.variant}', so its forward record ends here."
        )
    variant, forecasts = named[frozen.record.variant], None
    if configuration.algorithm is not None:
        forecasts = _forecasts(frozen, home, configuration, sessions)
    sleeves = sleeves_of_configuration(home, study, configuration, sessions, forecasts)
    run = run_with_fills(sleeves, configuration, [variant], len(sessions))
    (audits,) = run.audits_of([variant.id]).values()
    if fault := in_words(audits):
        raise BadInput(f"Frozen winner {key}: {fault}")
    accounts = run.accounts
    returns = session_returns(accounts.pnl, accounts.start_cash)
    return np.diff(accounts.pnl[0], prepend=0.0), returns[0]


def _forecasts(
    frozen: FrozenWinner,
    home: FrozenHome,
    configuration: Configuration,
    sessions: list[date],
) -> pd.DataFrame:
    """Forecast sessions with the frozen models.

    Features are computed from the bars, since the stored ones are those that today's
    studies use.
    """
    size, label = home.bar_size(configuration), configuration.label
    symbols = home.symbols_learned(configuration)
    computed = SessionFeatures(
        home, configuration.features_read, sessions, bar_size=size
    )
    rows = pd.concat([computed.of(day) for day in sessions], ignore_index=True)
    rows = rows[rows["symbol"].isin(symbols)]
    wanted = list(dict.fromkeys([*KEYS, *label.columns]))
    bars = BarReader(home, size).over(sessions, wanted, symbols)
    rows = with_columns(rows, bars.assign(price=bars[label.price]), ["price"])
    rows = with_parts(rows.assign(label=np.nan), home.parts_of(configuration))
    last = home.study(frozen.record.study).folds(home.market)[-1].number
    return forecast_rows(frozen.models, configuration, rows, last).frame


def record_of(frozen: FrozenWinner) -> Record:
    """Compare the record of a frozen winner with its promise; BadInput as `trade`."""
    first = [one for _, one in frozen.sessions() if not one.corrected]
    returns = np.array([one.session_return for one in first], dtype=np.float64)
    return compare(frozen.promise, returns)


def forward_table(home: Home, study: str) -> pd.DataFrame:
    """Return the rows of the table ``forward_results`` of a study, oldest first."""
    frames = [_rows(one) for one in frozen_winners(home) if one.record.study == study]
    return DATABASE[TABLE].stacked(frames)


def current_rows(frozen: FrozenWinner) -> pd.DataFrame:
    """Return the rows of ``forward_results`` of one winner that are no corrections."""
    rows = _rows(frozen)
    return rows[~rows["corrected"].astype(bool)].reset_index(drop=True)


def _rows(frozen: FrozenWinner) -> pd.DataFrame:
    """Return one row per entry of a record; a corrected one has no place in the sum."""
    try:
        record = record_of(frozen)
    except (BadInput, OSError, ValueError, KeyError):
        return DATABASE[TABLE].empty()
    rows, place = [], 0
    began = datetime.fromisoformat(frozen.entry.at).date().isoformat()
    for entry, one in frozen.sessions():
        row: dict[str, Any] = {
            **_named(frozen),
            "session": date.fromisoformat(one.session),
            "pnl": one.pnl,
            "session_return": one.session_return,
            "corrected": one.corrected,
            # Its date says that its bars may have been known to someone at freezing.
            "replayed": one.session <= began,
            "known_later": one.known_later,
            "recorded_at": pd.Timestamp(entry.at),
            "code": one.code,
            "code_changed": one.code != frozen.record.code,
            "data": one.data,
        }
        if not one.corrected:
            row |= {
                "cumulative": record.cumulative[place],
                "band_low": record.low[place],
                "band_high": record.high[place],
                "alarm_below": record.alarm[place],
                "state": record.standings[place].value,
            }
            place += 1
        rows.append(row)
    frame = pd.DataFrame(rows)
    return DATABASE[TABLE].empty() if frame.empty else frame


def winners_table(home: Home, study: str) -> pd.DataFrame:
    """Return the rows of the table ``frozen_winners`` of a study, oldest first."""
    latest = latest_winners(home).get(study)
    rows = []
    for frozen in frozen_winners(home):
        if frozen.record.study == study:
            is_latest = latest is not None and latest.record == frozen.record
            rows.append({**_described(frozen), "is_latest": is_latest})
    return DATABASE[WINNERS].stacked([pd.DataFrame(rows)] if rows else [])


def _described(frozen: FrozenWinner) -> dict[str, Any]:
    """Describe a frozen winner and its record as a row."""
    row = {
        **_named(frozen),
        "verdict": frozen.record.verdict,
        "frozen_at": pd.Timestamp(frozen.entry.at),
        "known_until": date.fromisoformat(frozen.record.known_until),
        "code": frozen.record.code,
        "data": frozen.record.data,
    }
    try:
        record, promise = record_of(frozen), frozen.promise
    except (BadInput, OSError, ValueError, KeyError) as error:
        return {**row, "in_words": f"The record cannot be judged: {error}"}
    return {
        **row,
        "expected": promise.expected,
        "sessions_needed": promise.sessions_needed,
        "sessions": len(record.cumulative),
        "state": record.standing.value,
        "in_words": record.in_words,
    }


def _named(frozen: FrozenWinner) -> dict[str, Any]:
    record = frozen.record
    names = ("study", "winner", "configuration", "variant")
    return {name: getattr(record, name) for name in names}
