"""Evaluating a configuration: its variants over the test windows, with metrics."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.core.backtest import (
    Sleeve,
    Variant,
    is_compiled,
    run_backtests,
    sleeves_of,
)
from whatif_assets.core.blocks import Sweep, block_folder
from whatif_assets.core.configuration import Configuration
from whatif_assets.core.engine.parity import parity
from whatif_assets.core.errors import BadInput
from whatif_assets.core.feature_store import SessionFeatures, history
from whatif_assets.core.features import Feature, warm_up
from whatif_assets.core.home import Home
from whatif_assets.core.lake import combined_hash, not_materialised
from whatif_assets.core.metrics import METRICS, measure
from whatif_assets.core.strategies import required_features
from whatif_assets.core.study import Study

TABLE = "backtest_results"
LEADERS = 8
# Each run replays this much in Backtrader, a second or two per configuration.
PARITY_VARIANTS = 3
PARITY_BARS = 40_000
KEYS = ["symbol", "ts"]


@dataclass(frozen=True)
class Evaluation:
    """Results of one configuration.

    Attributes
    ----------
    variants
        One row per variant: settings, metrics, the same for buy-and-hold.
    daily
        A matrix: ``variant``, and for each session (ISO date) its profit since the
        start, over all sleeves.
    fills
        Fills of the configuration's best variants, as the broker made them.
    parity
        What Backtrader says of the winner and of some other variants, beside what
        the engine says; see :func:`whatif_assets.core.engine.parity.parity`. Empty
        for a strategy that only Backtrader runs.
    """

    variants: pd.DataFrame
    daily: pd.DataFrame
    fills: pd.DataFrame
    parity: pd.DataFrame
    ranked_by: str

    def metadata(self) -> dict[str, Any]:
        """What is worth showing: the leaders, and buy-and-hold beside them."""
        shown = ["variant", *METRICS, "buy_and_hold_pnl", "rejected_orders"]
        return {
            "variants": len(self.variants),
            "sessions": len(self.daily.columns) - 1,
            "leaders": by_rank(self.variants, self.ranked_by).head(10)[shown],
        }

    def leaders_equity(self) -> pd.DataFrame:
        """Profit of the first few variants, one row per variant and session."""
        first = by_rank(self.variants, self.ranked_by)["variant"].head(LEADERS)
        daily = self.daily.set_index("variant").loc[first].reset_index()
        return long_form(daily)


def long_form(daily: pd.DataFrame) -> pd.DataFrame:
    """Turn a matrix of variants and sessions into one row per pair.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``session`` (datetime64) and ``pnl``, variants in their order.
    """
    rows = daily.melt("variant", var_name="session", value_name="pnl")
    rows["session"] = pd.to_datetime(rows["session"]).astype("datetime64[us]")
    place = {name: number for number, name in enumerate(daily["variant"])}
    order = np.lexsort([rows["session"], rows["variant"].map(place)])
    return rows.iloc[order].reset_index(drop=True)


def evaluated_sessions(home: Home, study: Study) -> list[date]:
    """Sessions of all test windows, oldest first: where results are counted."""
    return sorted({day for fold in study.folds(home.market) for day in fold.test})


def evaluate(
    home: Home,
    study: Study,
    configuration: Configuration,
    code_version: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Backtest every variant of a configuration over the study's test windows.

    A sweep that was interrupted goes on where it stopped, as long as inputs and
    ``code_version`` are the same.

    Raises
    ------
    BadInput
        Bars or forecasts are not materialised, forecasts are of another version
        of the configuration, or a strategy fails.
    """
    sessions = evaluated_sessions(home, study)
    variants = configuration.variants()
    sleeves = _sleeves(home, study, configuration, sessions, variants)
    per_year = home.market.sessions_per_year()
    inputs = combined_hash([evaluation_inputs(home, configuration.key), code_version])
    sweep = Sweep(
        sleeves,
        configuration.strategy,
        variants,
        configuration.base,
        sessions,
        per_year,
        block_folder(home.lake, configuration.key, inputs),
    )
    metrics, daily = sweep.run(progress)
    hold = run_backtests(
        sleeves, "buy_and_hold", [_held(configuration)], n_sessions=len(sessions)
    )
    held = measure(hold, per_year).iloc[0]
    rows = _described(configuration, variants, metrics)
    for name, column in (("pnl", "pnl"), ("return", "total_return")):
        rows[f"buy_and_hold_{name}"] = held[column]
    rows["buy_and_hold_sharpe"] = held["sharpe"]
    order = by_rank(rows, study.rank_by)["variant"].tolist()
    evaluation = Evaluation(
        variants=rows,
        daily=daily,
        fills=_fills(sleeves, configuration, order[: study.finalists], len(sessions)),
        parity=_parity(sleeves, configuration, order),
        ranked_by=study.rank_by,
    )
    sweep.finish()
    return evaluation


def by_rank(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Variants of a configuration, the best first."""
    ascending = not METRICS[metric].higher_is_better
    return rows.sort_values(metric, ascending=ascending, kind="stable")


def _held(configuration: Configuration) -> Variant:
    """Buy-and-hold with the costs, the cash and, if it has one, the size."""
    first = configuration.variants()[0]
    size = first.settings.get("size")
    settings = {"size": size} if size is not None else {}
    return Variant("-", settings, first.costs, first.cash)


def _sleeves(
    home: Home,
    study: Study,
    configuration: Configuration,
    sessions: Sequence[date],
    variants: Sequence[Variant],
) -> list[Sleeve]:
    strategy = configuration.strategy_type()
    indicators = required_features(strategy, [v.settings for v in variants])
    bars = _bars(home, configuration, sessions, indicators)
    columns = [feature.column for feature in indicators if feature.column in bars]
    if configuration.algorithm is not None:
        bars = _with_forecast(home, study, configuration, bars)
        columns.append("forecast")
    elif strategy.needs_forecast:
        raise BadInput(
            f"Configuration {configuration.key}: strategy '{configuration.strategy}' "
            "trades on forecasts, so the configuration needs a field algorithm.",
            field=("strategy",),
        )
    return sleeves_of(bars, sessions, columns)


def _bars(
    home: Home,
    configuration: Configuration,
    sessions: Sequence[date],
    indicators: Sequence[Feature],
) -> pd.DataFrame:
    """Bars of the sessions, with indicators warmed up on the sessions before."""
    symbols = home.symbols_of(configuration)
    bars = home.lake.read_sessions("price_bars", sessions, None, symbols)
    bars = bars.sort_values(KEYS, ignore_index=True)
    new = [feature for feature in indicators if feature.column not in bars]
    if not new:
        return bars
    store = SessionFeatures(home, new, sessions)
    computed = pd.concat([store.of(day) for day in sessions], ignore_index=True)
    return bars.merge(computed, on=KEYS, how="left")


def _with_forecast(
    home: Home, study: Study, configuration: Configuration, bars: pd.DataFrame
) -> pd.DataFrame:
    manifest = home.lake.manifest("forecasts", configuration.key)
    wanted = configuration.model_hash(study)
    if manifest is None or manifest.details.get("model_hash") != wanted:
        raise not_materialised("forecasts", configuration.key)
    forecasts = home.lake.read(
        "forecasts", configuration.key, [*KEYS, "expected_return"]
    )
    forecasts = forecasts.rename(columns={"expected_return": "forecast"})
    return bars.merge(forecasts, on=KEYS, how="left")


def _described(
    configuration: Configuration,
    variants: Sequence[Variant],
    metrics: pd.DataFrame,
) -> pd.DataFrame:
    """Metrics with what each variant is: role, strategy, algorithm, settings."""
    shared = configuration.settings()
    shared.pop("sweep", None)
    rows = metrics.copy()
    rows.insert(1, "role", configuration.strategy_type().role)
    rows.insert(2, "strategy", configuration.strategy)
    rows.insert(3, "algorithm", configuration.algorithm)
    rows["settings"] = [
        json.dumps(
            {
                **shared,
                **variant.settings,
                **dataclasses.asdict(variant.costs),
                "cash": variant.cash,
            },
            sort_keys=True,
        )
        for variant in variants
    ]
    return rows


def _fills(
    sleeves: Sequence[Sleeve],
    configuration: Configuration,
    chosen: Sequence[str],
    n_sessions: int,
) -> pd.DataFrame:
    """Fills of some variants: those are run once more, since a sweep keeps none."""
    result = run_backtests(
        sleeves,
        configuration.strategy,
        [variant for variant in configuration.variants() if variant.id in set(chosen)],
        n_sessions=n_sessions,
        base=configuration.base,
    )
    return result.fills


def _parity(
    sleeves: Sequence[Sleeve], configuration: Configuration, order: Sequence[str]
) -> pd.DataFrame:
    """Replay the winner and some random variants in Backtrader.

    On as many symbols, drawn at random, as PARITY_BARS allow. What is drawn depends
    on the configuration alone, so that a run can be repeated.
    """
    strategy = configuration.strategy_type()
    if not is_compiled(strategy):
        return pd.DataFrame()
    draw = random.Random(configuration.key)  # noqa: S311 - a sample, not a secret
    others = draw.sample(list(order[1:]), min(PARITY_VARIANTS, len(order) - 1))
    chosen = {order[0], *others}
    bars = sum(len(sleeve) for sleeve in sleeves) / len(sleeves)
    affordable = max(1, int(PARITY_BARS / (bars * len(chosen))))
    some = draw.sample(list(sleeves), min(affordable, len(sleeves)))
    return parity(
        some,
        configuration.strategy,
        [variant for variant in configuration.variants() if variant.id in chosen],
        base=configuration.base,
    )


def evaluation_inputs(home: Home, key: str) -> dict[str, str]:
    """Hashes of what the results of a configuration come from, by part."""
    configuration, study = home.find(key)
    strategy = configuration.strategy_type()
    sessions = evaluated_sessions(home, study)
    settings = [v.settings for v in configuration.variants()]
    reach = warm_up(required_features(strategy, settings))
    earlier = [d.isoformat() for d in history(home, sessions[0], reach)]
    known = (home.lake.manifest("price_bars", key) for key in earlier)
    read = [
        home.lake.versions("price_bars", [day.isoformat() for day in sessions]),
        [manifest.data_version for manifest in known if manifest],
    ]
    if configuration.algorithm is not None:
        read.append(home.lake.versions("forecasts", [configuration.key]))
    own = [configuration.result_hash(study), study.rank_by, study.finalists]
    return {
        "settings": combined_hash([*own, strategy.code_version]),
        "data": combined_hash(read),
    }


def write_evaluation(
    home: Home, configuration: Configuration, evaluation: Evaluation
) -> str:
    """Write the results of a configuration; return their content hash."""
    key = configuration.key
    home.lake.begin(TABLE, key)
    return combined_hash(
        [
            home.lake.write("daily_pnl", key, evaluation.daily),
            home.lake.write("fills", key, evaluation.fills),
            home.lake.write(TABLE, key, evaluation.variants),
        ]
    )
