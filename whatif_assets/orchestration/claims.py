"""Which home a Dagster instance knows by a market's name; two of one name are refused.

Assets, partitions and history of a home are told apart by the name of its market alone.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.settings.market import MARKET_FILE

CLAIM = "whatif_assets/home_of_market/"


def claim_name(home: Home, instance: dg.DagsterInstance) -> None:
    """Note in a Dagster instance that a home has its market's name, or no name.

    A home that was moved takes its name along; a history inside the home is its own.

    Raises
    ------
    BadInput
        Another home has that name in the instance.
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
            "a name of its own, such as 'name: other', or use another DAGSTER_HOME."
        )
    store.set_cursor_values({name: str(path)})
