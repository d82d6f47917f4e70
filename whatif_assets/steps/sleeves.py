"""Sleeves of a configuration: the bars, indicators and forecasts that it trades on."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import (
    BAR_TYPES,
    Sleeve,
    hours_of,
    sleeves_of_rows,
    with_numbers,
)
from whatif_assets.domain.accounts.symbol_rows import (
    SymbolRows,
    looked_up,
    rows_by_symbol,
)
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import Feature
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.engines.strategies import StrategyType, required_features
from whatif_assets.home.adjusted_bars import AdjustedBars
from whatif_assets.home.bar_reader import TABLE as BARS
from whatif_assets.home.home import Home
from whatif_assets.home.lake_names import not_materialised
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.frictions import with_frictions
from whatif_assets.steps.path_forecasts import FORECASTS, read_path
from whatif_assets.steps.session_features import SessionFeatures
from whatif_assets.steps.universe import with_members

KEYS = ["symbol", "ts"]


def basis_of(home: Home, study: Study) -> date:
    """Return the session of the price basis of a study's backtests: its first session.

    So a position has the same size before and after a split, and a later split or
    dividend does not change an earlier price.
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
    """Build the sleeves that a strategy trades over some sessions.

    Parameters
    ----------
    home
        The home whose lake has the bars.
    symbols
        Symbols to trade, one sleeve each.
    sessions
        Sessions of the backtest, oldest first. Indicators warm up on the sessions
        before them.
    strategy, settings
        The strategy, and the settings of all its variants.
    forecasts
        ``symbol``, ``ts`` and ``expected_return``, if the strategy reads forecasts; it
        sees NaN at bars without one.
    bar_size
        Size of the bars to trade on; by default the market's own.
    as_of
        The session of the price basis of prices, volumes and indicators; by default
        the first of the backtest. See `basis_of`.

    Raises
    ------
    BadInput
        Bars of a session are not materialised.
    """
    indicators = required_features(strategy, settings)
    size = bar_size or home.market.bar_size
    rows = _rows(home, symbols, sessions, indicators, size, as_of or sessions[0])
    columns = [feature.column for feature in indicators]
    if forecasts is not None:
        renamed = forecasts[[*KEYS, "expected_return"]].set_axis(
            [*KEYS, "forecast"], axis=1
        )
        rows = _with_columns([renamed], rows, ["forecast"])
        columns.append("forecast")
    hours = None
    if not size.daily:
        hours = hours_of(home.market.sessions.schedule(list(sessions)))
    multipliers = home.market.multipliers(symbols)
    groups = home.market.groups_of(symbols)
    return sleeves_of_rows(rows, columns, hours, size, multipliers, groups)


def _rows(
    home: Home,
    symbols: Sequence[str],
    sessions: Sequence[date],
    indicators: Sequence[Feature],
    size: BarSize,
    as_of: date,
) -> Mapping[str, SymbolRows]:
    """Read the bars of the sessions, with indicators warmed up on earlier sessions."""
    reader = AdjustedBars(home, size, sessions, as_of)
    stored = LAKE[BARS].kinds
    named = tuple(f.column for f in indicators if f.column in stored)
    versions = (*reader.versions, reader.steps.hash)
    days, names = tuple(sessions), tuple(symbols)
    rows = _bars(_Request(home.path, versions, days, names, named, size, as_of, reader))
    new = [feature for feature in indicators if feature.column not in stored]
    if not new:
        return rows
    store = SessionFeatures(home, new, sessions, bar_size=size, as_of=as_of)
    computed = (store.of(day) for day in sessions)
    return _with_columns(computed, rows, [feature.column for feature in new])


def _with_columns(
    parts: Iterable[pd.DataFrame],
    rows: Mapping[str, SymbolRows],
    columns: Sequence[str],
) -> Mapping[str, SymbolRows]:
    """Look up columns of some tables, one after the other, for each bar; else NaN."""
    found = rows_by_symbol(parts, dict.fromkeys(columns, np.float64))
    return {
        name: own.joined(looked_up(found.get(name), own.ts, columns))
        for name, own in rows.items()
    }


@dataclass(frozen=True)
class _Request:
    """What bars are read from; equal requests have equal bars."""

    path: Path
    versions: tuple[str, ...]
    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    columns: tuple[str, ...]
    size: BarSize
    as_of: date
    reader: AdjustedBars = field(compare=False)


@functools.lru_cache(maxsize=2)
def _bars(request: _Request) -> Mapping[str, SymbolRows]:
    """Read the bars of these versions, once for all configurations of a run."""
    parts = (
        with_numbers(bars, request.sessions)
        for bars in request.reader.by_session(request.symbols)
    )
    types = {**BAR_TYPES, **dict.fromkeys(request.columns, np.float64)}
    return dict(sorted(rows_by_symbol(parts, types).items()))


def sleeves_of_configuration(
    home: Home,
    study: Study,
    configuration: Configuration,
    sessions: Sequence[date] | None = None,
    forecasts: pd.DataFrame | None = None,
    variants: Sequence[Variant] | None = None,
) -> list[Sleeve]:
    """Build the sleeves that the variants of a configuration trade.

    Parameters
    ----------
    sessions
        Sessions of the backtest; by default those of the study's test windows.
    forecasts
        Forecasts; by default the configuration's own out-of-sample forecasts, on
        path 0.
    variants
        The variants whose indicators the sleeves have; by default all.

    Raises
    ------
    BadInput
        Bars or forecasts are not materialised, or forecasts belong to another version
        of the configuration.
    """
    strategy = configuration.strategy_type()
    if configuration.algorithm is not None and forecasts is None:
        forecasts = forecasts_of(home, study, configuration)
    settings = [v.settings for v in variants or configuration.variants()]
    tested = list(sessions or evaluated_sessions(home, study))
    sleeves = build_sleeves(
        home,
        home.symbols_of(configuration),
        tested,
        strategy,
        settings,
        forecasts,
        home.bar_size(configuration),
        basis_of(home, study),
    )
    basis = basis_of(home, study)
    sleeves = with_frictions(home, configuration, sleeves, tested, basis)
    return with_members(home, configuration, sleeves, tested)


def forecasts_of(
    home: Home,
    study: Study,
    configuration: Configuration,
    table: str = FORECASTS,
    path: int = 0,
) -> pd.DataFrame:
    """Read the forecasts of a configuration on a path; BadInput if not current."""
    manifest = home.lake.manifest(FORECASTS, configuration.key)
    wanted = configuration.model_hash(study)
    if manifest is None or manifest.details.get("model_hash") != wanted:
        raise not_materialised(FORECASTS, configuration.key)
    columns = [*KEYS, "expected_return"]
    return read_path(home, configuration.key, columns, table, path)


def rerun_with_fills(
    home: Home, study: Study, configuration: Configuration, variants: Sequence[str]
) -> BacktestResult:
    """Run some variants of a configuration again, and keep every fill.

    A sweep keeps only accounts; this returns the same results, to the bit, with fills.

    Parameters
    ----------
    variants
        Ids of the variants, in any order.

    Raises
    ------
    BadInput
        As :func:`sleeves_of_configuration`, or an id is not that of a variant.
    """
    known = {variant.id: variant for variant in configuration.variants()}
    for name in variants:
        if name not in known:
            raise BadInput(
                f"Configuration {configuration.key} has no variant '{name}'; its "
                f"{len(known)} variants are in the table leaderboard."
            )
    chosen = [variant for variant in known.values() if variant.id in set(variants)]
    return run_with_fills(
        sleeves_of_configuration(home, study, configuration, variants=chosen),
        configuration,
        chosen,
        len(evaluated_sessions(home, study)),
    )


def run_with_fills(
    sleeves: Sequence[Sleeve],
    configuration: Configuration,
    variants: Sequence[Variant],
    n_sessions: int,
) -> BacktestResult:
    """Run some variants of a configuration on sleeves that are already built."""
    return run_backtests(
        sleeves,
        configuration.strategy,
        variants,
        n_sessions=n_sessions,
        base=configuration.base,
    )
