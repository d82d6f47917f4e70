"""Freezing the winner of a study when a verdict is given."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.selection.forward import Promise
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.home.forward_entries import Frozen
from whatif_assets.home.frozen import FrozenWinner, latest_winners, write_copy
from whatif_assets.home.ledger import Ledger
from whatif_assets.home.ledger_history import History
from whatif_assets.home.trial_identity import market_id
from whatif_assets.home.trials import session_returns
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.training import TABLE as MODELS
from whatif_assets.steps.training import model_file
from whatif_assets.steps.verdicts import read_verdicts
from whatif_assets.steps.winner import Winner

# Settings of a study that say what a winner is, whatever its last session.
FRAME = {"symbols", "universes", "evaluation"}


def freeze(winner: Winner) -> FrozenWinner | None:
    """Freeze a winner that a verdict names, unless it is frozen already.

    A winner that wins again after another one starts another record, since the
    sessions in between have helped to choose it.

    Returns
    -------
    FrozenWinner or None
        None where there is no verdict, or it names no winner.
    """
    verdict = read_verdicts(winner)
    if verdict.empty or not verdict["names_winner"].iloc[0]:
        return None
    home, settings = winner.home, settings_hash(winner)
    latest = latest_winners(home).get(winner.study.name)
    if latest is not None and latest.record.settings == settings:
        return latest
    known_until = _known_until(winner)
    identity = combined_hash([settings, known_until])
    ledger = Ledger.of(home)
    before = [
        entry.record
        for entry in ledger.entries
        if isinstance(entry.record, Frozen) and entry.record.winner == identity
    ]
    named = {"winner": identity, "settings": settings, "known_until": known_until}
    ledger.append(before[0] if before else _frozen(winner, verdict, named))
    return latest_winners(home)[winner.study.name]


def settings_hash(winner: Winner) -> str:
    """Hash what a winner is: its settings, the user's code, and the market.

    The last session does not count, and nor does the version of the project's code.
    """
    study, configuration = winner.study, winner.configuration
    kind, algorithm = configuration.strategy_type(), configuration.algorithm or ""
    return combined_hash(
        [
            market_id(winner.home.market),
            study.name,
            study.model_dump(mode="json", include=FRAME),
            study.dates.first,
            winner.row["settings"],
            [] if kind.built_in else kind.code_version,
            find_algorithm(algorithm, configuration.base).code_version
            if ":" in algorithm
            else "",
        ]
    )


def _frozen(winner: Winner, verdict: pd.DataFrame, named: Mapping[str, str]) -> Frozen:
    """Copy a winner, and describe the copy for the ledger."""
    home, study = winner.home, winner.study
    last = study.folds(home.market)[-1].number
    models = None
    if winner.configuration.algorithm is not None:
        key = winner.configuration.key
        models = home.lake.read_file(MODELS, key, model_file(last))
    promise = _promise(winner, float(verdict["haircut_sharpe"].iloc[0]))
    return Frozen(
        study=study.name,
        configuration=winner.configuration.key,
        variant=winner.variant.id,
        market=market_id(home.market),
        **named,
        verdict=str(verdict["verdict"].iloc[0]),
        code=CODE_VERSIONS["forward_results"],
        data=combined_hash(sorted(winner.made_of.items())),
        content=write_copy(home, study, named["winner"], promise, models),
    )


def _promise(winner: Winner, haircut_sharpe: float) -> Promise:
    """Turn the returns of the backtest into the winner's promise."""
    daily = winner.home.lake.read("daily_pnl", winner.configuration.key)
    row = daily[daily["variant"] == winner.variant.id].drop(columns="variant")
    pnl = row.to_numpy(dtype=np.float64)
    (returns,) = session_returns(pnl, [winner.row["start_cash"]])
    yearly = winner.home.market.sessions_per_year()
    expected = haircut_sharpe / math.sqrt(yearly) * float(returns.std())
    # A haircut leaves at most what the backtest had.
    expected = min(expected, float(returns.mean()))
    return Promise.of(returns, expected, winner.study.seed)


def _known_until(winner: Winner) -> str:
    """Return the last session of which anything was known: bars, trials, holdouts."""
    history = History(winner.home, winner.study)
    tried = [record.last_session for _, record in history.evaluated]
    looked_at = [record.last_session for _, record in history.opened]
    stored = winner.home.lake.keys("price_bars")
    tested = [day.isoformat() for day in winner.sessions]
    return max([*tried, *looked_at, *stored, *tested])
