"""Ranking the variants of a study, and naming the best configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from whatif_assets.core.configuration import Configuration
from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home
from whatif_assets.core.metrics import METRICS
from whatif_assets.core.study import Study

CANDIDATE = "candidate"
RANKING_COLUMNS = ("study", "rank", "configuration", "variant", "role")


@dataclass(frozen=True)
class Standing:
    """The results of a study that count, and those that do not.

    Attributes
    ----------
    rows
        One row per variant: study, configuration, variant, role, settings, metrics.
    missing
        Configurations without results.
    outdated
        Configurations whose results come from an older version of the study.
    """

    rows: pd.DataFrame
    missing: tuple[str, ...]
    outdated: tuple[str, ...]


def standing(home: Home, study: Study, keys: Iterable[str]) -> Standing:
    """Collect the backtest results of a study's configurations.

    Results are comparable only where dates, evaluation windows and costs are the
    same, so those of an older version of the study are left out and named.

    Parameters
    ----------
    home
        The home whose lake is read.
    study
        The study.
    keys
        What-if keys beyond the study file's own; those of other studies are
        passed over.
    """
    frames, missing, outdated = [], [], []
    for configuration in configurations_of(home, study, keys):
        manifest = home.lake.manifest("backtest_results", configuration.key)
        if manifest is None:
            missing.append(configuration.key)
        elif manifest.details.get("result_hash") != configuration.result_hash(study):
            outdated.append(configuration.key)
        else:
            frame = home.lake.read("backtest_results", configuration.key)
            frame.insert(0, "configuration", configuration.key)
            frames.append(frame)
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if frames:
        rows.insert(0, "study", study.name)
    return Standing(rows, tuple(missing), tuple(outdated))


def configurations_of(
    home: Home, study: Study, keys: Iterable[str]
) -> list[Configuration]:
    """List a study's configurations and the what-ifs among some keys, keys unique.

    A key that no longer names a configuration is passed over: the study changed.
    """
    found = {c.key: c for c in home.configurations(study)}
    for key in sorted(keys):
        if key.split("~")[0].split(".")[0] == study.name and key not in found:
            try:
                found[key] = home.find(key)[0]
            except BadInput:
                continue
    return list(found.values())


def rank(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Rank variants by the study's metric, the best first.

    Variants whose metric is undefined come last; equal ones stand in the order of
    their names, so that a ranking never depends on the order of the work.
    """
    if rows.empty:
        return rows
    ordered = rows.sort_values(["configuration", "variant"], kind="stable")
    ordered = ordered.sort_values(
        study.rank_by,
        ascending=not METRICS[study.rank_by].higher_is_better,
        na_position="last",
        kind="stable",
    ).reset_index(drop=True)
    ordered["rank"] = range(1, len(ordered) + 1)
    first = list(RANKING_COLUMNS)
    return ordered[first + [c for c in ordered.columns if c not in first]]


def best(ranking: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Choose the best candidate of a ranked study: one row, or none.

    Benchmarks and placebos cannot win; ``ranked_above`` names those that stand
    above the winner, which is a reason to doubt it.
    """
    eligible = (ranking["role"] == CANDIDATE) & ranking[study.rank_by].notna()
    winner = ranking[eligible].head(1).reset_index(drop=True)
    above = ranking[ranking["rank"] < winner["rank"].max()]
    doubts = above.loc[above["role"] != CANDIDATE, "configuration"].drop_duplicates()
    winner.insert(5, "ranked_by", study.rank_by)
    winner.insert(6, "variants_tried", len(ranking))
    winner.insert(7, "ranked_above", ", ".join(doubts))
    return winner


def finalists(ranking: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Variants worth their detail: the first ones, and the best of each other role."""
    if ranking.empty:
        return ranking
    others = ranking[ranking["role"] != CANDIDATE]
    chosen = pd.concat(
        [ranking.head(study.finalists), others.drop_duplicates("configuration")]
    )
    return chosen.drop_duplicates(["configuration", "variant"]).sort_values("rank")


def stacked(studies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Stack the tables of several studies, sorted by the study's name."""
    frames = [studies[name] for name in sorted(studies)]
    full = [frame for frame in frames if not frame.empty]
    return pd.concat(full or frames[:1], ignore_index=True)
