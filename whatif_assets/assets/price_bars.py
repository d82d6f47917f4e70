"""Asset ``price_bars``: tidy bars of one session, as the source gives them."""

from collections.abc import Iterator

import dagster as dg

from whatif_assets.assets.axes import MARKET, Axes, partitioned
from whatif_assets.core.home import Home
from whatif_assets.core.ingest import SessionBars, market_inputs
from whatif_assets.partitions import Result, asked_partitions, for_each_partition
from whatif_assets.resources import HomeResource

CODE_VERSION = "1"


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""
    source = home.market.source

    @dg.asset(
        **partitioned(axes.session, MARKET, {"parquet", "pandas"}, CODE_VERSION),
        description=f"{home.market.base_bar} price bars of one session of "
        f"{home.market.calendar}, from the source `{source}`, tidy and checked; "
        "`ts` is the start of the bar, in UTC.",
    )
    def price_bars(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        opened = home.open()
        bars = SessionBars(opened, asked_partitions(context, opened))
        yield from for_each_partition(
            context,
            opened,
            lambda key: ingest(key, opened, bars),
            lambda key: market_inputs(opened),
        )

    return price_bars


def ingest(key: str, home: Home, bars: SessionBars) -> Result:
    """Read the bars of one session from the source and write them to the lake."""
    frame, report = bars.of(key)
    version = home.lake.write("price_bars", key, frame)
    return Result(
        rows=len(frame),
        data_version=version,
        metadata={
            "symbols": int(frame["symbol"].nunique()),
            **report,
            "preview": frame.head(5),
        },
        details=report,
    )
