"""Asset ``forward_results``: the sessions after the verdict, traded by its winner."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from whatif_assets.domain.accounts.number_format import readable
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.selection.forward import Standing
from whatif_assets.home.frozen import latest_winners
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import RESULTS, Axes, all_of
from whatif_assets.orchestration.observed import read_by
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.unpartitioned import unpartitioned_result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import forward_plot
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.forward import (
    TABLE,
    current_rows,
    record_forward,
    winners_table,
)
from whatif_assets.steps.freshness import Freshness

CHECK = "forward_record"
SHOWN = ("session", "session_return", "cumulative", "band_low", "band_high", "state")


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                TABLE,
                deps=["frozen_winner", all_of("price_bars"), *read_by(TABLE)],
                group_name=RESULTS,
                kinds={"python", "numba"},
                code_version=CODE_VERSIONS[TABLE],
                description="The forward record: each session after everything that "
                "was known when the winner was frozen, forecast and traded by the "
                "frozen winner. Sessions are appended to the ledger and never "
                "rewritten; a correction of bars adds a second row.",
            )
        ],
        name=f"record_{TABLE}",
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=TABLE,
                description="Whether each study's frozen winner does as its backtest "
                "promised. It looks at every session, at one false alarm in twenty "
                "records of 1,000 sessions.",
            )
        ],
    )
    def forward_results(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """Record the new sessions of all frozen winners, and judge the records."""
        opened, faults = home.open(), {}

        def _work(_: Freshness) -> tuple[int, str, dict[str, Any]]:
            done = record_forward(opened)
            faults.update({study: one.fault for study, one in done.items()})
            return described(opened)

        yield unpartitioned_result(context, opened, _work)
        yield judged(opened, {study: why for study, why in faults.items() if why})

    return forward_results


def described(home: Home) -> tuple[int, str, dict[str, Any]]:
    """Return the number of recorded sessions, their version, and what to show."""
    metadata: dict[str, Any] = {}
    entries = []
    for study, frozen in latest_winners(home).items():
        entries += [entry.hash for entry, _ in frozen.sessions()]
        rows = current_rows(frozen)
        if len(rows):
            metadata[study] = readable(rows[[*SHOWN]].tail(10))
            metadata[f"{study}_plot"] = Picture(forward_plot, rows, study)
    return len(entries), combined_hash(entries), metadata


def judged(home: Home, faults: dict[str, str]) -> dg.AssetCheckResult:
    """Judge the latest record of every study; studies that cannot trade are named."""
    said, states = {}, set()
    for study in latest_winners(home):
        rows = winners_table(home, study)
        (row,) = rows[rows["is_latest"]].to_dict("records")
        states.add(row.get("state"))
        said[study] = faults.get(study) or str(row["in_words"])
    return dg.AssetCheckResult(
        check_name=CHECK,
        asset_key=None,
        passed=not faults and Standing.WORSE.value not in states,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(f"{study}: {text}" for study, text in said.items())
        or "No winner is frozen.",
        metadata=said,
    )
