"""Ranking the variants of a study, and naming the best configuration."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.domain.base.hashing import combined_hash, short_hash
from whatif_assets.domain.ranking.ranking import SCORE, VIOLATES
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.parquet import as_parquet
from whatif_assets.home.state import Judge, State, Status
from whatif_assets.home.tables import LAKE
from whatif_assets.home.what_ifs import what_ifs
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.sensitivity import PLATEAU, plateaus

RESULTS, BOARD = "backtest_results", "leaderboard"
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
class FreshResults:
    """The results of a study that count in the ranking, and those that do not.

    Attributes
    ----------
    home, study, configurations
        The home, the study, and its configurations and what-ifs.
    versions
        Data versions of the results that count, by configuration.
    left_out
        States of the other configurations, by key; they say why none counts.
    """

    home: Home
    study: Study
    configurations: Sequence[Configuration]
    versions: Mapping[str, str]
    left_out: Mapping[str, State]

    @property
    def rows(self) -> pd.DataFrame:
        """One row per variant: study, configuration, variant, role, settings, metrics.

        The plateau score follows. Rows are read when they are asked for, since most
        callers only want to know which results count.
        """
        return self._each_content_once[0]

    @property
    def same_as(self) -> Mapping[str, str]:
        """Configurations that only repeat the variants of an earlier configuration.

        By their key, the key of that configuration: equal settings count once,
        whatever their name.
        """
        return self._each_content_once[1]

    @functools.cached_property
    def _each_content_once(self) -> tuple[pd.DataFrame, Mapping[str, str]]:
        frames = [_rows_of(self.home, key) for key in self.versions]
        if not frames:
            return LAKE[BOARD].empty(), {}
        rows, same_as = _each_content_once(pd.concat(frames, ignore_index=True))
        rows.insert(0, "study", self.study.name)
        rows[PLATEAU] = plateaus(self.study, self.configurations, rows)
        return rows, same_as


def _rows_of(home: Home, key: str) -> pd.DataFrame:
    """Read the results of a configuration, one row per variant."""
    frame = home.lake.read(RESULTS, key)
    frame.insert(0, "configuration", key)
    return frame


def write_partition(
    home: Home,
    table: str,
    study: Study,
    frame: pd.DataFrame,
    inputs: Mapping[str, str],
    run_id: str = "",
) -> str:
    """Write a study's partition of a table atomically; return its content hash.

    A partition that is the same already stays as it is: other runs may read it.

    Parameters
    ----------
    inputs
        Hashes of what it was computed from, as `Freshness.inputs` returns them.
    run_id
        Id of the Dagster run.
    """
    content = as_parquet(frame, table)
    made = home.lake.manifest(table, study.name)
    if made and (made.data_version, made.inputs) == (short_hash(content), inputs):
        return made.data_version
    version = home.lake.write_encoded(table, study.name, content)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    code = inputs.get("code", "")
    manifest = Manifest(version, dict(inputs), len(frame), run_id, code, now, 0.0)
    home.lake.finish(table, study.name, manifest)
    return version


def read_table(home: Home, table: str) -> pd.DataFrame:
    """Read the partitions of all studies of a home; BadInput if there are none."""
    parts = {
        name: home.lake.read(table, name)
        for name in home.studies()
        if home.lake.has(table, name)
    }
    if not parts:
        raise BadInput(
            f"{table} has not been materialised yet; materialise it in the UI, or "
            "use 'whatif run'."
        )
    return stacked(parts)


def fresh_results(fresh: Judge, study: Study) -> FreshResults:
    """Collect the fresh results of a study's configurations and what-ifs.

    Stale results are left out and listed, since results are comparable only if
    settings, code, data and sessions are the same.

    Parameters
    ----------
    fresh
        Decides which partitions of the home are fresh.
    study
        The study.
    """
    home, versions = fresh.home, dict[str, str]()
    left_out = {
        key: State(Status.MISSING, fault)
        for key, fault in home.resolve(study).faults.items()
    }
    configurations = configurations_of(home, study)
    for configuration in configurations:
        key = configuration.key
        state = fresh.of(RESULTS, key)
        manifest = home.lake.manifest(RESULTS, key)
        if not state.is_fresh or manifest is None:
            left_out[key] = state
        else:
            versions[key] = manifest.data_version
    return FreshResults(home, study, configurations, versions, left_out)


def _each_content_once(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Keep the first of the variants that have the same settings.

    Returns
    -------
    rows : pandas.DataFrame
        The rows that are kept.
    same_as : dict
        Configurations without a kept row, and the configuration that has the same
        settings as their first variant.
    """
    first = rows.drop_duplicates("settings").set_index("settings")["configuration"]
    kept = rows[~rows.duplicated("settings")].reset_index(drop=True)
    gone = rows[~rows["configuration"].isin(kept["configuration"])]
    gone = gone.drop_duplicates("configuration")
    owners = gone["settings"].map(first)
    return kept, dict(zip(gone["configuration"], owners))


def left_out(found: FreshResults) -> pd.DataFrame:
    """List the configurations whose results do not count, and why, one row each."""
    rows = [(key, s.status.value, s.because) for key, s in found.left_out.items()]
    return pd.DataFrame(rows, columns=["configuration", "state", "because"])


def leaderboard_inputs(study: Study, found: FreshResults) -> dict[str, str]:
    """Return hashes of the inputs of a study's ranking, by part."""
    order = [study.rank_by, study.constraints]
    return {
        "settings": combined_hash([order, sorted(METRICS)]),
        "results": combined_hash(sorted(found.versions.items())),
    }


def configurations_of(home: Home, study: Study) -> list[Configuration]:
    """List a study's configurations, and the what-ifs that have results."""
    return [*home.configurations(study), *what_ifs(home, study)[0]]


def ranked(found: FreshResults, study: Study) -> pd.DataFrame:
    """Rank the results of a study that count; see :func:`rank`."""
    return rank(found.rows, study)


def rank(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Rank variants by the study's ranking, best first.

    Equal variants are sorted by name, so that a ranking does not depend on the order of
    evaluation; see :meth:`Ranking.order` for the rest.
    """
    if rows.empty:
        return rows
    ordered = rows.sort_values(["configuration", "variant"], kind="stable")
    ordered = study.ranking.order(ordered).reset_index(drop=True)
    ordered["rank"] = range(1, len(ordered) + 1)
    first = [c for c in RANKING_COLUMNS if c in ordered]
    return ordered[first + [c for c in ordered.columns if c not in first]]


def best(ranking: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Select the best candidate of a ranked study: one row, or none.

    Benchmarks and placebos cannot win; ``ranked_above`` lists those that rank above the
    winner, which is a reason to doubt the winner. A variant that violates a constraint
    cannot win either; :func:`why_none` says why no variant wins.
    """
    eligible = (ranking["role"] == CANDIDATE) & study.ranking.qualifies(ranking)
    winner = ranking[eligible].head(1).reset_index(drop=True)
    above = ranking[ranking["rank"] < winner["rank"].max()]
    doubts = above.loc[above["role"] != CANDIDATE, "configuration"].drop_duplicates()
    winner.insert(5, "ranked_by", study.ranking.label)
    winner.insert(6, "variants_tried", len(ranking))
    winner.insert(7, "ranked_above", ", ".join(doubts))
    return winner


def why_none(
    ranking: pd.DataFrame, study: Study, found: FreshResults | None = None
) -> str:
    """Explain why no variant of a ranked study can win; empty if one can.

    Parameters
    ----------
    found
        The results that were ranked; they explain an empty ranking.
    """
    if ranking.empty:
        return _why_empty(found)
    candidates = ranking[ranking["role"] == CANDIDATE]
    if study.ranking.qualifies(candidates).any():
        return ""
    if candidates.empty:
        return "No winner: the study has only benchmarks and placebos, no candidates."
    met = [
        f"{constraint} is met by {int(constraint.is_met(candidates).sum()):,}"
        for constraint in study.ranking.constraints
    ]
    known = int(study.ranking.score(candidates).notna().sum())
    counts = ", ".join([*met, f"{study.ranking.label} is defined for {known:,}"])
    return (
        f"No winner: of {len(candidates):,} candidate variants, {counts}; no variant "
        "fulfils all of these."
    )


def _why_empty(found: FreshResults | None) -> str:
    """Explain why no configuration of a study has a result that counts."""
    reasons: dict[str, list[str]] = {}
    for key, state in (found.left_out if found else {}).items():
        reasons.setdefault(str(state), []).append(key)
    listed = "; ".join(f"{few(keys)} ({why})" for why, keys in reasons.items())
    return f"No results: {listed}." if listed else "No results yet."


def outcome(ranking: pd.DataFrame, study: Study, why_none: str) -> pd.DataFrame:
    """Return the winner of a ranked study, or a row that says why there is none.

    Parameters
    ----------
    why_none
        Why no winner is named; empty if there is a winner.

    Returns
    -------
    pandas.DataFrame
        One row: that of :func:`best` with ``why_none`` empty, or one in which only
        study, ranked_by, variants_tried and ``why_none`` are not null.
    """
    winner = best(ranking, study).assign(why_none=why_none)
    if not why_none:
        return winner
    texts = winner.select_dtypes("object").columns
    row = (
        winner.iloc[:0]
        .reindex([0])
        .astype({"rank": "Int64", **dict.fromkeys(texts, "string")})
    )
    return row.assign(
        study=study.name,
        ranked_by=study.ranking.label,
        variants_tried=len(ranking),
        why_none=why_none,
    )


def finalists(ranking: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Select the first variants, and the best of each benchmark and placebo."""
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
