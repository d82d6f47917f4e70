"""What-if analysis of trading strategies as Dagster assets.

>>> import whatif_assets as wi
>>> home = wi.run("my_study.yaml", home="my_home")
>>> home.best()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from whatif_assets.python.names import NAMES

if TYPE_CHECKING:
    from whatif_assets.domain.base.errors import BadInput
    from whatif_assets.python.one_rule import backtest
    from whatif_assets.python.opened import open_home as open
    from whatif_assets.python.running import RunFailed, ask, run
    from whatif_assets.python.studies import study

__all__ = ["BadInput", "RunFailed", "ask", "backtest", "open", "run", "study"]


def __getattr__(name: str) -> Any:
    """Import a name of the Python door when it is first used."""
    if name not in NAMES:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it offers "
            f"{', '.join(sorted(NAMES))}"
        )
    module = importlib.import_module(NAMES[name])
    return getattr(module, {"open": "open_home"}.get(name, name))


def __dir__() -> list[str]:
    """List the names of the Python door."""
    return sorted([*globals(), *NAMES])
