"""The table that a model learns from and forecasts on."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from whatif_assets.core.configuration import Configuration
from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home
from whatif_assets.core.labels import Label, label

KEYS = ["symbol", "ts"]


def dataset(
    home: Home, configuration: Configuration, sessions: Sequence[date]
) -> pd.DataFrame:
    """Join features, label and price of a configuration over some sessions.

    Parameters
    ----------
    home
        The home whose lake is read.
    configuration
        Says symbols, features and label.
    sessions
        Sessions to read, oldest first.

    Returns
    -------
    pandas.DataFrame
        One row per bar, sorted by time and symbol: ``symbol``, ``ts``,
        ``session``, the feature columns, ``price`` (the label's price at the
        bar), ``label`` and ``label_ts`` (NaN and NaT where the bar that the label
        needs does not exist).

    Raises
    ------
    BadInput
        A session is not materialised, or its features lack a column that the
        configuration asks for.
    """
    columns = [feature.column for feature in configuration.features]
    _check_columns(home, configuration, sessions, columns)
    if "price" in columns:
        raise BadInput(
            f"Configuration {configuration.key}: features: 'price' is a reserved name."
        )
    keys = [session.isoformat() for session in sessions]
    versions = [home.lake.versions(table, keys) for table in ("features", "price_bars")]
    return _joined(
        _Asked(
            home.path,
            tuple(itertools.chain(*versions)),
            tuple(sessions),
            tuple(home.symbols_of(configuration)),
            tuple(columns),
            configuration.label,
            home,
        )
    )


@dataclass(frozen=True)
class _Asked:
    """What a dataset is made of; equal ones make the same."""

    path: Path
    versions: tuple[str, ...]
    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    columns: tuple[str, ...]
    label: Label
    home: Home = field(compare=False)


# Configurations of a study that differ in their models alone share two: the one to
# train on, which is forecast in sample too, and the one to test on.
@functools.lru_cache(maxsize=2)
def _joined(asked: _Asked) -> pd.DataFrame:
    lake, sessions, symbols = asked.home.lake, asked.sessions, asked.symbols
    features = lake.read_sessions(
        "features", sessions, [*KEYS, *asked.columns], symbols
    )
    price = asked.label.price
    wanted = list(dict.fromkeys([*KEYS, price]))
    bars = lake.read_sessions("price_bars", sessions, wanted, symbols)
    schedule = asked.home.market.sessions.schedule(_calendar(asked))
    labels = label(bars, asked.label, asked.home.market.bar_size, schedule)
    prices = bars[[*KEYS, price]].rename(columns={price: "price"})
    frame = features.merge(prices, on=KEYS, how="left")
    frame = frame.merge(labels[[*KEYS, "label", "label_ts"]], on=KEYS, how="left")
    return frame.sort_values(["ts", "symbol"], ignore_index=True)


def _calendar(asked: _Asked) -> list[date]:
    """Sessions from the first on, without a gap, to the last that a label reaches."""
    following = asked.home.market.sessions.dates(asked.sessions[0])
    end = following.index(asked.sessions[-1]) + 1
    return following[: end + asked.label.horizon]


def _check_columns(
    home: Home,
    configuration: Configuration,
    sessions: Sequence[date],
    columns: Sequence[str],
) -> None:
    for session in sessions:
        manifest = home.lake.manifest("features", session.isoformat())
        if manifest is None:
            continue
        lacking = sorted(set(columns) - set(manifest.details.get("columns", columns)))
        if lacking:
            raise BadInput(
                f"Configuration {configuration.key}: features of session {session} "
                f"lack {', '.join(lacking)}; they were computed before the study "
                "asked for it. Materialise features for the study's sessions again."
            )
