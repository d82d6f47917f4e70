"""Asset ``result_quality``: what the probes say of the results that there are."""

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
    PARITY: "The engine says what Backtrader says: the winner and some random variants "
    "of each configuration, replayed."
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
                "configurations: whether a probe found that one knows the future, and "
                "whether Backtrader confirms the engine. A check that looked at "
                "nothing is not evaluated. A result that fails one is never written.",
            )
        ],
        name=f"judge_{NAME}",
        can_subset=True,  # so that a check may be left out
        check_specs=[
            dg.AssetCheckSpec(name, asset=NAME, description=about)
            for name, about in ABOUT.items()
        ],
    )
    def result_quality(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        opened = home.open()
        keys = known_keys(opened)
        failures = failures_of_backfill(context, opened, TABLES)
        if not failures:
            yield unpartitioned_result(
                context, opened, lambda home: described(home, keys)
            )
        yield from probe_results(opened.lake, ABOUT, keys)
        if failures:
            raise dg.Failure(failures, allow_retries=False)

    return result_quality


def known_keys(home: Home) -> dict[str, list[str]]:
    """Configurations of the home's studies that something was found of, by table."""
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
    """Rows, version and metadata of what was found."""
    found = [
        [table, key, str(finding)]
        for table, some in keys.items()
        for key in some
        for finding in kept_probes(home.lake, table, key)
    ]
    return len(found), combined_hash(found), {"findings": len(found)}
