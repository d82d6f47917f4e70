"""The sealed holdout: sessions that nothing was trained or selected on.

Only the chosen configuration is evaluated on them. Every opening is recorded for good
in the ledger, by its sessions and not by the name of the study, since each further look
makes the holdout a little more a part of the search.
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
from whatif_assets.steps.benchmarks import benchmark_of
from whatif_assets.steps.dataset import dataset, versions_read
from whatif_assets.steps.facts import JoinedFacts
from whatif_assets.steps.forecasting import forecast_by
from whatif_assets.steps.placebos import Challenged
from whatif_assets.steps.sleeves import run_with_fills, sleeves_of_configuration
from whatif_assets.steps.training import examples_of, fit_fold, probe_examples
from whatif_assets.steps.winner import Winner

OPENINGS = "holdout_openings"


@dataclass(frozen=True, eq=False)
class HoldoutResult:
    """What the winner did on the holdout.

    Attributes
    ----------
    metrics
        One row: the winner's metrics, and those of buy-and-hold.
    daily
        ``session`` (ISO date), ``pnl`` and ``buy_and_hold_pnl`` since the start, and
        ``start_cash``, of the symbols that have bars there.
    """

    metrics: pd.DataFrame
    daily: pd.DataFrame


def evaluate_holdout(
    winner: Winner, backend: str, spark: Callable[[], Any]
) -> HoldoutResult:
    """Train the winner's model anew up to the holdout, and trade it there.

    Parameters
    ----------
    winner
        Of a study that has a holdout.
    backend, spark
        Where to fit; see :func:`whatif_assets.steps.training.train`.

    Raises
    ------
    BadInput
        Bars or features of the holdout's sessions are not materialised.
    """
    home, study, configuration = winner.home, winner.study, winner.configuration
    fold, forecasts = _holdout_of(winner), None
    if configuration.algorithm is not None:
        frame = dataset(home, configuration, fold.train)
        examples = examples_of(study, configuration, frame, fold)
        found = probe_examples(study, configuration, frame, fold, examples)
        refuse_leak(found, f"Holdout of {configuration.key}")
        model, _, _ = fit_fold(study, configuration, examples, backend, spark)
        forecasts = forecast_by(model, home, configuration, fold).frame
    sleeves = sleeves_of_configuration(home, study, configuration, fold.test, forecasts)
    n = len(fold.test)
    mine = run_with_fills(sleeves, configuration, [winner.variant], n)
    hold = benchmark_of(sleeves, Challenged.of(winner).sized("buy_and_hold"), n)
    per_year = home.market.sessions_per_year()
    metrics, held = (
        measure(of, per_year, hold.returns[0]) for of in (mine.accounts, hold)
    )
    (audits,) = mine.audits_of([winner.variant.id]).values()
    metrics["account"] = in_words(audits)
    for name in METRICS:
        metrics[f"buy_and_hold_{name}"] = held[name]
    daily = pd.DataFrame(
        {
            "session": [day.isoformat() for day in fold.test],
            "pnl": mine.accounts.pnl[0],
            "buy_and_hold_pnl": hold.pnl[0],
            "start_cash": mine.accounts.start_cash[0],
        }
    )
    return HoldoutResult(metrics, daily)


def _holdout_of(winner: Winner) -> Fold:
    fold = winner.study.holdout(winner.home.market)
    assert fold is not None, "asked for of studies with a holdout alone"
    return fold


def holdout_inputs(winner: Winner) -> dict[str, str]:
    """Hashes of all that the winner's result on the holdout comes from, by part.

    Empty for a study without a holdout.
    """
    fold = winner.study.holdout(winner.home.market)
    if fold is None:
        return {}
    chosen = winner.inputs
    return {**chosen, "data": combined_hash([chosen["data"], _read(winner)])}


def _read(winner: Winner) -> list[str]:
    """Versions of what the winner reads of the holdout."""
    home, configuration = winner.home, winner.configuration
    test = _holdout_of(winner).test
    read = BarReader(home, home.bar_size(configuration)).versions(test)
    if configuration.algorithm is not None:
        read = versions_read(home, configuration, test)
    return [*read, *JoinedFacts(home, indicators_of(configuration)).seen(test)]


def is_opened(winner: Winner) -> bool:
    """Whether the lake has the holdout's result of this very winner, on these bars."""
    table = "holdout_results"
    manifest = winner.home.lake.manifest(table, winner.study.name)
    try:
        wanted = holdout_inputs(winner)
    except BadInput:  # its bars are missing
        return False
    return bool(wanted) and not why_computed(manifest, wanted)


def record_opening(winner: Winner, run_id: str) -> Entry:
    """Write into the ledger that the holdout is about to be looked at.

    The same look again of the same study is not a further one: the same trial, on the
    same data, whatever else of the code has changed.

    Returns
    -------
    Entry
        The ledger's entry of the look.
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
    """List the looks of a study at its holdouts, the first one first.

    Returns
    -------
    pandas.DataFrame
        ``opening`` counts every look at any of the same sessions, whatever the study
        was called.
    """
    history = History(home, study)
    rows = []
    for number, (entry, one) in enumerate(history.opened):
        if one.study == study.name:
            before = [other for _, other in history.opened[: number + 1]]
            seen = sum(_overlaps(one, other) for other in before)
            row = dataclasses.asdict(one)
            rows.append({**row, "opening": seen, "opened_at": entry.at})
    declared = DATABASE[OPENINGS]
    frame = pd.DataFrame(rows)
    return frame[list(declared.kinds)] if rows else declared.empty()


def _overlaps(one: Opened, other: Opened) -> bool:
    first, last = other.first_session, other.last_session
    return one.first_session <= last and one.last_session >= first


def times_seen(home: Home, study: Study) -> int:
    """Count the looks at any session of a study's present holdout, by whomever."""
    fold = study.holdout(home.market)
    if fold is None:
        return 0
    first, last = fold.test[0].isoformat(), fold.test[-1].isoformat()
    return sum(
        one.first_session <= last and one.last_session >= first
        for _, one in History(home, study).opened
    )


def times_tested(home: Home, study: Study) -> int:
    """Count the sessions of a study's present holdout that trials were tested on."""
    fold = study.holdout(home.market)
    if fold is None:
        return 0
    tested = History(home, study).evaluated
    spans = [(one.first_session, one.last_session) for _, one in tested]
    days = [day.isoformat() for day in fold.test]
    return sum(any(first <= day <= last for first, last in spans) for day in days)
