"""Forecast quality in alphalens, for ``model_quality.py``."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import pandas as pd
from alphalens import performance
from alphalens.utils import get_clean_factor

BINS = 10


def coefficient(rows: pd.DataFrame) -> float:
    """Compute coefficients, returns by decile, autocorrelation and turnover."""
    rows = rows.set_index(["ts", "symbol"]).rename_axis(["date", "asset"])
    returns = rows[["5m"]]
    # Quantiles over all rows, as the bins of the platform.
    factor = get_clean_factor(
        rows["factor"], returns, quantiles=BINS, groupby=None, max_loss=1.0
    )
    coefficients = performance.factor_information_coefficient(factor)
    performance.mean_return_by_quantile(factor, demeaned=False)
    performance.factor_rank_autocorrelation(factor)
    for quantile in (1, BINS):
        performance.quantile_turnover(factor["factor_quantile"], quantile)
    return float(coefficients["5m"].mean())


def main() -> None:
    """Read the rows, measure them, and write time and coefficient."""
    warnings.simplefilter("ignore")
    rows = pd.read_parquet(sys.argv[1])
    began = time.perf_counter()
    found = coefficient(rows)
    seconds = time.perf_counter() - began
    answer = {"seconds": seconds, "rank_ic": found}
    Path(sys.argv[2]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
