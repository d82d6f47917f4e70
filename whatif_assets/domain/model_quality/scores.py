"""Scores of forecasts against labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.models.labels import Label


@dataclass(frozen=True)
class Scores:
    """How close forecasts were to the labels.

    Attributes
    ----------
    rows
        Number of forecasts whose label is known.
    rmse
        Root mean squared error, in the unit of the label; NaN without rows.
    skill
        1 minus the squared error divided by that of forecasting no change; above 0 is
        better than no model. NaN where nothing changed.
    ic
        Rank correlation (Spearman) of forecast and true change over all rows; NaN
        where one of them does not vary.
    """

    rows: int
    rmse: float
    skill: float
    ic: float


def scores_of(
    forecasts: FloatArray, labels: FloatArray, no_change: FloatArray
) -> Scores:
    """Score forecasts.

    Parameters
    ----------
    forecasts, labels, no_change
        Forecast, label, and the label that means no change, for each row. Rows with
        NaN in one of them do not count.
    """
    known = np.isfinite(forecasts) & np.isfinite(labels) & np.isfinite(no_change)
    forecasts, labels, no_change = (v[known] for v in (forecasts, labels, no_change))
    if not len(labels):
        return Scores(0, np.nan, np.nan, np.nan)
    squared = float(np.mean((forecasts - labels) ** 2))
    change, expected = labels - no_change, forecasts - no_change
    naive = float(np.mean(change**2))
    return Scores(
        rows=len(labels),
        rmse=float(np.sqrt(squared)),
        skill=1 - squared / naive if naive > 0 else np.nan,
        ic=rank_correlation(expected, change),
    )


def scores_of_label(label: Label, rows: pd.DataFrame, forecasts: FloatArray) -> Scores:
    """Score forecasts of a label.

    Parameters
    ----------
    label
        The label.
    rows
        ``price`` and ``label`` of each row; rows without a label do not count.
    forecasts
        One forecast per row.
    """
    labels = rows["label"].to_numpy(dtype=np.float64)
    return scores_of(forecasts, labels, label.of_kind.without_skill(rows))


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Compute the correlation of the ranks of two series (Spearman).

    Equal values share their mean rank. NaN where one of the series does not vary, or
    has fewer than two values.
    """
    ranks = [pd.Series(values).rank().to_numpy(dtype=np.float64) for values in (a, b)]
    if any(len(one) < 2 or one.min() == one.max() for one in ranks):
        return np.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
