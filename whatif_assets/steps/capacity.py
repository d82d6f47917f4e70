"""Capacity: results of a study's finalists at capitals from 10 thousand to a billion.

Costs that depend on the size of an order, such as market impact, make the best variant
depend on the capital.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.engines.backtest import engine_of, sweep
from whatif_assets.home.tables import LAKE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.benchmarks import benchmark_of, benchmarks_of
from whatif_assets.steps.leaderboard import BOARD, CANDIDATE, finalists
from whatif_assets.steps.sleeves import sleeves_of_configuration
from whatif_assets.steps.winner import Winner

TABLE = "capacity"
CAPITALS = (1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)
# Settings in units or in money, which grow with the capital.
SIZES = ("size", "notional")


def capacity(winner: Winner) -> pd.DataFrame:
    """Run the winner and the other finalists of its study at other capitals.

    Returns
    -------
    pandas.DataFrame
        Columns of the table ``capacity``, by rank and capital. No rows if no cost of
        the winner depends on the size of an order, or if Backtrader alone runs it.
        Finalists that Backtrader alone runs are left out.
    """
    if not winner.variant.costs.depend_on_size or _is_slow(winner.configuration):
        return LAKE[TABLE].empty()
    board = winner.home.lake.read(BOARD, winner.study.name)
    chosen = finalists(board, winner.study)
    chosen = chosen[chosen["role"] == CANDIDATE]
    parts = list(_parts(winner, chosen))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.sort_values(["rank", "capital"], kind="stable", ignore_index=True)
    rows["ranked_value"] = winner.study.ranking.score(rows)
    rows["best"] = _are_best(rows, winner)
    return rows[list(LAKE[TABLE].kinds)]


def _is_slow(configuration: Configuration) -> bool:
    kind, variants = configuration.strategy_type(), configuration.variants()
    return engine_of(kind, variants).is_reference


def _parts(winner: Winner, chosen: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the results of the finalists of each configuration, at all capitals."""
    capitals = sorted({*CAPITALS, float(winner.row["start_cash"])})
    for key, rows in chosen.groupby("configuration", sort=False):
        configuration, _ = winner.home.find(str(key))
        if not _is_slow(configuration):
            table = rows.loc[rows.index.repeat(len(capitals))].reset_index(drop=True)
            table["capital"] = np.tile(capitals, len(rows))
            named = table[["study", "configuration", "variant", "rank", "capital"]]
            metrics = _metrics(winner, configuration, table)
            yield pd.concat([named, metrics.drop(columns="variant")], axis=1)


def _metrics(
    winner: Winner, configuration: Configuration, table: pd.DataFrame
) -> pd.DataFrame:
    """Run variants of a configuration, each row with its capital; all metrics."""
    sleeves = sleeves_of_configuration(winner.home, winner.study, configuration)
    variants, n = configuration.variants(), len(winner.sessions)
    by_id = {variant.id: variant for variant in variants}
    factors = table["capital"] / table["start_cash"]
    scaled = [
        replace(at_capital(by_id[name], factor), id=str(number))
        for number, (name, factor) in enumerate(zip(table["variant"], factors))
    ]
    hold = benchmark_of(sleeves, variants[0].share(len(sleeves)), n)
    home, sessions = winner.home, winner.sessions
    beside = benchmarks_of(home, winner.study, sleeves, hold, sessions)
    per_year = home.market.sessions_per_year()
    strategy, base = configuration.strategy, configuration.base
    blocks = sweep(sleeves, strategy, scaled, n_sessions=n, base=base)
    found = [
        measure(some, per_year, beside, winner.study.ranking.further).assign(
            rejected_orders=some.rejected
        )
        for some in blocks
    ]
    return pd.concat(found, ignore_index=True)


def at_capital(variant: Variant, factor: float) -> Variant:
    """Multiply the cash and the reserve of a variant, and the sizes of its positions.

    Sizes are multiplied exactly, so that a position may be a part of a share.
    """
    settings = {
        name: value * factor
        if name in SIZES and isinstance(value, (int, float))
        else value
        for name, value in variant.settings.items()
    }
    cash, reserve = variant.cash * factor, variant.reserve * factor
    return replace(variant, settings=settings, cash=cash, reserve=reserve)


def _are_best(rows: pd.DataFrame, winner: Winner) -> pd.Series[bool]:
    """Whether each row is the best of its capital, by the ranking of the study."""
    ranking = winner.study.ranking
    best = pd.Series(False, index=rows.index)
    for _, some in rows.groupby("capital"):
        ordered = ranking.order(some)
        qualified = ordered.index[ranking.qualifies(ordered)]
        best[qualified[:1]] = True
    return best


def outgrown_at(rows: pd.DataFrame, own: float) -> float:
    """Find the capital at which the winner stops being the best.

    Parameters
    ----------
    rows
        The table ``capacity`` of a study.
    own
        The capital of the study, at which the winner is the best.

    Returns
    -------
    float
        The smallest capital of the table above ``own`` at which another finalist, or
        nobody, is the best; infinity if there is none, NaN without rows.
    """
    if rows.empty:
        return math.nan
    of_winner = rows[(rows["rank"] == rows["rank"].min()) & (rows["capital"] > own)]
    lost = of_winner.loc[~of_winner["best"].astype(bool), "capital"]
    return float(lost.min()) if len(lost) else math.inf
