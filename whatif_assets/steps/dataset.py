"""The dataset on which a model is trained and from which it forecasts."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.models.labels import Label, label
from whatif_assets.domain.models.parts import with_parts
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.feature_tables import feature_versions, read_features

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
        Defines symbols, features and label.
    sessions
        Sessions to read, oldest first.

    Returns
    -------
    pandas.DataFrame
        One row per bar of the configuration's size, sorted by time and symbol:
        ``symbol``, ``ts``, ``session``, the columns of the features that the model and
        its label read, ``price`` (the label's price at the bar), ``label`` and
        ``label_ts`` (NaN and NaT where the bar that the label needs does not exist);
        and the part of the symbol, if models are per symbol or group (see
        :mod:`whatif_assets.domain.models.parts`).

    Raises
    ------
    BadInput
        A session is not materialised, its features lack a column that the
        configuration uses, or a feature has the reserved name ``price``.
    """
    columns = [feature.column for feature in configuration.features_read]
    if "price" in columns:
        raise BadInput(
            f"Configuration {configuration.key}: features: 'price' is a reserved name."
        )
    frame = _joined(
        _Request(
            home.path,
            tuple(_versions(home, configuration, sessions)),
            tuple(sessions),
            tuple(home.symbols_learned(configuration)),
            tuple(columns),
            configuration.label,
            home.bar_size(configuration),
            home,
        )
    )
    return with_parts(frame, home.parts_of(configuration))


def versions_read(
    home: Home, configuration: Configuration, sessions: Sequence[date]
) -> list[str]:
    """Return data versions of a dataset's features, bars, lost symbols and groups.

    They include the part of each symbol, if models are per symbol or group.

    Raises
    ------
    BadInput
        As :func:`dataset`.
    """
    parts = home.parts_of(configuration).items()
    named = [combined_hash(f"{symbol}: {part}" for symbol, part in parts)]
    return [*_versions(home, configuration, sessions), *(named if parts else [])]


def _versions(
    home: Home, configuration: Configuration, sessions: Sequence[date]
) -> list[str]:
    """Return the versions of what a dataset is read from."""
    features = feature_versions(home, configuration, sessions)
    bars = BarReader(home, home.bar_size(configuration)).versions(sessions)
    groups = home.market.groups_read([], configuration.label)
    lost = home.symbols_lost(home.study(configuration.study))
    return [*features, *bars, *lost, *groups.values()]


@dataclass(frozen=True)
class _Request:
    """What a dataset is read from; equal requests have equal datasets."""

    path: Path
    versions: tuple[str, ...]
    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    columns: tuple[str, ...]
    label: Label
    size: BarSize
    home: Home = field(compare=False)


# Configurations of a study that differ only in their models share two datasets: one to
# train on, also used for in-sample forecasts, and one to test on.
@functools.lru_cache(maxsize=2)
def _joined(request: _Request) -> pd.DataFrame:
    sessions, symbols, size = request.sessions, request.symbols, request.size
    features = read_features(request.home, size, sessions, request.columns, symbols)
    price, relative = request.label.price, request.label.relative_to
    wanted = [*KEYS, *request.label.columns]
    bars = BarReader(request.home, size).over(
        sessions, wanted, None if relative else symbols
    )
    if relative == "group":
        bars = request.home.with_groups(bars)
    schedule = request.home.market.sessions.schedule(_calendar(request))
    steps = LakeSteps(request.home).over(sessions[0], sessions[-1])
    if known := [feature.column for feature in request.label.features]:
        bars = with_columns(bars, features, known)
    labels = label(bars, request.label, size, schedule, steps)
    labels.insert(len(KEYS), "price", bars[price].to_numpy())
    if relative:
        labels = labels[labels["symbol"].isin(symbols)].reset_index(drop=True)
    if features[KEYS].equals(labels[KEYS]):  # usually true, and merging is slow
        frame = features.join(labels.drop(columns=KEYS))
    else:
        frame = features.merge(labels, on=KEYS, how="left")
    return frame.sort_values(["ts", "symbol"], ignore_index=True)


def with_columns(
    bars: pd.DataFrame, rows: pd.DataFrame, columns: Sequence[str]
) -> pd.DataFrame:
    """Look up columns of rows for bars; NaN for a bar without a row."""
    found = bars[KEYS].merge(rows[[*KEYS, *columns]], on=KEYS, how="left")
    return bars.assign(**{name: found[name].to_numpy() for name in columns})


def _calendar(request: _Request) -> list[date]:
    """List consecutive sessions from the first to the last that a label reaches."""
    following = request.home.market.sessions.dates(request.sessions[0])
    end = following.index(request.sessions[-1]) + 1
    return following[: end + request.label.horizon]
