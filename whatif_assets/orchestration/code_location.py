"""Building the code location of a home: its assets, jobs, sensor and resources."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.orchestration import assets
from whatif_assets.orchestration.automation import jobs, register_configurations
from whatif_assets.orchestration.partitions import (
    configuration_partitions,
    session_partitions,
)
from whatif_assets.orchestration.resources import Compute, HomeResource

HOME = "WHATIF_HOME"
DEFAULT_HOME = "data"


def default_home() -> Path:
    """Return the home in ``WHATIF_HOME``, else ``data`` in the working directory."""
    return Path(os.environ.get(HOME) or DEFAULT_HOME)


def build_definitions(path: Path) -> dg.Definitions:
    """Build the definitions of a home.

    Parameters
    ----------
    path
        A home that has been set up.

    Returns
    -------
    dagster.Definitions
        Assets, jobs, sensor and resources. If the market has a name, it is the prefix
        of all asset keys, so that several homes can share one UI.

    Raises
    ------
    BadInput
        The home has no ``market.yaml``, or the file is wrong.
    """
    # Ranged runs need backfill policies, which Dagster still marks as beta.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    home = Home.open(path.resolve())
    prefix = [home.market.name] if home.market.name else []
    partitioned = assets.Axes(
        session=session_partitions(home.market),
        configuration=configuration_partitions(home.market),
    )
    chain = [
        definition.with_attributes(
            asset_key_replacements={
                key: dg.AssetKey([*prefix, *key.path])
                for key in {*definition.keys, *definition.dependency_keys}
            }
        )
        if prefix
        else definition
        for definition in assets.build(partitioned, home)
    ]
    return dg.Definitions(
        assets=chain,
        jobs=jobs(home, prefix),
        sensors=[register_configurations(home, partitioned.configuration)],
        resources={
            "home": HomeResource(path=str(home.path)),
            "compute": Compute(),
        },
        executor=dg.in_process_executor,
    )
