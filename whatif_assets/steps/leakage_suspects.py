"""Check for facts and columns that predict returns too well: a warning, no error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.leaks import Finding
from whatif_assets.domain.leaks.leakage_suspects import (
    columns_foretell_no_return,
    returns_to_the_close,
    uses_other_data,
)
from whatif_assets.engines.strategies import required_features
from whatif_assets.settings.configuration import Configuration


def probe_learned_columns(configuration: Configuration, frame: pd.DataFrame) -> Finding:
    """Check whether facts or users' features predict the label too well.

    Parameters
    ----------
    frame
        A dataset from :func:`whatif_assets.steps.dataset.dataset`.
    """
    names = [f.column for f in configuration.features if uses_other_data(f)]
    groups = [rows for _, rows in frame.groupby("symbol")] if names else []
    gains = [rows["label"].to_numpy(dtype=np.float64) for rows in groups]
    if configuration.label.kind == "level":
        prices = [rows["price"].to_numpy(dtype=np.float64) for rows in groups]
        gains = [gain - price for gain, price in zip(gains, prices)]
    columns = {
        n: [rows[n].to_numpy(dtype=np.float64) for rows in groups] for n in names
    }
    return columns_foretell_no_return(columns, gains)


def probe_traded_columns(
    configuration: Configuration, sleeves: Sequence[Sleeve]
) -> Finding:
    """Check whether facts or users' features predict the rest of a session too well.

    Parameters
    ----------
    sleeves
        The sleeves that a rule trades, with the features that it computes for itself.
    """
    settings = [variant.settings for variant in configuration.variants()]
    features = required_features(configuration.strategy_type(), settings)
    names = [f.column for f in features if uses_other_data(f)]
    present = [name for name in names if name in sleeves[0].columns]
    gains = [returns_to_the_close(s.open, s.close, s.session) for s in sleeves]
    columns = {name: [s.columns[name] for s in sleeves] for name in present}
    return columns_foretell_no_return(columns, gains)
