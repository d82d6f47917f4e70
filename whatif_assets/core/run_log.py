"""The run log: which run computed which partition, when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from whatif_assets.core.lake import Lake, Manifest, write_parquet

RUNS = "runs"


@dataclass(frozen=True)
class RunEntry:
    """One partition in one run; ``status`` is computed, reused or failed."""

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


def write_run_log(
    lake: Lake, run_id: str, asset: str, entries: Sequence[RunEntry]
) -> None:
    """Keep what a run did to an asset, in a file of its own."""
    if not entries:
        return
    frame = pd.DataFrame([asdict(entry) for entry in entries])
    frame.insert(0, "asset", asset)
    frame.insert(0, "run_id", run_id)
    write_parquet(lake.folder(RUNS) / f"{run_id}-{asset}.parquet", frame)
