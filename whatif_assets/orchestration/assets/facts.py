"""Asset ``facts``: data other than prices, with the time from which it was known."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import MARKET, Axes
from whatif_assets.orchestration.records import as_metadata
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.unpartitioned import unpartitioned_result
from whatif_assets.sources.facts import FACT_CHECKS
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.facts import collect_facts

CODE_VERSION = CODE_VERSIONS["facts"]
SHOWN = 50


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        group_name=MARKET,
        kinds={"parquet", "pandas"},
        code_version=CODE_VERSION,
        check_specs=[
            dg.AssetCheckSpec(name, asset="facts", description=about)
            for name, (about, _, _) in FACT_CHECKS.items()
        ],
        description=f"Facts of the market ({', '.join(home.market.facts)}): values of "
        "series and events, each with the time from which it was known. Features read "
        "them as of that time.",
    )
    def facts(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """Read the facts of the market, and check them."""
        described: list[pd.DataFrame] = []
        opened = home.open()
        yield unpartitioned_result(
            context, opened, lambda _: collect(opened, described)
        )
        yield from (check_result(name, described[0]) for name in FACT_CHECKS)

    return facts


def collect(
    home: Home, described: list[pd.DataFrame]
) -> tuple[int, str, dict[str, Any]]:
    """Read the facts, write them to the lake, and add their description to a list.

    Returns
    -------
    tuple
        The number of rows, the data version and the metadata.
    """
    found = collect_facts(home)
    described.append(found.description)
    metadata = {
        "series": len(found.description),
        "facts": as_metadata(found.description.head(SHOWN)),
        "preview": as_metadata(found.rows.tail(5)),
    }
    return len(found.rows), found.data_version, metadata


def check_result(name: str, described: pd.DataFrame) -> dg.AssetCheckResult:
    """Build the result of a check from the description of all series."""
    _, column, fails = FACT_CHECKS[name]
    found = described[described[column] > 0]
    return dg.AssetCheckResult(
        check_name=name,
        passed=not fails or found.empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "series": len(found),
            "rows": int(described[column].sum()),
            "found": as_metadata(found[["fact", column]].head(SHOWN)),
        },
    )
