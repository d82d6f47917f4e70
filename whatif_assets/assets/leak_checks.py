"""The leak gate's checks: each stands beside the asset whose results it admits."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from whatif_assets.core.leaks import PROBES, Admit, Finding, refuse_leak
from whatif_assets.partitions import as_metadata

SHOWN = 20
REUSED = "Nothing was probed: what stands was reused, as it was admitted when computed."


def leak_checks(asset: str, *probes: str) -> list[dg.AssetCheckSpec]:
    """Specify the checks of an asset; a failed one blocks what depends on it."""
    return [
        dg.AssetCheckSpec(name, asset=asset, blocking=True, description=PROBES[name])
        for name in probes
    ]


class LeakGate:
    """Admits results partition by partition, and keeps what was found for the checks.

    Parameters
    ----------
    probes
        Names of the checks.
    """

    def __init__(self, *probes: str) -> None:
        self._found: dict[str, list[tuple[str, Finding]]] = {p: [] for p in probes}

    def of(self, partition: str) -> Admit:
        """Give what notes the findings of a partition and refuses a leak."""

        def admit(finding: Finding) -> None:
            self._found[finding.probe].append((partition, finding))
            refuse_leak(finding, partition)

        return admit

    def results(self) -> list[dg.AssetCheckResult]:
        """Turn the findings into the results of the checks, samples shown."""
        return [_result(name, found) for name, found in self._found.items()]


def _result(name: str, found: list[tuple[str, Finding]]) -> dg.AssetCheckResult:
    if not found:
        return dg.AssetCheckResult(
            check_name=name, passed=True, metadata={"note": REUSED}
        )
    rows = pd.DataFrame(
        [
            {
                "partition": partition,
                "passed": finding.passed,
                "compared": finding.compared,
                "values": finding.checked,
                "largest_difference": finding.largest_difference,
                "symbol": finding.symbol,
                "ts": finding.ts,
                "column": finding.column,
                "reason": finding.reason,
            }
            for partition, finding in found
        ]
    )
    return dg.AssetCheckResult(
        check_name=name,
        passed=bool(rows["passed"].all()),
        metadata={
            "probed": len(rows),
            "values": int(rows["values"].sum()),
            "largest_difference": float(rows["largest_difference"].max()),
            "findings": as_metadata(rows.sort_values("passed").head(SHOWN)),
        },
    )
