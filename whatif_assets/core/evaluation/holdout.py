"""The sealed holdout: sessions that nothing was trained or selected on.

Only the chosen configuration is evaluated on them. Every opening is recorded for
good, since each further look makes the holdout a little more a part of the search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pandas as pd

from whatif_assets.core.backtesting.metrics import METRICS, measure
from whatif_assets.core.bars.reader import BarReader
from whatif_assets.core.damage import DamagedFile, set_aside
from whatif_assets.core.errors import BadInput
from whatif_assets.core.evaluation.evaluate import benchmark_of, indicators_of
from whatif_assets.core.evaluation.stage import detail_on, stage_configuration
from whatif_assets.core.facts.store import FactsBeside
from whatif_assets.core.home import Home
from whatif_assets.core.lake import combined_hash, why_computed
from whatif_assets.core.leaderboard.winner import NAME, Winner
from whatif_assets.core.leaks import refuse_leak
from whatif_assets.core.models.dataset import dataset, versions_read
from whatif_assets.core.models.forecasting import forecast_by
from whatif_assets.core.models.training import fit_fold, lesson, probe_lesson
from whatif_assets.core.models.windows import Fold
from whatif_assets.core.parquet import read_parquet, write_parquet
from whatif_assets.core.study import Study
from whatif_assets.core.tables import LAKE

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
        Where to fit; see :func:`whatif_assets.core.models.training.train`.

    Raises
    ------
    BadInput
        Bars or features of the holdout's sessions are not materialised.
    """
    home, study, configuration = winner.home, winner.study, winner.configuration
    fold, forecasts = _holdout_of(winner), None
    if configuration.algorithm is not None:
        frame = dataset(home, configuration, fold.train)
        taught = lesson(study, configuration, frame, fold)
        found = probe_lesson(study, configuration, frame, fold, taught)
        refuse_leak(found, f"Holdout of {configuration.key}")
        model, _, _ = fit_fold(study, configuration, taught, backend, spark)
        forecasts = forecast_by(model, home, configuration, fold).frame
    sleeves = stage_configuration(home, study, configuration, fold.test, forecasts)
    n = len(fold.test)
    mine = detail_on(sleeves, configuration, [winner.variant], n)
    hold = benchmark_of(sleeves, winner.variant, n)
    per_year = home.market.sessions_per_year()
    metrics, held = (
        measure(of, per_year, hold.returns[0]) for of in (mine.accounts, hold)
    )
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
    home, configuration = winner.home, winner.configuration
    openings(home, winner.study.name)  # before anybody takes a result to be counted
    read = BarReader(home, home.bar_size(configuration)).versions(fold.test)
    if configuration.algorithm is not None:
        read = versions_read(home, configuration, fold.test)
    read += FactsBeside(home, indicators_of(configuration)).seen(fold.test)
    chosen = winner.inputs
    return {**chosen, "data": combined_hash([chosen["data"], read])}


def is_opened(winner: Winner) -> bool:
    """Whether the lake has the holdout's result of this very winner, on these bars."""
    table = "holdout_results"
    manifest = winner.home.lake.manifest(table, winner.study.name)
    try:
        wanted = holdout_inputs(winner)
    except BadInput:  # its bars are missing
        return False
    return bool(wanted) and not why_computed(manifest, wanted)


def record_opening(winner: Winner, inputs: Mapping[str, str], run_id: str) -> None:
    """Write down that the holdout is about to be looked at.

    The same look again, after a run that broke off, is not a further one.
    """
    home, study = winner.home, winner.study
    fold = _holdout_of(winner)
    content = {part: value for part, value in inputs.items() if part != NAME}
    looked_at = combined_hash([sorted(content.items())])
    before = openings(home, study.name)
    if len(before) and before["inputs"].iloc[-1] == looked_at:
        return
    row = {
        "study": study.name,
        "opening": len(before) + 1,
        "configuration": winner.configuration.key,
        "variant": winner.variant.id,
        "first_session": fold.test[0].isoformat(),
        "last_session": fold.test[-1].isoformat(),
        "sessions": len(fold.test),
        "inputs": looked_at,
        "run_id": run_id,
        "opened_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    frame = pd.concat([before, pd.DataFrame([row])], ignore_index=True)
    write_parquet(home.lake.path(OPENINGS, study.name), frame, OPENINGS)


def openings(home: Home, study: str) -> pd.DataFrame:
    """List the openings of a study's holdout, the first one first."""
    path = home.lake.path(OPENINGS, study)
    try:
        return read_parquet(path, OPENINGS)
    except FileNotFoundError:
        return LAKE[OPENINGS].empty()
    except DamagedFile as error:
        set_aside(path, error.fault, "How often the holdout was opened is lost.")
        # What stands was seen, so that it is opened and counted again.
        home.lake.begin("holdout_results", study)
        return LAKE[OPENINGS].empty()


def times_seen(home: Home, study: Study) -> int:
    """Count the openings that showed a session of the study's present holdout."""
    fold = study.holdout(home.market)
    if fold is None:
        return 0
    found = openings(home, study.name)
    first, last = fold.test[0].isoformat(), fold.test[-1].isoformat()
    shared = (found["first_session"] <= last) & (found["last_session"] >= first)
    return int(shared.sum())
