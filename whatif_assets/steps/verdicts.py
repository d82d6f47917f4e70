"""Verdict on the winner of a study, from everything that the lake has about it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.selection import Evidence, Holdout, Placebo, Verdict
from whatif_assets.domain.strategies.benchmark_size import benchmark_in_words
from whatif_assets.home.lake_names import not_materialised
from whatif_assets.home.ledger_history import History
from whatif_assets.home.manifest import why_computed
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trials import (
    restore_trials,
    session_returns,
    trial_returns,
)
from whatif_assets.steps.exposure import participation, stress_loss
from whatif_assets.steps.holdout import is_opened, times_seen, times_tested
from whatif_assets.steps.leaderboard import CANDIDATE
from whatif_assets.steps.placebos import is_challenged
from whatif_assets.steps.winner import Winner

TABLE = "verdicts"
LOGITS = "verdict_logits"
# Of the many variants of this placebo only the value that few of them beat counts.
DRAWN = "random_entry"
FEW = 0.05
# Metrics of profit, which costs reduce in proportion to the turnover.
MONEY = ("pnl", "total_return")
NO_VERDICTS = LAKE[TABLE].empty()


def verdict_inputs(winner: Winner) -> dict[str, str]:
    """Return hashes of the inputs of the verdict on a winner, by part.

    Raises
    ------
    BadInput
        The winner's placebos are not materialised.
    """
    lake, study = winner.home.lake, winner.study
    _check_placebos(winner)
    opened = is_opened(winner)
    return {
        "settings": combined_hash([winner.inputs["settings"], study.seed]),
        "data": combined_hash(
            [
                winner.inputs["data"],
                lake.versions("placebo_results", [study.name]),
                lake.versions("holdout_results", [study.name]) if opened else None,
                History(winner.home, study).version,
                lake.versions("leaderboard", [study.name]),
            ]
        ),
    }


def evidence_of(winner: Winner) -> Evidence:
    """Collect the evidence about a winner and about the trials it was chosen from.

    Raises
    ------
    BadInput
        The winner's placebos are not materialised, or the ledger lacks its trial.
    """
    _check_placebos(winner)
    study, lake = winner.study, winner.home.lake
    ranking = lake.read("leaderboard", study.name)
    history = History(winner.home, study)
    tried = trial_returns(history, winner.sessions)
    row = tried.row_of(winner.trial)
    return Evidence(
        trials=tried.returns,
        winner=row,
        hold=_hold_returns(winner),
        held=_benchmark_in_words(winner),
        trials_tried=tried.ever_tried,
        sessions_per_year=winner.home.market.sessions_per_year(),
        ranked_by=study.ranking.label,
        winner_value=winner.ranked_value,
        higher_is_better=study.ranking.higher_is_better,
        placebos=tuple(_placebos(winner, ranking)),
        holdout=_holdout(winner),
        charged_bps=winner.variant.costs.commission_bps,
        other_costs=winner.variant.costs.are_charged,
        break_even_bps=winner.row["break_even_bps"],
        overtaken_after_bps=_overtaken_after(winner, ranking),
        dates=tuple(winner.sessions),
        stress_loss=stress_loss(winner),
        participation=participation(winner),
        start_cash=winner.row["start_cash"],
        withheld=tuple(_withheld(winner, history)),
    )


def _withheld(winner: Winner, history: History) -> Iterator[str]:
    """Yield the reasons why no winner may be called real, whatever its results."""
    yield from history.gaps()
    if winner.row["account"]:
        yield winner.row["account"]
    if is_opened(winner):
        sealed = winner.home.lake.read("holdout_results", winner.study.name)
        yield from (f"In the holdout: {text}" for text in sealed["account"] if text)


def restore_lost(winner: Winner) -> None:
    """Restore trials of a study whose entry or file in the ledger is lost."""
    ranking = winner.home.lake.read("leaderboard", winner.study.name)
    keys = ranking["configuration"].unique()
    restore_trials(
        winner.home, winner.study, [winner.home.find(key)[0] for key in keys]
    )


def _check_placebos(winner: Winner) -> None:
    if not is_challenged(winner):
        raise not_materialised("placebo_results", winner.study.name)


def _benchmark_in_words(winner: Winner) -> str:
    """Describe how much buy-and-hold bought."""
    made = winner.home.lake.read("placebo_results", winner.study.name)
    (settings,) = made.loc[made["placebo"] == "buy_and_hold", "settings"]
    return benchmark_in_words(json.loads(settings))


def _hold_returns(winner: Winner) -> FloatArray:
    daily = winner.home.lake.read("placebo_pnl", winner.study.name)
    pnl = daily[daily["placebo"] == "buy_and_hold"].drop(columns=["placebo", "variant"])
    returns = session_returns(
        pnl.to_numpy(dtype=np.float64), [winner.row["start_cash"]]
    )
    return np.asarray(returns[0])


def _placebos(winner: Winner, ranking: pd.DataFrame) -> Iterator[Placebo]:
    """Yield the placebos made for the winner, and those of the study itself."""
    score = winner.study.ranking.score
    made = winner.home.lake.read("placebo_results", winner.study.name)
    for name, rows in made.groupby("placebo", sort=False):
        values = score(rows).dropna()
        if name == DRAWN and len(values):
            best = 1 - FEW if winner.study.ranking.higher_is_better else FEW
            value = float(values.quantile(best))
            label = f"the random trader beaten by only {FEW:.0%} of {len(values)}"
            yield Placebo(label, value)
        else:
            for variant, value in zip(rows["variant"], score(rows)):
                yield Placebo(_named(str(name), variant), float(value))
    others = ranking[ranking["role"] != CANDIDATE]
    for key, variant, value in zip(
        others["configuration"], others["variant"], score(others)
    ):
        yield Placebo(_named(key, variant), float(value))


def _named(name: str, variant: str) -> str:
    return f"{name} {variant.strip('-').replace('~', ' ')}".rstrip()


def _holdout(winner: Winner) -> Holdout | None:
    """Return the winner's result on the holdout, if it was opened for this winner."""
    lake, study = winner.home.lake, winner.study
    if not is_opened(winner):
        return None
    daily = lake.read("holdout_pnl", study.name)
    pnl = daily[["pnl", "buy_and_hold_pnl"]].to_numpy(dtype=np.float64).T
    own, hold = session_returns(pnl, daily["start_cash"].head(1).repeat(2))
    seen, tested = (count(winner.home, study) for count in (times_seen, times_tested))
    return Holdout(own, hold, seen, tested)


def _overtaken_after(winner: Winner, ranking: pd.DataFrame) -> float:
    """Compute the extra cost, in basis points per fill, that puts another one ahead.

    The fills of every variant stay the same. NaN if the ranking is not by profit,
    infinite if no other candidate trades less.
    """
    if winner.study.ranking.column not in MONEY:
        return math.nan
    others = ranking[ranking["role"] == CANDIDATE]
    traded = others["turnover"] * others["start_cash"]
    saved = winner.row["turnover"] * winner.row["start_cash"] - traded
    behind = winner.row["pnl"] - others["pnl"]
    cheaper = saved > 0
    after = 1e4 * behind[cheaper].clip(lower=0) / saved[cheaper]
    return float(after.min()) if len(after) else math.inf


def verdict_row(winner: Winner, verdict: Verdict) -> pd.DataFrame:
    """Write a verdict as one row: headline, reasons, and the figures behind it."""
    return pd.DataFrame(
        [
            {
                "study": winner.study.name,
                "configuration": winner.configuration.key,
                "variant": winner.variant.id,
                "verdict": verdict.headline.value,
                "in_words": verdict.in_words,
                "names_winner": verdict.names_winner,
                "reasons": "\n".join(verdict.reasons),
                **verdict.statistics.figures(),
            }
        ]
    )


def read_verdicts(winner: Winner) -> pd.DataFrame:
    """Read the verdict on a winner: one row, or none if there is no current verdict."""
    lake, name = winner.home.lake, winner.study.name
    try:
        current = verdict_inputs(winner)
    except BadInput:
        return NO_VERDICTS
    if why_computed(lake.manifest(TABLE, name), current):
        return NO_VERDICTS
    return lake.read(TABLE, name)
