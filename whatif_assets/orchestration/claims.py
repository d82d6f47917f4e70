"""Claims of market names: in one Dagster instance, a name belongs to one home.

Dagster distinguishes the assets, partitions and history of homes only by the names of
their markets. So a second home with the same name is refused.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.settings.market import MARKET_FILE

CLAIM = "whatif_assets/home_of_market/"


def claim_name(home: Home, instance: dg.DagsterInstance) -> None:
    """Claim the market's name, or the empty name, for a home in a Dagster instance.

    A home that was moved keeps its name. A Dagster history inside the home's folder
    always belongs to that home.

    Raises
    ------
    BadInput
        Another home has claimed the name in this instance.
    """
    store = instance.daemon_cursor_storage
    name, path = CLAIM + (home.market.name or ""), home.path.resolve()
    known = store.get_cursor_values({name}).get(name)
    if known == str(path):
        return
    inside = Path(instance.root_directory).resolve().is_relative_to(path)
    if known and not inside and (Path(known) / MARKET_FILE).exists():
        called = f"'{home.market.name}'" if home.market.name else "without a name"
        raise BadInput(
            f"{path / MARKET_FILE}: name: the Dagster history in "
            f"{instance.root_directory} already has a market {called}, of the home "
            f"{known}; the two would share partitions and records. Give this market "
            "another name, such as 'name: other', or use another DAGSTER_HOME."
        )
    store.set_cursor_values({name: str(path)})
