"""Asset ``frozen_winner``: the winner of each study, frozen when it is judged."""

from typing import Any

import dagster as dg

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.frozen import frozen_winners, latest_winners
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import RESULTS, Axes
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.unpartitioned import unpartitioned_result
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.freezing import freeze
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.winner import winner_of


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=["verdicts"],
        group_name=RESULTS,
        kinds={"python"},
        code_version=CODE_VERSIONS["frozen_winner"],
        description="The winner that the verdict of each study names, frozen in the "
        "ledger: study file, code of the strategy, models, versions, time, and what "
        "its backtest promises. It is never changed. Another winner starts another "
        "forward record; the earlier ones are kept.",
    )
    def frozen_winner(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> dg.MaterializeResult[None]:
        """Freeze the winners of all studies."""
        return unpartitioned_result(context, home.open(), freeze_all)

    return frozen_winner


def freeze_all(fresh: Freshness) -> tuple[int, str, dict[str, Any]]:
    """Freeze the winner of every study with a fresh verdict; others keep theirs.

    Returns
    -------
    tuple
        The number of frozen winners, the data version and the metadata.
    """
    home = fresh.home
    for name, study in home.studies().items():
        judged = fresh.of("verdicts", name).is_fresh
        if judged and (winner := winner_of(fresh, study)):
            freeze(winner)
    latest = latest_winners(home)
    shown = {
        f"{study}_winner": f"{one.record.configuration} {one.record.variant}, frozen "
        f"{one.entry.at}; forward are sessions after {one.record.known_until}"
        for study, one in latest.items()
    }
    version = combined_hash([study, latest[study].entry.hash] for study in latest)
    return len(frozen_winners(home)), version, shown
