"""The forecasts of one path: one per bar, as a backtest or a measurement reads them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from whatif_assets.home.home import Home

FORECASTS = "forecasts"


def read_path(
    home: Home,
    key: str,
    columns: Sequence[str],
    table: str = FORECASTS,
    path: int = 0,
) -> pd.DataFrame:
    """Read the forecasts of a configuration that are on a path.

    Parameters
    ----------
    key, columns
        Key of the configuration, and the names of the columns to return.
    table
        ``forecasts`` or ``in_sample_forecasts``.
    path
        Number of the path. Path 0 is the only one, except in combinatorial
        cross-validation; all that is not about paths reads it.

    Raises
    ------
    BadInput
        The forecasts are not materialised.
    """
    frame = home.lake.read(table, key, [*columns, "path"], {"path": [path]})
    # Files that were written before there were paths have none.
    here = frame["path"].fillna(0) == path
    return frame.loc[here, [*columns]].reset_index(drop=True)
