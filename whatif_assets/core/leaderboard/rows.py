"""Ranking the variants of a study, and naming the best configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whatif_assets.core.configuration import Configuration
from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home
from whatif_assets.core.lake import DATA, read_parquet, write_parquet
from whatif_assets.core.leaderboard.ranking import SCORE, VIOLATES
from whatif_assets.core.leaderboard.sensitivity import PLATEAU, plateaus
from whatif_assets.core.study import Study

CANDIDATE = "candidate"
RANKING_COLUMNS = (
    "study",
    "rank",
    "configuration",
    "variant",
    "role",
    VIOLATES,
    SCORE,
)


@dataclass(frozen=True)
class Standing:
    """The results of a study that count, and those that do not.

    Attributes
    ----------
    rows
        One row per variant: study, configuration, variant, role, settings, metrics,
        and the plateau score.
    missing
        Configurations without results.
    outdated
        Configurations whose results come from an older version of the study.
    """

    rows: pd.DataFrame
    missing: tuple[str, ...]
    outdated: tuple[str, ...]


def table_path(home: Home, table: str) -> Path:
    """Where a table without partitions is stored."""
    return home.lake.folder(table) / DATA


def write_table(home: Home, table: str, frame: pd.DataFrame) -> str:
    """Write a table without partitions, atomically; return its content hash."""
    if frame.empty:
        raise BadInput(
            f"{table}: no study has results yet. Materialise backtest_results of "
            "some configurations first (in the UI, or with 'whatif run')."
        )
    return write_parquet(table_path(home, table), frame, table)


def read_table(home: Home, table: str) -> pd.DataFrame:
    """Read a table without partitions; BadInput where it was never written."""
    path = table_path(home, table)
    if not path.exists():
        raise BadInput(
            f"{table} has not been materialised yet; materialise it in the UI, or "
            "use 'whatif run'."
        )
    return read_parquet(path, table)


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
    configurations = configurations_of(home, study, keys)
    for configuration in configurations:
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
        rows[PLATEAU] = plateaus(study, configurations, rows)
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
    """Rank variants in the order of the study, the best first.

    Equal ones stand in the order of their names, so that a ranking never depends on
    the order of the work; see :meth:`Ranking.order` for the rest.
    """
    if rows.empty:
        return rows
    ordered = rows.sort_values(["configuration", "variant"], kind="stable")
    ordered = study.ranking.order(ordered).reset_index(drop=True)
    ordered["rank"] = range(1, len(ordered) + 1)
    first = [c for c in RANKING_COLUMNS if c in ordered]
    return ordered[first + [c for c in ordered.columns if c not in first]]


def best(ranking: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Choose the best candidate of a ranked study: one row, or none.

    Benchmarks and placebos cannot win; ``ranked_above`` names those that stand
    above the winner, which is a reason to doubt it. Nor can a variant that violates
    a constraint; :func:`why_none` says what kept all from winning.
    """
    eligible = (ranking["role"] == CANDIDATE) & study.ranking.qualifies(ranking)
    winner = ranking[eligible].head(1).reset_index(drop=True)
    above = ranking[ranking["rank"] < winner["rank"].max()]
    doubts = above.loc[above["role"] != CANDIDATE, "configuration"].drop_duplicates()
    winner.insert(5, "ranked_by", study.ranking.label)
    winner.insert(6, "variants_tried", len(ranking))
    winner.insert(7, "ranked_above", ", ".join(doubts))
    return winner


def why_none(ranking: pd.DataFrame, study: Study) -> str:
    """Say why no variant of a ranked study can win; empty where one can."""
    candidates = ranking[ranking["role"] == CANDIDATE]
    if study.ranking.qualifies(candidates).any():
        return ""
    if candidates.empty:
        return "No winner: the study has no candidate beside benchmarks and placebos."
    met = [
        f"{constraint} is met by {int(constraint.is_met(candidates).sum()):,}"
        for constraint in study.ranking.constraints
    ]
    known = int(study.ranking.score(candidates).notna().sum())
    found = ", ".join([*met, f"{study.ranking.label} is defined for {known:,}"])
    return (
        f"No winner: of {len(candidates):,} candidate variants, {found}; none has all."
    )


def outcome(ranking: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the winner of a ranked study, or a row that says why there is none.

    Returns
    -------
    pandas.DataFrame
        One row: that of :func:`best` with ``why_none`` empty, or one in which only
        study, ranked_by, variants_tried and ``why_none`` are not null.
    """
    winner = best(ranking, study).assign(why_none="")
    if len(winner):
        return winner
    texts = winner.select_dtypes("object").columns
    row = winner.reindex([0]).astype(
        {"rank": "Int64", **dict.fromkeys(texts, "string")}
    )
    return row.assign(
        study=study.name,
        ranked_by=study.ranking.label,
        variants_tried=len(ranking),
        why_none=why_none(ranking, study),
    )


def finalists(ranking: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Variants worth their detail: the first ones, and the best of each other role."""
    if ranking.empty:
        return ranking
    others = ranking[ranking["role"] != CANDIDATE]
    chosen = pd.concat(
        [ranking.head(study.finalists), others.drop_duplicates("configuration")]
    )
    return chosen.drop_duplicates(["configuration", "variant"]).sort_values("rank")


def short_name(row: Mapping[Any, Any]) -> str:
    """Configuration and variant of a row, without the study's name."""
    configuration = row["configuration"].partition(".")[2]
    return f"{configuration} {row['variant'].strip('-').replace('~', ' ')}".rstrip()


def stacked(studies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Stack the tables of several studies, sorted by the study's name."""
    frames = [studies[name] for name in sorted(studies)]
    full = [frame for frame in frames if not frame.empty]
    return pd.concat(full or frames[:1], ignore_index=True)
