"""The run log: which run computed which partition, when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import pandas as pd

from whatif_assets.domain.base.errors import few
from whatif_assets.home.lake import Lake
from whatif_assets.home.lake_names import axis_of
from whatif_assets.home.manifest import NEW, Manifest
from whatif_assets.home.users import user_name

RUNS = "runs"
DONE = {"computed": "computed", "unchanged": "computed again and unchanged"}


@dataclass(frozen=True)
class RunEntry:
    """One partition in one run.

    ``status`` is computed; unchanged (computed again, and the same as before), reused
    or failed.
    """

    partition: str
    status: str
    why_computed: str
    code_version: str
    data_version: str | None
    rows: int
    seconds: float
    finished_at: str | None
    study: str | None
    study_hash: str | None
    ran_by: str | None = field(default_factory=user_name)

    @classmethod
    def of(
        cls,
        partition: str,
        status: str,
        why: str,
        code_version: str,
        manifest: Manifest | None = None,
        seconds: float = 0.0,
    ) -> RunEntry:
        """Describe a partition by its manifest, or by its failure without one."""
        details = manifest.details if manifest else {}
        return cls(
            partition=partition,
            status=status,
            why_computed=why,
            code_version=code_version,
            data_version=manifest.data_version if manifest else None,
            rows=manifest.rows if manifest else 0,
            seconds=round(manifest.seconds if manifest else seconds, 3),
            finished_at=manifest.finished_at if manifest else None,
            study=details.get("study"),
            study_hash=details.get("study_hash"),
        )


def write_run_history(
    lake: Lake, run_id: str, asset: str, entries: Sequence[RunEntry]
) -> None:
    """Keep what a run did to an asset, in a file of its own."""
    if not entries:
        return
    frame = pd.DataFrame([asdict(entry) for entry in entries])
    frame.insert(0, "asset", asset)
    frame.insert(0, "run_id", run_id)
    lake.write_piece(RUNS, frame, _piece(run_id, asset))


def read_run_history(lake: Lake, run_id: str, asset: str) -> list[RunEntry]:
    """Read what a run did to an asset; nothing where it did not get to it."""
    try:
        frame = lake.read_piece(RUNS, _piece(run_id, asset))
    except FileNotFoundError:
        return []
    rows = frame.drop(columns=["run_id", "asset"]).to_dict("records")
    return [RunEntry(**{str(k): v for k, v in row.items()}) for row in rows]


def _piece(run_id: str, asset: str) -> str:
    return f"{run_id}-{asset}.parquet"


def in_words(asset: str, entries: Sequence[RunEntry], untouched: int = 0) -> str:
    """Say which partitions of an asset were computed, and why, and count the others.

    Parameters
    ----------
    asset
        Name of the asset.
    entries
        What runs did to it.
    untouched
        Partitions that are unchanged and that no run was asked for.

    Returns
    -------
    str
        Such as ``features: 2 sessions computed (bars of 2018-03-01 changed:
        2018-03-01, 2018-03-02), 27 unchanged``.
    """
    axis = axis_of(asset)
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        group = (entry.status, entry.why_computed)
        groups.setdefault(group, []).append(entry.partition)
    parts = [
        f"{_counted(keys, axis)} {DONE[status]} "
        + (f"({why})" if why == NEW else f"({why}: {few(keys)})")
        for (status, why), keys in sorted(groups.items())
        if status in DONE
    ]
    failed = sum(entry.status == "failed" for entry in entries)
    unchanged = sum(entry.status == "reused" for entry in entries) + untouched
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{unchanged} unchanged"] if unchanged else []
    return f"{asset}: {', '.join(parts) or 'nothing to do'}"


def _counted(keys: Sequence[str], axis: str) -> str:
    return f"{len(keys)} {axis}{'s' if keys[1:] else ''}"
