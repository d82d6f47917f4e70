"""Evaluating a configuration: its variants over the test windows, with metrics."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.core.backtest import (
    BacktestResult,
    Sleeve,
    Variant,
    is_compiled,
    run_backtests,
    sleeves_of,
)
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
    equity
        ``variant``, ``session``, ``equity`` and ``pnl`` since the start, over all
        sleeves, one row per variant and session.
    fills
        Fills of the configuration's best variants, as the broker made them.
    parity
        What Backtrader says of the winner and of some other variants, beside what
        the engine says; see :func:`whatif_assets.core.engine.parity.parity`. Empty
        for a strategy that only Backtrader runs.
    """

    variants: pd.DataFrame
    equity: pd.DataFrame
    fills: pd.DataFrame
    parity: pd.DataFrame
    ranked_by: str

    def metadata(self) -> dict[str, Any]:
        """What is worth showing: the leaders, and buy-and-hold beside them."""
        ordered = self.variants.sort_values(
            self.ranked_by, ascending=not METRICS[self.ranked_by].higher_is_better
        )
        shown = ["variant", *METRICS, "buy_and_hold_pnl", "rejected_orders"]
        return {
            "variants": len(self.variants),
            "sessions": int(self.equity["session"].nunique()),
            "leaders": ordered.head(10)[shown],
        }


def evaluated_sessions(home: Home, study: Study) -> list[date]:
    """Sessions of all test windows, oldest first: where results are counted."""
    return sorted({day for fold in study.folds(home.market) for day in fold.test})


def evaluate(
    home: Home,
    study: Study,
    configuration: Configuration,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Backtest every variant of a configuration over the study's test windows.

    Raises
    ------
    BadInput
        Bars or forecasts are not materialised, forecasts are of another version
        of the configuration, or a strategy fails.
    """
    sessions = evaluated_sessions(home, study)
    variants = configuration.variants()
    sleeves = _sleeves(home, study, configuration, sessions, variants)
    result = run_backtests(
        sleeves,
        configuration.strategy,
        variants,
        n_sessions=len(sessions),
        base=configuration.base,
        progress=progress,
    )
    hold = run_backtests(
        sleeves, "buy_and_hold", [_held(configuration)], n_sessions=len(sessions)
    )
    per_year = home.market.sessions_per_year()
    rows = _rows(configuration, variants, result, per_year)
    held = measure(hold, per_year).iloc[0]
    rows["buy_and_hold_pnl"] = held["pnl"]
    rows["buy_and_hold_return"] = held["total_return"]
    rows["buy_and_hold_sharpe"] = held["sharpe"]
    return Evaluation(
        variants=rows,
        equity=_equity(result, sessions),
        fills=_best_fills(rows, result, study),
        parity=_parity(sleeves, configuration, rows, study),
        ranked_by=study.rank_by,
    )


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


def _rows(
    configuration: Configuration,
    variants: Sequence[Variant],
    result: BacktestResult,
    per_year: float,
) -> pd.DataFrame:
    rows = measure(result, per_year)
    rows.insert(1, "role", configuration.strategy_type().role)
    rows.insert(2, "strategy", configuration.strategy)
    rows.insert(3, "algorithm", configuration.algorithm)
    settings = configuration.settings()
    settings.pop("sweep", None)
    rows["settings"] = [
        json.dumps(
            {
                **settings,
                **variant.settings,
                "cash": variant.cash,
                "commission_bps": variant.costs.commission_bps,
                "slippage_bps": variant.costs.slippage_bps,
            },
            sort_keys=True,
        )
        for variant in variants
    ]
    rows["rejected_orders"] = result.rejected.sum(axis=1)
    return rows


def _equity(result: BacktestResult, sessions: Sequence[date]) -> pd.DataFrame:
    total = result.total_equity
    names = np.array(result.variants, dtype=object)
    return pd.DataFrame(
        {
            "variant": names.repeat(len(sessions)),
            "session": np.tile(np.array(sessions, dtype="datetime64[us]"), len(names)),
            "equity": total.ravel(),
            "pnl": (total - result.start_cash[:, None]).ravel(),
        }
    )


def _by_rank(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Variants of a configuration, the best first."""
    ascending = not METRICS[study.rank_by].higher_is_better
    return rows.sort_values(study.rank_by, ascending=ascending, kind="stable")


def _best_fills(
    rows: pd.DataFrame, result: BacktestResult, study: Study
) -> pd.DataFrame:
    """Fills of as many variants as a study keeps finalists."""
    kept = _by_rank(rows, study)["variant"].head(study.finalists)
    return result.fills_of(kept.tolist())


def _parity(
    sleeves: Sequence[Sleeve],
    configuration: Configuration,
    rows: pd.DataFrame,
    study: Study,
) -> pd.DataFrame:
    """Replay the winner and some random variants in Backtrader.

    On as many symbols, drawn at random, as PARITY_BARS allow. What is drawn depends
    on the configuration alone, so that a run can be repeated.
    """
    strategy = configuration.strategy_type()
    if not is_compiled(strategy):
        return pd.DataFrame()
    draw = random.Random(configuration.key)  # noqa: S311 - a sample, not a secret
    order = _by_rank(rows, study)["variant"].tolist()
    others = draw.sample(order[1:], min(PARITY_VARIANTS, len(order) - 1))
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
    days = [*history(home, sessions[0], reach), *sessions]
    read = [home.lake.versions("price_bars", [day.isoformat() for day in days])]
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
            home.lake.write("daily_equity", key, evaluation.equity),
            home.lake.write("fills", key, evaluation.fills),
            home.lake.write(TABLE, key, evaluation.variants),
        ]
    )
