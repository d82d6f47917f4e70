"""Building the code location of a home: its chain, jobs, schedule and sensors."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.orchestration.after_close import after_close
from whatif_assets.orchestration.alerts import alerts
from whatif_assets.orchestration.asset_pages import with_pages
from whatif_assets.orchestration.automation import register_configurations
from whatif_assets.orchestration.chain import chain_of
from whatif_assets.orchestration.form_jobs import form_jobs
from whatif_assets.orchestration.partitions import configuration_partitions
from whatif_assets.orchestration.stale_studies import stale_studies

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
        Assets, jobs, schedule, sensors and resources. If the market has a name, it is
        the prefix of all asset keys, so that several homes can share one UI.

    Raises
    ------
    BadInput
        The home has no ``market.yaml``, or the file is wrong.
    """
    home = Home.open(path.resolve())
    chain = chain_of(home)
    configurations = configuration_partitions(home.market)
    return dg.Definitions(
        assets=with_pages(chain, home),
        jobs=[*(chain.jobs or ()), *form_jobs(home)],
        schedules=[after_close(home)],
        sensors=[
            register_configurations(home, configurations),
            stale_studies(home),
            alerts(home),
        ],
        resources=chain.resources,
        executor=chain.executor,
    )
