"""Asset ``result_quality``: findings of the probes on the results in the lake."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.leaks import FEATURES_PROBE, PROBES
from whatif_assets.home.home import Home
from whatif_assets.home.probe_findings import kept_probes, probed
from whatif_assets.orchestration.assets.axes import RESULTS, Axes, all_of
from whatif_assets.orchestration.assets.backtest_results import PARITY
from whatif_assets.orchestration.assets.probe_checks import probe_results
from whatif_assets.orchestration.backfills import failures_of_backfill
from whatif_assets.orchestration.observed import read_by
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.unpartitioned import unpartitioned_result
from whatif_assets.steps.code_versions import CODE_VERSIONS

NAME = "result_quality"
TABLES = ("trained_models", "forecasts", "backtest_results")
ABOUT = {name: text for name, text in PROBES.items() if name != FEATURES_PROBE} | {
    PARITY: "The engine agrees with Backtrader on the replayed variants: the winner "
    "and some random variants of each configuration."
}


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                NAME,
                deps=[*(all_of(table) for table in TABLES), *read_by(NAME)],
                group_name=RESULTS,
                kinds={"python"},
                code_version=CODE_VERSIONS[NAME],
                description="Judges models, forecasts and results of all "
                "configurations: whether a probe found look-ahead, and whether "
                "Backtrader confirms the engine. A check that had nothing to look at "
                "is not evaluated. A result that fails a check is never written.",
            )
        ],
        name=f"judge_{NAME}",
        can_subset=True,  # so that a run can leave out a check
        check_specs=[
            dg.AssetCheckSpec(name, asset=NAME, description=about)
            for name, about in ABOUT.items()
        ],
    )
    def result_quality(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """Judge the models, forecasts and results in the lake."""
        opened = home.open()
        keys = known_keys(opened)
        failures = failures_of_backfill(context, opened, TABLES)
        if not failures:
            yield unpartitioned_result(
                context, opened, lambda _: described(opened, keys)
            )
        yield from probe_results(opened.lake, ABOUT, keys)
        if failures:
            raise dg.Failure(failures, allow_retries=False)

    return result_quality


def known_keys(home: Home) -> dict[str, list[str]]:
    """List the home's configurations that have findings of probes, by table."""
    return {
        table: [key for key in probed(home.lake, table) if _is_known(home, key)]
        for table in TABLES
    }


def _is_known(home: Home, key: str) -> bool:
    try:
        home.find(key)
    except BadInput:
        return False
    return True


def described(
    home: Home, keys: dict[str, list[str]]
) -> tuple[int, str, dict[str, Any]]:
    """Return the number, the data version and the metadata of the findings."""
    found = [
        [table, key, str(finding)]
        for table, partitions in keys.items()
        for key in partitions
        for finding in kept_probes(home.lake, table, key)
    ]
    return len(found), combined_hash(found), {"findings": len(found)}
