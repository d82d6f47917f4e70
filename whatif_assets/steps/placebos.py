"""Placebos: strategies without a signal that the winner has to beat.

Each placebo trades the winner's symbols and sessions with its cash and costs, and with
the position size in the winner's fills. A placebo that does as well as the winner shows
that the profit does not come from the winner's signal. A new placebo needs one function
and one line in ``PLACEBOS``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.accounts import Accounts, Benchmarks
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.accounts.shape import Shape, trade_at_random
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.features.feature import Feature
from whatif_assets.domain.models import Model
from whatif_assets.domain.models.novelty import for_familiar_rows
from whatif_assets.domain.models.parts import PartModels
from whatif_assets.domain.strategies.panel_rule import PanelRule
from whatif_assets.engines.backtest import sweep
from whatif_assets.engines.fitting import fit, fit_parts
from whatif_assets.engines.strategies import find_strategy, required_features
from whatif_assets.home.manifest import why_computed
from whatif_assets.steps.benchmarks import benchmark_of, benchmarks_of
from whatif_assets.steps.examples import Examples, examples_of, stacking_folds
from whatif_assets.steps.forecasting import forecast_by
from whatif_assets.steps.frictions import with_frictions
from whatif_assets.steps.sleeves import (
    basis_of,
    build_sleeves,
    forecasts_of,
    rerun_with_fills,
)
from whatif_assets.steps.training import noted_of, training_frame
from whatif_assets.steps.universe import with_members
from whatif_assets.steps.winner import Winner

SHUFFLES = 3
INVESTED = 98  # percent of a symbol's part of a portfolio
DEALS = 20  # random orders of the symbols of a portfolio
RANDOM_TRADERS = 100
# If all random traders together would make more fills than MOST_FILLS, there are fewer
# traders, but at least FEWEST_TRADERS.
FEWEST_TRADERS, MOST_FILLS = 20, 3_000_000


@dataclass(frozen=True, eq=False)
class Placebo:
    """Variants of a strategy to run in place of the winner.

    Attributes
    ----------
    strategy, variants
        A registered strategy, and its variants.
    forecasts
        The forecasts that the strategy reads, if it reads any.
    shape
        Positions to hold at random times, with one variant per seed; None if the
        strategy decides.
    permutation
        Seed of a random order of the symbols: each is ranked by what another one of
        them is known for. None where each is ranked by its own.
    """

    strategy: str
    variants: tuple[Variant, ...]
    forecasts: pd.DataFrame | None = None
    shape: Shape | None = None
    permutation: int | None = None


@dataclass(frozen=True, eq=False)
class WinnerShape:
    """A winner, and the shape of its trades."""

    winner: Winner
    shape: Shape

    @classmethod
    def of(cls, winner: Winner) -> WinnerShape:
        """Replay a winner to find the shape of its trades."""
        home, study, configuration = winner.home, winner.study, winner.configuration
        run = rerun_with_fills(home, study, configuration, [winner.variant.id])
        return cls(winner, Shape.of(run.jobs_of([winner.variant.id])))

    @functools.cached_property
    def beside(self) -> Benchmarks:
        """What the placebos' betas and alphas are measured against."""
        winner, sleeves = self.winner, self.shape.sleeves
        sized = self.sized("buy_and_hold")
        hold = benchmark_of(sleeves, sized, len(winner.sessions))
        return benchmarks_of(winner.home, winner.study, sleeves, hold, winner.sessions)

    def variant(self, settings: Mapping[str, Any], id: str = "-") -> Variant:
        """Make a variant with the winner's costs and cash."""
        won = self.winner.variant.share(len(self.shape.sleeves))
        return Variant(id, settings, won.costs, won.cash)

    def sized(self, strategy: str) -> Variant:
        """Make a variant of a rule with the winner's position size."""
        kind = find_strategy(strategy)
        return self.variant(kind.settings(self._size(strategy)).model_dump())

    def _size(self, strategy: str) -> dict[str, Any]:
        """Size of the winner's positions; a portfolio's cash is divided equally."""
        if not self.winner.configuration.is_portfolio:
            return self.shape.size
        return {} if strategy == "buy_and_hold" else {"equity_percent": INVESTED}


def buy_and_hold(challenged: WinnerShape) -> Iterator[Placebo]:
    """Buy the winner's position size once, and hold."""
    yield Placebo("buy_and_hold", (challenged.sized("buy_and_hold"),))


def ema_rule(challenged: WinnerShape) -> Iterator[Placebo]:
    """Follow the crossings of two moving averages, a textbook rule."""
    yield Placebo("ema_cross", (challenged.sized("ema_cross"),))


def features_read() -> list[Feature]:
    """List the features that the rules of placebos compute and warm up."""
    return required_features(find_strategy("ema_cross"), [{}])


def random_entry(challenged: WinnerShape) -> Iterator[Placebo]:
    """Hold the winner's positions at random times."""
    fills = challenged.shape.fills
    if not fills:
        return
    traders = min(max(MOST_FILLS // fills, FEWEST_TRADERS), RANDOM_TRADERS)
    variants = [
        challenged.variant({"seed": seed}, f"seed={seed}")
        for seed in range(1, traders + 1)
    ]
    yield Placebo("random_entry", tuple(variants), shape=challenged.shape)


def shuffled_labels(challenged: WinnerShape) -> Iterator[Placebo]:
    """Train the winner's model on shuffled labels, which hold no information.

    The model is fitted locally even if the winner's was fitted on Spark, since the
    library does not matter here.
    """
    winner = challenged.winner
    configuration = winner.configuration
    if configuration.algorithm is None:
        return
    frame = training_frame(winner.home, winner.study, configuration)
    seeds = range(1, SHUFFLES + 1)
    draws = [np.random.default_rng([seed, configuration.model_seed]) for seed in seeds]
    parts: list[list[pd.DataFrame]] = [[] for _ in seeds]
    for fold in winner.study.folds(winner.home.market):
        tested = fold.on_path(0)
        if not tested.test:
            continue
        examples = examples_of(winner.study, configuration, frame, fold)
        for draw, own in zip(draws, parts):
            models = _without_information(winner, examples, fold.number, draw)
            own.append(forecast_by(models, winner.home, configuration, tested).frame)
    for seed, own in zip(seeds, parts):
        variant = dataclasses.replace(winner.variant, id=f"seed={seed}")
        yield Placebo(configuration.strategy, (variant,), pd.concat(own))


def _without_information(
    winner: Winner, examples: Examples, fold: int, draw: np.random.Generator
) -> PartModels:
    """Fit the winner's models of a fold on labels that are shuffled within each."""
    configuration = winner.configuration
    settings, _ = noted_of(winner.home, configuration.key, fold)
    rows = {part: own for part, own in examples.by_part().items() if part in settings}
    orders = {part: draw.permutation(len(own.target)) for part, own in rows.items()}

    def _fit(part: str, threads: int) -> Model:
        own, order = rows[part], orders[part]
        model = fit(
            str(configuration.algorithm),
            "local",
            own.features,
            own.target[order],
            settings[part],
            configuration.model_seed,
            weights=None if own.weights is None else own.weights[order],
            base=configuration.base,
            threads=threads,
            folds=stacking_folds(winner.study, configuration, own),
        )
        return for_familiar_rows(model, own.features, configuration.novelty)

    return PartModels(fit_parts(_fit, list(rows), "local"))


def random_ranks(challenged: WinnerShape) -> Iterator[Placebo]:
    """Rank the symbols by the scores of others, dealt out at random.

    Scores keep their course in time, and so do gross exposure, turnover and holding
    times. What is lost is which symbol a score belongs to.
    """
    winner = challenged.winner
    if not issubclass(winner.configuration.strategy_type().strategy, PanelRule):
        return
    forecasts = None
    if winner.configuration.algorithm is not None:
        forecasts = forecasts_of(winner.home, winner.study, winner.configuration)
    for seed in range(1, DEALS + 1):
        variant = dataclasses.replace(winner.variant, id=f"seed={seed}")
        yield Placebo(
            winner.configuration.strategy, (variant,), forecasts, permutation=seed
        )


PLACEBOS: dict[str, Callable[[WinnerShape], Iterator[Placebo]]] = {
    "shuffled_labels": shuffled_labels,
    "random_ranks": random_ranks,
    "random_entry": random_entry,
    "buy_and_hold": buy_and_hold,
    "ema_rule": ema_rule,
}


def run(challenged: WinnerShape, placebo: Placebo) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run a placebo on the winner's symbols and sessions.

    Returns
    -------
    metrics : pandas.DataFrame
        ``variant`` and a column per metric.
    daily : pandas.DataFrame
        ``variant``, and a column per session (ISO date): profit since the start.
    """
    winner, shape = challenged.winner, challenged.shape
    sessions = winner.sessions
    if placebo.shape is None:
        accounts = [_by_strategy(winner, placebo)]
    else:
        accounts = [
            trade_at_random(shape, variant, seed, len(sessions))
            for seed, variant in enumerate(placebo.variants, start=1)
        ]
    per_year = winner.home.market.sessions_per_year()
    further = winner.study.ranking.further
    metrics = [measure(a, per_year, challenged.beside, further) for a in accounts]
    days = [day.isoformat() for day in sessions]
    daily = pd.DataFrame(np.concatenate([some.pnl for some in accounts]), columns=days)
    daily.insert(0, "variant", [name for some in accounts for name in some.variants])
    return pd.concat(metrics, ignore_index=True), daily


def _by_strategy(winner: Winner, placebo: Placebo) -> Accounts:
    """Run a placebo whose strategy decides when to trade."""
    home, configuration = winner.home, winner.configuration
    base, basis = configuration.base, basis_of(home, winner.study)
    sleeves = build_sleeves(
        home,
        home.symbols_of(configuration),
        winner.sessions,
        find_strategy(placebo.strategy, base),
        [variant.settings for variant in placebo.variants],
        placebo.forecasts,
        home.bar_size(configuration),
        basis,
    )
    sleeves = with_frictions(home, configuration, sleeves, winner.sessions, basis)
    if placebo.permutation is not None:
        sleeves = with_others_columns(sleeves, placebo.permutation)
    if find_strategy(placebo.strategy, base).panel_rule:
        sleeves = with_members(home, configuration, sleeves, winner.sessions)
    n, variants = len(winner.sessions), placebo.variants
    (accounts,) = sweep(sleeves, placebo.strategy, variants, n_sessions=n, base=base)
    return accounts


def with_others_columns(sleeves: Sequence[Sleeve], seed: int) -> list[Sleeve]:
    """Give each symbol the features and forecasts of another one, at equal times.

    Parameters
    ----------
    sleeves
        The symbols. Columns are NaN where the other symbol has no bar.
    seed
        Of the random order.
    """
    order = np.random.default_rng(seed).permutation(len(sleeves))
    dealt = []
    for sleeve, other in zip(sleeves, (sleeves[n] for n in order), strict=True):
        place = np.searchsorted(other.ts, sleeve.ts)
        place = np.minimum(place, len(other) - 1)
        there = other.ts[place] == sleeve.ts
        columns = {
            name: np.where(there, values[place], np.nan)
            for name, values in other.columns.items()
        }
        dealt.append(dataclasses.replace(sleeve, columns=columns))
    return dealt


def placebo_inputs(winner: Winner) -> dict[str, str]:
    """Return hashes of the inputs of a winner's placebos, by part."""
    order = [winner.study.rank_by, winner.ranked_value]
    return {**winner.inputs, "ranking": combined_hash(order)}


def is_challenged(winner: Winner) -> bool:
    """Whether the lake has the placebos of exactly this winner and this ranking."""
    manifest = winner.home.lake.manifest("placebo_results", winner.study.name)
    return not why_computed(manifest, placebo_inputs(winner))


def run_placebos(winner: Winner) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every placebo of a winner.

    Returns
    -------
    results : pandas.DataFrame
        ``study``, ``placebo``, ``variant``, ``strategy``, ``settings`` (JSON), the
        winner's ``configuration`` and ``winner_variant``, metrics, ``ranked_value``
        (the value that the study ranks by) and ``above_winner`` (whether it is better
        than the winner's).
    daily : pandas.DataFrame
        ``placebo``, ``variant``, and a column per session.
    """
    results, daily = [], []
    challenged = WinnerShape.of(winner)
    for name, make in PLACEBOS.items():
        for placebo in make(challenged):
            metrics, pnl = run(challenged, placebo)
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
    costs = variant.costs.as_settings()
    settings = {**variant.settings, **costs, "cash": variant.cash}
    return json.dumps(settings, sort_keys=True)
