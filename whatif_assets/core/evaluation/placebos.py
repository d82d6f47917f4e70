"""Placebos: what the winner has to beat, made to measure for it.

Each trades the winner's symbols, sessions, cash and costs, with the winner's sizes,
holding times and stops. One that does as well as the winner shows that the winner's
signal is not what earned. A new placebo is one function and one line in ``PLACEBOS``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.core.backtesting.backtest import sweep
from whatif_assets.core.backtesting.job import Variant
from whatif_assets.core.backtesting.metrics import measure
from whatif_assets.core.evaluation.evaluate import benchmark_of, held_variant
from whatif_assets.core.evaluation.stage import basis_of, stage
from whatif_assets.core.lake import combined_hash, why_computed
from whatif_assets.core.leaderboard.winner import Winner
from whatif_assets.core.models import fit
from whatif_assets.core.models.dataset import dataset
from whatif_assets.core.models.forecasting import forecast_by
from whatif_assets.core.models.training import TABLE as MODELS
from whatif_assets.core.models.training import lesson
from whatif_assets.core.strategies import find_strategy

SHUFFLES = 3
RANDOM_TRADERS = 100
# Tried to find how often a random trader must act to trade as much as the winner.
PROBABILITIES = 60


@dataclass(frozen=True, eq=False)
class Placebo:
    """Variants of a strategy to run in the winner's place.

    Attributes
    ----------
    strategy, variants
        A registered strategy, and its variants.
    forecasts
        What it is to take for forecasts, if it reads any.
    """

    strategy: str
    variants: tuple[Variant, ...]
    forecasts: pd.DataFrame | None = None


def buy_and_hold(winner: Winner) -> Iterator[Placebo]:
    """Buy once and hold."""
    yield Placebo("buy_and_hold", (held_variant(winner.variant),))


def ema_rule(winner: Winner) -> Iterator[Placebo]:
    """Follow the crossings of two moving averages, the oldest rule in the book."""
    variant = dataclasses.replace(
        winner.variant, id="-", settings=winner.trading_settings
    )
    yield Placebo("ema_cross", (variant,))


def random_entry(winner: Winner) -> Iterator[Placebo]:
    """Enter at random, as often as makes the winner's turnover."""
    if not winner.row["turnover"] > 0:
        return
    size = winner.home.bar_size(winner.configuration)
    bars = len(winner.sessions) * winner.home.market.most_bars_per_session(size)
    tried = np.geomspace(min(0.5 / bars, 0.5), 1.0, PROBABILITIES)
    candidates = [_random_trader(winner, float(p), 0) for p in tried]
    rows, _ = run(winner, Placebo("random_entry", tuple(candidates)))
    apart = np.abs(rows["turnover"] - winner.row["turnover"]).to_numpy()
    probability = float(tried[int(np.argmin(apart))])
    traders = [
        _random_trader(winner, probability, n) for n in range(1, RANDOM_TRADERS + 1)
    ]
    yield Placebo("random_entry", tuple(traders))


def _random_trader(winner: Winner, probability: float, seed: int) -> Variant:
    own = {"probability": probability, "seed": seed}
    return dataclasses.replace(
        winner.variant,
        id=f"seed={seed}" if seed else f"probability={probability}",
        settings={**winner.trading_settings, **own},
    )


def shuffled_labels(winner: Winner) -> Iterator[Placebo]:
    """Train the winner's model on labels in random order, so on nothing.

    Fitted here even where the winner was fitted on Spark: what is asked is not
    which library did it.
    """
    configuration = winner.configuration
    if configuration.algorithm is None:
        return
    folds = winner.study.folds(winner.home.market)
    sessions = sorted({day for fold in folds for day in fold.train})
    frame = dataset(winner.home, configuration, sessions)
    chosen = winner.home.lake.read(MODELS, configuration.key)["settings"]
    settings = [json.loads(text) for text in chosen]
    lessons = [lesson(winner.study, configuration, frame, fold) for fold in folds]
    for seed in range(1, SHUFFLES + 1):
        draw = np.random.default_rng([seed, configuration.model_seed])
        parts = []
        for fold, taught, own in zip(folds, lessons, settings):
            model = fit(
                configuration.algorithm,
                "local",
                taught.features,
                draw.permutation(taught.target),
                own,
                configuration.model_seed,
            )
            parts.append(forecast_by(model, winner.home, configuration, fold).frame)
        variant = dataclasses.replace(winner.variant, id=f"seed={seed}")
        yield Placebo(configuration.strategy, (variant,), pd.concat(parts))


PLACEBOS: dict[str, Callable[[Winner], Iterator[Placebo]]] = {
    "shuffled_labels": shuffled_labels,
    "random_entry": random_entry,
    "buy_and_hold": buy_and_hold,
    "ema_rule": ema_rule,
}


def run(winner: Winner, placebo: Placebo) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run a placebo where the winner ran.

    Returns
    -------
    metrics : pandas.DataFrame
        ``variant`` and a column per metric.
    daily : pandas.DataFrame
        ``variant``, and a column per session (ISO date): profit since the start.
    """
    home, base = winner.home, winner.configuration.base
    kind = find_strategy(placebo.strategy, base)
    sleeves = stage(
        home,
        home.symbols_of(winner.configuration),
        winner.sessions,
        kind,
        [variant.settings for variant in placebo.variants],
        placebo.forecasts,
        home.bar_size(winner.configuration),
        basis_of(home, winner.study),
    )
    (accounts,) = sweep(
        sleeves,
        placebo.strategy,
        placebo.variants,
        n_sessions=len(winner.sessions),
        base=base,
    )
    held = benchmark_of(sleeves, winner.variant, len(winner.sessions))
    daily = pd.DataFrame(accounts.pnl, columns=[d.isoformat() for d in winner.sessions])
    daily.insert(0, "variant", list(accounts.variants))
    per_year = home.market.sessions_per_year()
    return measure(accounts, per_year, held.returns[0]), daily


def placebo_inputs(winner: Winner) -> dict[str, str]:
    """Hashes of what the placebos of a winner come from, by part."""
    order = [winner.study.rank_by, winner.ranked_value]
    return {**winner.inputs, "ranking": combined_hash(order)}


def is_challenged(winner: Winner) -> bool:
    """Whether the lake has the placebos of this very winner, by the ranking of now."""
    manifest = winner.home.lake.manifest("placebo_results", winner.study.name)
    return not why_computed(manifest, placebo_inputs(winner))


def run_placebos(winner: Winner) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every placebo of a winner.

    Returns
    -------
    results : pandas.DataFrame
        ``study``, ``placebo``, ``variant``, ``strategy``, ``settings`` (JSON), the
        winner's ``configuration`` and ``winner_variant``, metrics, and by the
        study's ranking ``ranked_value`` and whether it stands ``above_winner``.
    daily : pandas.DataFrame
        ``placebo``, ``variant``, and a column per session.
    """
    results, daily = [], []
    for name, make in PLACEBOS.items():
        for placebo in make(winner):
            metrics, pnl = run(winner, placebo)
            metrics.insert(0, "study", winner.study.name)
            metrics.insert(1, "placebo", name)
            metrics.insert(3, "strategy", placebo.strategy)
            metrics.insert(4, "settings", [_json(v) for v in placebo.variants])
            metrics.insert(5, "configuration", winner.configuration.key)
            metrics.insert(6, "winner_variant", winner.variant.id)
            results.append(metrics)
            pnl.insert(0, "placebo", name)
            daily.append(pnl)
    rows = pd.concat(results, ignore_index=True)
    values = winner.study.ranking.score(rows)
    better = values > winner.ranked_value
    if not winner.study.ranking.higher_is_better:
        better = values < winner.ranked_value
    rows = rows.assign(ranked_value=values, above_winner=better)
    return rows, pd.concat(daily, ignore_index=True)


def _json(variant: Variant) -> str:
    costs = dataclasses.asdict(variant.costs)
    settings = {**variant.settings, **costs, "cash": variant.cash}
    return json.dumps(settings, sort_keys=True)
