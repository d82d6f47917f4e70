"""The checks of quality, beside the asset whose bars they look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from whatif_assets.core.quality import CHECKS, REFUSED, Finding, Rule
from whatif_assets.core.quality.record import findings_table
from whatif_assets.partitions import as_metadata

SHOWN = 20


def quality_checks(asset: str) -> list[dg.AssetCheckSpec]:
    """Specify the checks of an asset.

    None blocks what is downstream: what a finding leaves out is no longer there.
    """
    return [
        dg.AssetCheckSpec(name, asset=asset, description=about)
        for name, about in CHECKS.items()
    ]


def quality_results(
    found: Mapping[str, Sequence[Finding]], rules: Mapping[str, Rule]
) -> list[dg.AssetCheckResult]:
    """Turn what was found in the sessions of a run into the results of the checks.

    Parameters
    ----------
    found
        By session of the run.
    rules
        How the market has the checks done.
    """
    return [
        _result(
            name,
            "error" if name in REFUSED else rules[name].severity,
            len(found),
            [f for findings in found.values() for f in findings if f.check == name],
        )
        for name in CHECKS
    ]


def _result(
    name: str, severity: str, sessions: int, found: Sequence[Finding]
) -> dg.AssetCheckResult:
    level = dg.AssetCheckSeverity
    shown = found[:SHOWN]
    table = findings_table(shown).assign(session=[str(f.session) for f in shown])
    return dg.AssetCheckResult(
        check_name=name,
        passed=not found or severity in ("note", "off"),
        severity=level.ERROR if severity == "error" else level.WARN,
        metadata={
            "severity": severity,
            "sessions": sessions,
            "sessions_with_findings": len({finding.session for finding in found}),
            "findings": sum(finding.count for finding in found),
            "first_findings": as_metadata(table) if found else "none",
        },
    )
