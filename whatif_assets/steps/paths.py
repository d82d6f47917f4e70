"""Paths of combinatorial cross-validation: results of a variant on each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from whatif_assets.domain.ranking.ranking import Ranking
from whatif_assets.home.tables import LAKE
from whatif_assets.steps.winner import Winner

PATHS = "path_results"
RANKED = "ranked_value"


def by_path(metrics: Sequence[pd.DataFrame], ranking: Ranking) -> pd.DataFrame:
    """Stack the metrics of all paths: the table `PATHS`.

    Parameters
    ----------
    metrics
        For each path, a row per variant with a column per metric.
    ranking
        Ranking of the study.
    """
    frames = [frame.assign(path=path) for path, frame in enumerate(metrics)]
    stacked = pd.concat(frames, ignore_index=True)
    stacked[RANKED] = ranking.score(stacked)
    return stacked[list(LAKE[PATHS].kinds)]


def over_paths(
    rows: pd.DataFrame, paths: pd.DataFrame, ranking: Ranking
) -> pd.DataFrame:
    """Add the number of paths, and median and worst of what the study ranks by.

    Parameters
    ----------
    rows
        One row per variant.
    paths
        The table `PATHS`; without rows, the new columns are NaN.
    ranking
        Ranking of the study. Median and worst are NaN if the value of any path is.
    """
    if paths.empty:
        return rows.assign(paths=np.nan, path_median=np.nan, path_worst=np.nan)
    by_variant = paths.set_index(["variant", "path"])[RANKED].unstack()  # noqa: PD010
    worst = by_variant.min if ranking.higher_is_better else by_variant.max
    found = {
        "paths": pd.Series(float(len(by_variant.columns)), by_variant.index),
        "path_median": by_variant.median(axis=1, skipna=False),
        "path_worst": worst(axis=1, skipna=False),
    }
    return rows.assign(**{k: rows["variant"].map(v) for k, v in found.items()})


def paths_of(winner: Winner) -> pd.DataFrame:
    """Read the winner's rows of the table `PATHS`; none if there is one path."""
    found = winner.home.lake.read(PATHS, winner.configuration.key)
    return found[found["variant"] == winner.variant.id].reset_index(drop=True)
