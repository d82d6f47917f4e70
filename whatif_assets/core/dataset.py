"""The table that a model learns from and forecasts on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from whatif_assets.core.configuration import Configuration
from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home
from whatif_assets.core.labels import label

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
    symbols = home.symbols_of(configuration)
    _check_columns(home, configuration, sessions, columns)
    features = home.lake.read_sessions("features", sessions, [*KEYS, *columns], symbols)
    price = configuration.label.price
    wanted = list(dict.fromkeys([*KEYS, price]))
    bars = home.lake.read_sessions("price_bars", sessions, wanted, symbols)
    labels = label(
        bars,
        configuration.label,
        home.market.base_bar,
        home.market.sessions.schedule(_calendar(home, configuration, sessions)),
    )
    prices = bars[[*KEYS, price]].rename(columns={price: "price"})
    frame = features.merge(prices, on=KEYS, how="left", suffixes=("", "_at_bar"))
    if "price_at_bar" in frame:
        raise BadInput(
            f"Configuration {configuration.key}: features: 'price' is a reserved name."
        )
    frame = frame.merge(labels[[*KEYS, "label", "label_ts"]], on=KEYS, how="left")
    return frame.sort_values(["ts", "symbol"], ignore_index=True)


def _calendar(
    home: Home, configuration: Configuration, sessions: Sequence[date]
) -> list[date]:
    """Sessions from the first on, without a gap, to the last that a label reaches."""
    following = home.market.sessions.dates(sessions[0])
    end = following.index(sessions[-1]) + 1
    return following[: end + configuration.label.horizon]


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
