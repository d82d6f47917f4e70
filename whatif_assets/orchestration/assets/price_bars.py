"""Asset ``price_bars``: tidy bars of one session, from the source."""

from whatif_assets.domain.bars.adjustments import DETAIL, as_detail
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import counts, store_findings
from whatif_assets.orchestration.assets.axes import MARKET, Axes, stage
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.records import Result
from whatif_assets.steps.ingest import SessionBars


def build(axes: Axes, home: Home) -> Stage:
    """Build the asset for a home."""
    source = home.market.source
    return stage(
        "price_bars",
        axes.session,
        MARKET,
        {"parquet", "pandas"},
        prepare,
        description=f"{home.market.base_bar} price bars of one session of "
        f"{home.market.calendar}, from the source `{source}`, tidy and checked; "
        "`ts` is the start of the bar, in UTC.",
    )


def prepare(task: Task) -> Step:
    """Open the source for the sessions of a run."""
    bars = SessionBars(task.home, task.keys)
    return Step(lambda key: ingest(key, task.home, bars), bars.inputs)


def ingest(key: str, home: Home, bars: SessionBars) -> Result:
    """Write the bars of one session to the lake, unless a finding blocks them."""
    load = bars.of(key)
    left_out = store_findings(
        home.lake, key, load.findings, load.bars.empty, home.market.may_lose
    )
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
