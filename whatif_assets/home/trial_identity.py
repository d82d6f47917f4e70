"""What a trial is: settings, code, market data and windows, not a name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.features import FEATURES
from whatif_assets.domain.strategies.params import json_value
from whatif_assets.engines.strategies import StrategyType, required_features
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import Study

_SOURCE = {"source", "path", "options", "calendar", "hours"}
_PARTS_PER_UNIT = 1e6  # to which prices of a session are told apart
_OPEN = "open"


def market_id(market: Market) -> str:
    """Identity of a market's bars, by where they come from."""
    return combined_hash([market.model_dump(mode="json", include=_SOURCE)])


def trials_of(home: Home, study: Study, configuration: Configuration) -> list[str]:
    """Identify the trials that a configuration's variants are, in their order.

    Two trials are one if settings, code and windows are the same: no name counts, nor
    whether a field is swept or fixed, and 2 is 2.0. Of the project's own code the
    settings say all; each version of a user's code is another.

    Returns
    -------
    list of str
        A hash each.
    """
    kind = configuration.strategy_type()
    shared = configuration.settings()
    for name in ("sweep", "strategy", *configuration.strategy_settings):
        shared.pop(name, None)
    shared["symbols"] = _symbols(home, configuration)
    variants = configuration.variants()
    base = combined_hash(
        [
            _plain(shared),
            _named(kind),
            _own_features(configuration, kind, variants),
            _training(study) if configuration.algorithm else None,
            window(home, study),
        ]
    )
    return [
        combined_hash(
            [
                base,
                _plain(json_value(variant.settings)),
                _plain(dataclasses.asdict(variant.costs)),
                _plain(variant.cash),
            ]
        )
        for variant in variants
    ]


def _training(study: Study) -> dict[str, Any]:
    return study.evaluation.model_dump(mode="json", exclude={"holdout"})


def _own_features(
    configuration: Configuration, kind: StrategyType, variants: Sequence[Variant]
) -> dict[str, str]:
    """Code of the features that are not the project's own, by name."""
    read = required_features(kind, [variant.settings for variant in variants])
    if configuration.algorithm:
        read = [*read, *configuration.features]
    functions = {name: FEATURES[name] for name in sorted({f.function for f in read})}
    return {
        name: function.code_version
        for name, function in functions.items()
        if not _is_ours(getattr(function.compute, "__module__", ""))
    }


def _named(kind: StrategyType) -> list[str]:
    """Name a strategy: a built-in rule, or a class with all of its code."""
    if kind.built_in:
        return [kind.name]
    return [kind.strategy.__qualname__, kind.code_version]


def _symbols(home: Home, configuration: Configuration) -> list[str] | None:
    """Symbols that are asked for; None for all of the market's."""
    asked = sorted(configuration.symbols or ())
    return None if asked in ([], sorted(home.symbols)) else asked


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]


def _plain(value: Any) -> Any:
    """Write equal numbers the same."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def window(home: Home, study: Study) -> list[Any]:
    """Say on which sessions a study tests.

    One without an end grows by itself and stays the same, as long as nobody changes how
    it is laid out. One with an end is given by its sessions, so that whoever moves it
    has another.
    """
    days = evaluated_sessions(home, study)
    if study.dates.last or home.market.last_session:
        return [str(days[0]), str(days[-1]), len(days)] if days else []
    laid_out = study.evaluation.model_dump(mode="json", exclude={"holdout", "embargo"})
    return [str(study.sessions(home.market)[0]), _OPEN, laid_out]


def marks_of(sleeves: Sequence[Sleeve], sessions: Sequence[date]) -> pd.DataFrame:
    """Mark the sessions of each symbol by how their price moved.

    A session's high, low and close, relative to its open, are the same whatever the
    symbol is called, wherever the bars come from, however large they are, and after a
    split. Sessions in which no price moved tell nothing and are left out.

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
    """Find the symbols of another market that have the bars of one of ours.

    Parameters
    ----------
    ours, theirs
        As `marks_of` gives them, each row once.

    Returns
    -------
    set of str
        Symbols of theirs of which at least half of the sessions that both have are
        marked the same.
    """
    pairs = ours.merge(theirs, on="session", suffixes=("", "_there"))
    equal = pairs["mark"] == pairs["mark_there"]
    keys = ["symbol", "symbol_there"]
    shared = pairs.drop_duplicates([*keys, "session"]).groupby(keys).size()
    alike = pairs[equal].drop_duplicates([*keys, "session"]).groupby(keys).size()
    same = alike[alike >= shared.reindex(alike.index) / 2]
    return set(same.index.get_level_values("symbol_there"))


def evaluated_sessions(home: Home, study: Study) -> list[date]:
    """Sessions of all test windows, oldest first: where results are counted."""
    return sorted({day for fold in study.folds(home.market) for day in fold.test})
