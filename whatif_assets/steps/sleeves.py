"""What a configuration trades on: bars, indicators and forecasts, as sleeves."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve, sleeves_of
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import Feature
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.engines.strategies import StrategyType, required_features
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home
from whatif_assets.home.lake import not_materialised
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.session_features import SessionFeatures

KEYS = ["symbol", "ts"]


def basis_of(home: Home, study: Study) -> date:
    """Session on whose basis a study's backtests see prices: the study's first.

    So one position has one size across a split, and no later split or dividend moves
    an earlier price.
    """
    return study.sessions(home.market)[0]


def build_sleeves(
    home: Home,
    symbols: Sequence[str],
    sessions: Sequence[date],
    strategy: StrategyType,
    settings: Iterable[Mapping[str, Any]],
    forecasts: pd.DataFrame | None = None,
    bar_size: BarSize | None = None,
    as_of: date | None = None,
) -> list[Sleeve]:
    """Lay out what a strategy reads over some sessions.

    Parameters
    ----------
    home
        The home whose lake has the bars.
    symbols
        Symbols to trade, one sleeve each.
    sessions
        Sessions of the backtest, oldest first. Indicators are warmed up on those
        before.
    strategy, settings
        The strategy, and the settings of all its variants.
    forecasts
        ``symbol``, ``ts`` and ``expected_return``, if the strategy is to see any.
    bar_size
        Of the bars to trade on; by default the market's own.
    as_of
        The session on whose basis prices, volumes and indicators are; the first of
        the backtest where absent. See `basis_of`.

    Raises
    ------
    BadInput
        Bars of a session are not materialised.
    """
    indicators = required_features(strategy, settings)
    size = bar_size or home.market.bar_size
    bars = _bars(home, symbols, sessions, indicators, size, as_of or sessions[0])
    columns = [feature.column for feature in indicators if feature.column in bars]
    if forecasts is not None:
        renamed = forecasts[[*KEYS, "expected_return"]].rename(
            columns={"expected_return": "forecast"}
        )
        bars = bars.merge(renamed, on=KEYS, how="left")
        columns.append("forecast")
    hours = None if size.daily else home.market.sessions.schedule(list(sessions))
    multipliers = home.market.multipliers(symbols)
    return sleeves_of(bars, sessions, columns, hours, size, multipliers)


def _bars(
    home: Home,
    symbols: Sequence[str],
    sessions: Sequence[date],
    indicators: Sequence[Feature],
    size: BarSize,
    as_of: date,
) -> pd.DataFrame:
    """Bars of the sessions, with indicators warmed up on the sessions before."""
    versions = tuple(BarReader(home, size).versions(sessions))
    asked = _Asked(home.path, versions, tuple(sessions), tuple(symbols), size, home)
    bars = LakeSteps(home).adjusted(_price_bars(asked), as_of)
    new = [feature for feature in indicators if feature.column not in bars]
    if not new:
        return bars
    store = SessionFeatures(home, new, sessions, bar_size=size, as_of=as_of)
    computed = pd.concat([store.of(day) for day in sessions], ignore_index=True)
    return bars.merge(computed, on=KEYS, how="left")


@dataclass(frozen=True)
class _Asked:
    """What bars are read from; equal ones give the same."""

    path: Path
    versions: tuple[str, ...]
    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    size: BarSize
    home: Home = field(compare=False)


@functools.lru_cache(maxsize=2)
def _price_bars(asked: _Asked) -> pd.DataFrame:
    """Bars as these versions have them: read once for all configurations of a run."""
    reader = BarReader(asked.home, asked.size)
    bars = reader.over(asked.sessions, None, asked.symbols)
    return bars.sort_values(KEYS, ignore_index=True)


def sleeves_of_configuration(
    home: Home,
    study: Study,
    configuration: Configuration,
    sessions: Sequence[date] | None = None,
    forecasts: pd.DataFrame | None = None,
) -> list[Sleeve]:
    """Lay out what the variants of a configuration read.

    Parameters
    ----------
    sessions
        By default those of the study's test windows.
    forecasts
        By default the configuration's own out-of-sample forecasts.

    Raises
    ------
    BadInput
        Bars or forecasts are not materialised, or forecasts are of another version
        of the configuration.
    """
    strategy = configuration.strategy_type()
    if configuration.algorithm is not None and forecasts is None:
        forecasts = forecasts_of(home, study, configuration)
    if strategy.needs_forecast and forecasts is None:
        raise BadInput(
            f"Configuration {configuration.key}: strategy '{configuration.strategy}' "
            "trades on forecasts, so the configuration needs a field algorithm.",
            field=("strategy",),
        )
    return build_sleeves(
        home,
        home.symbols_of(configuration),
        sessions or evaluated_sessions(home, study),
        strategy,
        [variant.settings for variant in configuration.variants()],
        forecasts,
        home.bar_size(configuration),
        basis_of(home, study),
    )


def forecasts_of(
    home: Home, study: Study, configuration: Configuration, table: str = "forecasts"
) -> pd.DataFrame:
    """Read the forecasts of a configuration; BadInput where they are not current."""
    manifest = home.lake.manifest("forecasts", configuration.key)
    wanted = configuration.model_hash(study)
    if manifest is None or manifest.details.get("model_hash") != wanted:
        raise not_materialised("forecasts", configuration.key)
    return home.lake.read(table, configuration.key, [*KEYS, "expected_return"])


def rerun_with_fills(
    home: Home, study: Study, configuration: Configuration, variants: Sequence[str]
) -> BacktestResult:
    """Run some variants of a configuration once more, every fill kept.

    A sweep keeps accounts alone; this gives the rest of it, to the bit.

    Parameters
    ----------
    variants
        Ids of the variants, in any order.

    Raises
    ------
    BadInput
        As :func:`sleeves_of_configuration`; or an id is no variant's.
    """
    known = {variant.id: variant for variant in configuration.variants()}
    for name in variants:
        if name not in known:
            raise BadInput(
                f"Configuration {configuration.key} has no variant '{name}'; its "
                f"{len(known)} variants are in the table leaderboard."
            )
    return run_with_fills(
        sleeves_of_configuration(home, study, configuration),
        configuration,
        [variant for variant in known.values() if variant.id in set(variants)],
        len(evaluated_sessions(home, study)),
    )


def run_with_fills(
    sleeves: Sequence[Sleeve],
    configuration: Configuration,
    variants: Sequence[Variant],
    n_sessions: int,
) -> BacktestResult:
    """Run some variants on sleeves that are laid out already."""
    return run_backtests(
        sleeves,
        configuration.strategy,
        variants,
        n_sessions=n_sessions,
        base=configuration.base,
    )
