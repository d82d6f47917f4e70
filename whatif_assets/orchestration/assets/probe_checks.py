"""Asset checks with the findings of the probes, which are stored next to the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg
import pandas as pd

from whatif_assets.domain.leaks import Finding
from whatif_assets.home.lake import Lake
from whatif_assets.home.lake_names import axis_of
from whatif_assets.home.probe_findings import kept_probes
from whatif_assets.orchestration.records import as_metadata

SHOWN = 20


def probe_results(
    lake: Lake, probes: Iterable[str], keys: Mapping[str, Sequence[str]]
) -> Iterator[dg.AssetCheckResult]:
    """Yield one check result per probe; none for a probe that has no findings stored.

    Parameters
    ----------
    lake
        The lake with the stored findings, passed and failed.
    probes
        Names of the probes; each is a check.
    keys
        Partitions to report on, by table.
    """
    found = [
        (f"{axis_of(table)} {key}", finding)
        for table, partitions in keys.items()
        for key in partitions
        for finding in kept_probes(lake, table, key)
    ]
    for name in probes:
        of_probe = [pair for pair in found if pair[1].probe == name]
        if of_probe:
            yield _result(name, of_probe)


def _result(name: str, found: Sequence[tuple[str, Finding]]) -> dg.AssetCheckResult:
    rows = pd.DataFrame(
        [
            {
                "partition": where,
                "passed": finding.passed,
                "compared": finding.compared,
                "values": finding.checked,
                "largest_difference": finding.largest_difference,
                "symbol": finding.symbol,
                "ts": finding.ts,
                "column": finding.column,
                "reason": finding.reason,
            }
            for where, finding in found
        ]
    )
    level = dg.AssetCheckSeverity
    only_asks = all(finding.passed or finding.asks for _, finding in found)
    return dg.AssetCheckResult(
        check_name=name,
        passed=bool(rows["passed"].all()),
        severity=level.WARN if only_asks else level.ERROR,
        metadata={
            "probed": len(rows),
            "values": int(rows["values"].sum()),
            "largest_difference": float(rows["largest_difference"].max()),
            "findings": as_metadata(rows.sort_values("passed").head(SHOWN)),
        },
    )
