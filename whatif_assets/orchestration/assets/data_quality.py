"""Asset ``data_quality``: results of the checks of bars and features in the lake.

The asset has no partitions: it judges everything that is in the lake now, whichever run
wrote it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.leaks import FEATURES_PROBE, PROBES
from whatif_assets.domain.quality import (
    CHECKS,
    REFUSED,
    Finding,
    Rule,
    about_check,
)
from whatif_assets.home.home import Home
from whatif_assets.home.probe_findings import probed
from whatif_assets.home.quality_findings import findings_table, read_findings
from whatif_assets.orchestration import lateness
from whatif_assets.orchestration.assets.axes import MARKET, Axes, all_of
from whatif_assets.orchestration.assets.probe_checks import probe_results
from whatif_assets.orchestration.backfills import failures_of_backfill
from whatif_assets.orchestration.observed import read_by
from whatif_assets.orchestration.records import as_metadata
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.unpartitioned import unpartitioned_result
from whatif_assets.steps.code_versions import CODE_VERSIONS

NAME = "data_quality"
SHOWN = 20
OFF = "off"


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                NAME,
                deps=[all_of("price_bars"), all_of("features"), *read_by(NAME)],
                group_name=MARKET,
                kinds={"pandas"},
                code_version=CODE_VERSIONS[NAME],
                description="Judges the bars and features of all sessions in the lake, "
                "with one check per kind of fault. A check that had nothing to look at "
                "is not evaluated. The findings that block a session are included.",
            )
        ],
        name=f"judge_{NAME}",
        can_subset=True,  # so that a run can leave out a check
        check_specs=[
            dg.AssetCheckSpec(name, asset=NAME, description=about)
            for name, about in checks_of(home.market.rules).items()
        ],
    )
    def data_quality(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """Judge the bars and features in the lake."""
        opened = home.open()
        found = findings_of(opened)
        failures = failures_of_backfill(context, opened, ("price_bars", "features"))
        if not failures:
            yield unpartitioned_result(context, opened, lambda _: described(found))
        yield from quality_results(found, opened.market.rules)
        tables = {"features": probed(opened.lake, "features")}
        yield from probe_results(opened.lake, [FEATURES_PROBE], tables)
        yield from lateness.on_time_results(opened)
        if failures:
            raise dg.Failure(failures, allow_retries=False)

    return data_quality


def checks_of(rules: Mapping[str, Rule]) -> dict[str, str]:
    """Describe the checks of a market by name: of bars, of features, of being late."""
    named = {name: about_check(name) for name in [*CHECKS, *rules]}
    return {
        **named,
        FEATURES_PROBE: PROBES[FEATURES_PROBE],
        lateness.CHECK: lateness.ABOUT,
    }


def findings_of(home: Home) -> dict[str, list[Finding]]:
    """Read the findings of each session, including the sessions that were blocked."""
    sessions = set(home.lake.keys("price_bars"))
    sessions |= set(home.lake.keys_with(NAME))  # those that were blocked, too
    return {key: read_findings(home.lake, key) for key in sorted(sessions)}


def described(
    found: Mapping[str, Sequence[Finding]],
) -> tuple[int, str, dict[str, Any]]:
    """Return the number, the data version and the metadata of the findings."""
    rows = [
        [key, str(finding)] for key, findings in found.items() for finding in findings
    ]
    metadata = {"sessions": len(found), "findings": len(rows)}
    return len(rows), combined_hash([list(found), rows]), metadata


def quality_results(
    found: Mapping[str, Sequence[Finding]], rules: Mapping[str, Rule]
) -> list[dg.AssetCheckResult]:
    """Convert the findings of all sessions to one result per check.

    Parameters
    ----------
    found
        Findings by session.
    rules
        The market's settings of the checks. A check that is off has no result.
    """
    if not found:
        return []
    severities = {
        **dict.fromkeys(REFUSED, "error"),
        **{name: rule.severity for name, rule in rules.items()},
    }
    return [
        _result(
            name,
            severity,
            len(found),
            [f for findings in found.values() for f in findings if f.check == name],
        )
        for name, severity in severities.items()
        if severity != OFF
    ]


def _result(
    name: str, severity: str, sessions: int, found: Sequence[Finding]
) -> dg.AssetCheckResult:
    level = dg.AssetCheckSeverity
    shown = found[:SHOWN]
    table = findings_table(shown).assign(session=[str(f.session) for f in shown])
    return dg.AssetCheckResult(
        check_name=name,
        passed=not found or severity == "note",
        severity=level.ERROR if severity == "error" else level.WARN,
        metadata={
            "severity": severity,
            "sessions": sessions,
            "sessions_with_findings": len({finding.session for finding in found}),
            "findings": sum(finding.count for finding in found),
            "first_findings": as_metadata(table) if found else "none",
        },
    )
