"""Identity of a trial: its settings, code, market data and windows, not its name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.features import FEATURES, functions_of
from whatif_assets.domain.strategies.params import json_value
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.strategies import StrategyType, required_features
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.groups import groups_hash
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import Study

_SOURCE = {"source", "path", "options", "calendar", "hours"}
_PARTS_PER_UNIT = 1e6  # relative prices are rounded to a millionth
_OPEN = "open"
_MONEY = ("leverage", "reserve")


def market_id(market: Market) -> str:
    """Return the identity of a market's bars: a hash of where they come from."""
    return combined_hash([market.model_dump(mode="json", include=_SOURCE)])


def trials_of(home: Home, study: Study, configuration: Configuration) -> list[str]:
    """Compute the identity of the trial of each variant of a configuration.

    Two trials are the same if their settings, code and windows are the same. Names do
    not count, a field may be swept or fixed, and 2 equals 2.0. The project's own code
    is identified by the settings; each version of a user's code is a different trial.

    Returns
    -------
    list of str
        One hash per variant, in the order of the variants.
    """
    kind = configuration.strategy_type()
    shared = configuration.settings()
    for name in ("sweep", "strategy", *_MONEY, *configuration.strategy_settings):
        shared.pop(name, None)
    shared["symbols"] = _symbols(home, configuration)
    variants = configuration.variants()
    base = combined_hash(
        [
            _plain(shared),
            _strategy_identity(kind),
            _own_features(home, configuration, kind, variants),
            _training(study) if configuration.algorithm else None,
            window(home, study),
        ]
    )
    return [
        combined_hash(
            [
                base,
                _plain(json_value(_told(kind, variant))),
                _plain(variant.costs.as_settings()),
                _plain(variant.cash),
                *_money_of(variant),
            ]
        )
        for variant in variants
    ]


def _told(kind: StrategyType, variant: Variant) -> dict[str, Any]:
    """Return the settings, without later ones that have their default.

    So that trials made before there were these settings keep their identity.
    """
    later: frozenset[str] = getattr(kind.Settings, "added_later", frozenset())
    fields = kind.Settings.model_fields
    return {
        name: value
        for name, value in variant.settings.items()
        if name not in later or value != fields[name].default
    }


def _money_of(variant: Variant) -> list[Any]:
    """Return what is lent and kept in reserve, where that is anything."""
    money = {name: _plain(getattr(variant, name)) for name in _MONEY}
    return [] if money == {"leverage": 1, "reserve": 0} else [money]


def _training(study: Study) -> dict[str, Any]:
    return study.evaluation.model_dump(mode="json", exclude={"holdout"})


def _own_features(
    home: Home,
    configuration: Configuration,
    kind: StrategyType,
    variants: Sequence[Variant],
) -> dict[str, str]:
    """Code versions of users' features and estimators by name, and the groups read."""
    read = required_features(kind, [variant.settings for variant in variants])
    if configuration.algorithm:
        read = [*read, *configuration.features_read]
    functions = {name: FEATURES[name] for name in functions_of(read)}
    versions = {
        name: function.code_version
        for name, function in functions.items()
        if not _is_ours(getattr(function.compute, "__module__", ""))
    }
    if ":" in (name := configuration.algorithm or ""):
        versions[name] = find_algorithm(name, configuration.base).code_version
    label = configuration.label if configuration.algorithm else None
    if configuration.model_per == "group":
        versions["groups"] = groups_hash(home.market.groups)
    return versions | home.market.groups_read(read, label)


def _strategy_identity(kind: StrategyType) -> list[str]:
    """Identify a strategy: a built-in rule by name, a class with its code version."""
    if kind.built_in:
        return [kind.name]
    return [kind.strategy.__qualname__, kind.code_version]


def _symbols(home: Home, configuration: Configuration) -> list[str] | None:
    """Symbols of a configuration, sorted; None for all symbols of the market."""
    named = sorted(configuration.symbols or ())
    return None if named in ([], sorted(home.symbols)) else named


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]


def _plain(value: Any) -> Any:
    """Write equal numbers the same way: 2.0 as 2."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def window(home: Home, study: Study) -> list[Any]:
    """Identify the sessions on which a study tests.

    A study without an end date grows with the market; it is identified by its first
    session and its evaluation settings. A study with an end date is identified by its
    sessions, so another end date makes other trials.
    """
    days = evaluated_sessions(home, study)
    if study.dates.last or home.market.last_session:
        return [str(days[0]), str(days[-1]), len(days)] if days else []
    laid_out = study.evaluation.model_dump(mode="json", exclude={"holdout", "embargo"})
    return [str(study.sessions(home.market)[0]), _OPEN, laid_out]


def marks_of(sleeves: Sequence[Sleeve], sessions: Sequence[date]) -> pd.DataFrame:
    """Hash how the price of each symbol moved in each session, to recognise bars.

    A session's high, low and close, relative to its open, do not depend on the name of
    the symbol, the source of the bars, their size or a split. Sessions without a price
    move are left out, since they are the same for many symbols.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``session`` (ISO date) and ``mark`` (int64).
    """
    days = np.array([day.isoformat() for day in sessions], dtype=object)
    parts = [_marks(sleeve, days) for sleeve in sleeves if len(sleeve)]
    columns = {"symbol": str, "session": str, "mark": np.int64}
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=of) for name, of in columns.items()})
    return pd.concat(parts, ignore_index=True)


def _marks(sleeve: Sleeve, days: Any) -> pd.DataFrame:
    number, first = np.unique(sleeve.session, return_index=True)
    _, last = sleeve.last_bars()
    opens = sleeve.open[first]
    moved = np.column_stack(
        [
            np.maximum.reduceat(sleeve.high, first) - opens,
            np.minimum.reduceat(sleeve.low, first) - opens,
            sleeve.close[last] - opens,
        ]
    )
    known = (opens != 0) & (moved != 0).any(axis=1)
    shape = np.rint(moved[known] / np.abs(opens[known, None]) * _PARTS_PER_UNIT)
    marks = pd.util.hash_pandas_object(pd.DataFrame(shape + 0.0), index=False)
    return pd.DataFrame(
        {
            "symbol": sleeve.symbol,
            "session": days[number[known]],
            "mark": marks.to_numpy().view(np.int64),
        }
    )


def same_bars(ours: pd.DataFrame, theirs: pd.DataFrame) -> set[str]:
    """Find the symbols of another market that have the same bars as one of ours.

    Parameters
    ----------
    ours, theirs
        Tables from `marks_of`, without duplicate rows.

    Returns
    -------
    set of str
        Symbols of ``theirs`` with equal marks in at least half of the sessions that
        both symbols have.
    """
    pairs = ours.merge(theirs, on="session", suffixes=("", "_there"))
    equal = pairs["mark"] == pairs["mark_there"]
    keys = ["symbol", "symbol_there"]
    shared = pairs.drop_duplicates([*keys, "session"]).groupby(keys).size()
    alike = pairs[equal].drop_duplicates([*keys, "session"]).groupby(keys).size()
    same = alike[alike >= shared.reindex(alike.index) / 2]
    return set(same.index.get_level_values("symbol_there"))


def evaluated_sessions(home: Home, study: Study) -> list[date]:
    """Return the sessions of all test windows of a study, oldest first."""
    return sorted({day for fold in study.folds(home.market) for day in fold.test})
