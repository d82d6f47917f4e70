"""Table of fills: one row for each execution of the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.accounts.job import Run
from whatif_assets.domain.accounts.sleeve import Sleeve


def fill_table(jobs: Sequence[tuple[str, Sleeve, Run]]) -> pd.DataFrame:
    """Collect the fills of jobs in one table, in the order of the jobs.

    Parameters
    ----------
    jobs
        Id of the variant, its sleeve, and the run of the variant on the sleeve.

    Returns
    -------
    pandas.DataFrame
        Columns as in `whatif_assets.domain.accounts.result.BacktestResult.fills_of`.
    """
    runs = [run for *_, run in jobs]
    counts = [len(run.bars) for run in runs]
    variants = np.array([variant for variant, *_ in jobs], dtype=object)
    symbols = np.array([sleeve.symbol for _, sleeve, _ in jobs], dtype=object)
    ts = _joined([sleeve.ts[run.bars] for _, sleeve, run in jobs]).astype(np.int64)
    return pd.DataFrame(
        {
            "variant": variants.repeat(counts),
            "symbol": symbols.repeat(counts),
            "ts": pd.DatetimeIndex(ts.view("datetime64[us]")).tz_localize("UTC"),
            "size": _joined([run.sizes for run in runs]),
            "price": _joined([run.prices for run in runs]),
            "commission": _joined([run.commissions for run in runs]),
            "value": _joined([run.values_traded for run in runs]),
            "multiplier": _joined([run.multipliers for run in runs]),
            "closing": _joined([run.closing for run in runs]),
            "slippage": _joined([run.slippage for run in runs]),
        }
    )


def _joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0)
