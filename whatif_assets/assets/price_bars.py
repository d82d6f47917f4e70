"""Asset ``price_bars``: tidy bars of one session, as the source gives them."""

from collections.abc import Iterable, Iterator

import dagster as dg

from whatif_assets.assets.axes import MARKET, Axes, partitioned
from whatif_assets.assets.quality_checks import quality_checks, quality_results
from whatif_assets.core.bars.adjustments import DETAIL, as_detail
from whatif_assets.core.bars.ingest import SessionBars
from whatif_assets.core.errors import BadInput
from whatif_assets.core.freshness import CODE_VERSIONS
from whatif_assets.core.home import Home
from whatif_assets.core.lake import combined_hash
from whatif_assets.core.quality import Finding
from whatif_assets.core.quality.record import admit, counts, kept_findings
from whatif_assets.partitions import Result, asked_partitions, for_each_partition
from whatif_assets.resources import HomeResource

CODE_VERSION = CODE_VERSIONS["price_bars"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""
    source = home.market.source

    @dg.asset(
        **partitioned(axes.session, MARKET, {"parquet", "pandas"}, CODE_VERSION),
        check_specs=quality_checks("price_bars"),
        description=f"{home.market.base_bar} price bars of one session of "
        f"{home.market.calendar}, from the source `{source}`, tidy and checked; "
        "`ts` is the start of the bar, in UTC.",
    )
    def price_bars(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        opened = home.open()
        keys = asked_partitions(context, opened)
        bars = SessionBars(opened, keys)
        found: dict[str, list[Finding]] = {}
        yield from for_each_partition(
            context,
            opened,
            lambda key: ingest(key, opened, bars, found),
            bars.inputs,
            lambda: quality_results(
                {**reused_findings(opened, set(keys) - found.keys()), **found},
                opened.market.rules,
            ),
        )

    return price_bars


def ingest(
    key: str, home: Home, bars: SessionBars, found: dict[str, list[Finding]]
) -> Result:
    """Write the bars of one session to the lake, unless a finding blocks them."""
    load = bars.of(key)
    found[key] = load.findings
    try:
        left_out = admit(
            home.lake, key, load.findings, load.bars.empty, home.market.may_lose
        )
    except BadInput:
        # What the source had before is no more what it has.
        home.lake.remove("price_bars", key)
        raise
    version = home.lake.write_encoded("price_bars", key, load.content)
    steps = as_detail(load.steps)
    if steps:
        version = combined_hash([version, steps])
    return Result(
        rows=len(load.bars),
        data_version=version,
        metadata={
            **load.report,
            **{f"quality_{name}": n for name, n in counts(load.findings).items()},
            **({"left_out": "\n".join(map(str, left_out))} if left_out else {}),
            **({"splits_and_dividends": ", ".join(steps)} if steps else {}),
            "preview": load.bars.head(5),
        },
        details={DETAIL: steps} if steps else {},
    )


def reused_findings(home: Home, keys: Iterable[str]) -> dict[str, list[Finding]]:
    """Read what was found in sessions that stand."""
    return {
        key: kept_findings(home.lake, key)
        for key in sorted(keys)
        if home.lake.has("price_bars", key)
    }
