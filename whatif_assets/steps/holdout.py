"""The sealed holdout: sessions that are used neither for training nor for selection.

Only the winner is evaluated on them. Every opening is recorded for good in the ledger,
by its sessions and not by the name of the study, since each further look makes the
holdout a little more a part of the search.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.audit import in_words
from whatif_assets.domain.accounts.metrics import METRICS, measure
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.leaks import refuse_leak
from whatif_assets.domain.models.windows import Fold
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Entry, Ledger, Opened
from whatif_assets.home.ledger_history import History, note_lost
from whatif_assets.home.manifest import why_computed
from whatif_assets.home.trial_identity import market_id
from whatif_assets.settings.study import Study
from whatif_assets.steps.backtesting import indicators_of
from whatif_assets.steps.benchmarks import benchmark_of, benchmarks_of
from whatif_assets.steps.dataset import dataset, versions_read
from whatif_assets.steps.examples import examples_of, probe_examples
from whatif_assets.steps.facts import JoinedFacts
from whatif_assets.steps.forecasting import forecast_by
from whatif_assets.steps.placebos import WinnerShape
from whatif_assets.steps.sleeves import run_with_fills, sleeves_of_configuration
from whatif_assets.steps.training import fit_fold
from whatif_assets.steps.winner import Winner

OPENINGS = "holdout_openings"


@dataclass(frozen=True, eq=False)
class HoldoutResult:
    """The winner's result on the holdout.

    Attributes
    ----------
    metrics
        One row: the winner's metrics, and those of buy-and-hold.
    daily
        ``session`` (ISO date), ``pnl`` and ``buy_and_hold_pnl`` since the start, and
        ``start_cash`` of the symbols that have bars in the holdout.
    """

    metrics: pd.DataFrame
    daily: pd.DataFrame


def evaluate_holdout(
    winner: Winner, backend: str, spark: Callable[[], Any]
) -> HoldoutResult:
    """Fit the winner's model on the sessions before the holdout, and trade the holdout.

    Parameters
    ----------
    winner
        The winner of a study that has a holdout.
    backend, spark
        Where to fit; see :func:`whatif_assets.steps.training.train`.

    Raises
    ------
    BadInput
        Bars or features of the holdout's sessions are not materialised, or a training
        row reaches into the holdout.
    """
    home, study, configuration = winner.home, winner.study, winner.configuration
    fold, forecasts = _holdout_of(winner), None
    if configuration.algorithm is not None:
        frame = dataset(home, configuration, fold.train)
        examples = examples_of(study, configuration, frame, fold)
        found = probe_examples(study, configuration, frame, fold, examples)
        refuse_leak(found, f"Holdout of {configuration.key}")
        models = fit_fold(study, configuration, examples, backend, spark).models
        forecasts = forecast_by(models, home, configuration, fold).frame
    sleeves = sleeves_of_configuration(home, study, configuration, fold.test, forecasts)
    n = len(fold.test)
    run = run_with_fills(sleeves, configuration, [winner.variant], n)
    hold = benchmark_of(sleeves, WinnerShape.of(winner).sized("buy_and_hold"), n)
    per_year = home.market.sessions_per_year()
    beside = benchmarks_of(home, study, sleeves, hold, fold.test)
    further = study.ranking.further
    metrics, hold_metrics = (
        measure(of, per_year, beside, further) for of in (run.accounts, hold)
    )
    (audits,) = run.audits_of([winner.variant.id]).values()
    metrics["account"] = in_words(audits)
    for name in (*METRICS, *further):
        metrics[f"buy_and_hold_{name}"] = hold_metrics[name]
    daily = pd.DataFrame(
        {
            "session": [day.isoformat() for day in fold.test],
            "pnl": run.accounts.pnl[0],
            "buy_and_hold_pnl": hold.pnl[0],
            "start_cash": run.accounts.start_cash[0],
        }
    )
    return HoldoutResult(metrics, daily)


def _holdout_of(winner: Winner) -> Fold:
    fold = winner.study.holdout(winner.home.market)
    assert fold is not None, "only called for studies with a holdout"
    return fold


def holdout_inputs(winner: Winner) -> dict[str, str]:
    """Return hashes of the inputs of the winner's holdout result, by part.

    Empty for a study without a holdout.

    Raises
    ------
    BadInput
        Bars or features of the holdout's sessions are not materialised.
    """
    fold = winner.study.holdout(winner.home.market)
    if fold is None:
        return {}
    chosen = winner.inputs
    return {**chosen, "data": combined_hash([chosen["data"], _read(winner)])}


def _read(winner: Winner) -> list[str]:
    """Return the versions of the holdout data that the winner reads."""
    home, configuration = winner.home, winner.configuration
    test = _holdout_of(winner).test
    read = BarReader(home, home.bar_size(configuration)).versions(test)
    if configuration.algorithm is not None:
        read = versions_read(home, configuration, test)
    return [*read, *JoinedFacts(home, indicators_of(configuration)).seen(test)]


def is_opened(winner: Winner) -> bool:
    """Whether the lake has the holdout result of exactly this winner and these bars."""
    table = "holdout_results"
    manifest = winner.home.lake.manifest(table, winner.study.name)
    try:
        wanted = holdout_inputs(winner)
    except BadInput:  # its bars are missing
        return False
    return bool(wanted) and not why_computed(manifest, wanted)


def record_opening(winner: Winner, run_id: str) -> Entry:
    """Record in the ledger that the holdout is about to be looked at.

    If the last look of the study was at the same trial and the same data, no further
    look is recorded, even if other code has changed.

    Returns
    -------
    Entry
        The ledger's entry for the look.
    """
    home, study = winner.home, winner.study
    fold = _holdout_of(winner)
    looked_at = combined_hash([winner.trial, winner.made_of, _read(winner)])
    ledger = Ledger.of(home)
    for entry in reversed(ledger.entries):
        record = entry.record
        if isinstance(record, Opened) and record.study == study.name:
            if record.inputs == looked_at:
                return entry
            break
    opened = Opened(
        study=study.name,
        configuration=winner.configuration.key,
        variant=winner.variant.id,
        market=market_id(home.market),
        symbols=tuple(home.symbols_of(winner.configuration)),
        first_session=fold.test[0].isoformat(),
        last_session=fold.test[-1].isoformat(),
        sessions=len(fold.test),
        inputs=looked_at,
        run_id=run_id,
    )
    note_lost(home, "holdout_results", study.name)
    return Ledger.of(home).append(opened)[-1]


def openings(home: Home, study: Study) -> pd.DataFrame:
    """List the looks of a study at its holdouts, oldest first.

    Returns
    -------
    pandas.DataFrame
        Columns of the table ``holdout_openings``. ``opening`` counts all looks so far
        at any of the same sessions, under any name of the study.
    """
    history = History(home, study)
    rows = []
    for number, (entry, look) in enumerate(history.opened):
        if look.study == study.name:
            so_far = [other for _, other in history.opened[: number + 1]]
            first, last = look.first_session, look.last_session
            seen = sum(other.shows(first, last) for other in so_far)
            row = dataclasses.asdict(look)
            rows.append({**row, "opening": seen, "opened_at": entry.at})
    declared = DATABASE[OPENINGS]
    frame = pd.DataFrame(rows)
    return frame[list(declared.kinds)] if rows else declared.empty()


def times_seen(home: Home, study: Study) -> int:
    """Count the looks at any session of a study's present holdout, by any study."""
    fold = study.holdout(home.market)
    if fold is None:
        return 0
    first, last = fold.test[0].isoformat(), fold.test[-1].isoformat()
    return sum(look.shows(first, last) for _, look in History(home, study).opened)


def times_tested(home: Home, study: Study) -> int:
    """Count the sessions of a study's present holdout on which trials were tested."""
    fold = study.holdout(home.market)
    if fold is None:
        return 0
    tested = History(home, study).evaluated
    spans = [(one.first_session, one.last_session) for _, one in tested]
    days = [day.isoformat() for day in fold.test]
    return sum(any(first <= day <= last for first, last in spans) for day in days)
