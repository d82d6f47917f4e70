"""The command ``whatif plugins``: what installed packages add to the registries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from whatif_assets.command_line.tables import print_table
from whatif_assets.command_line.terminal import console
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.plugins import KINDS, find_plugin, plugins_of
from whatif_assets.domain.features import FEATURES
from whatif_assets.domain.models import ALGORITHMS
from whatif_assets.domain.quality import QUALITY_CHECKS
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.strategies import BUILT_IN, find_strategy
from whatif_assets.report.page.installed_sections import REPORT_SECTIONS
from whatif_assets.sources import SOURCES

COLUMNS = ("kind", "name", "package", "version", "state", "found")
# The entries of this package by kind, and what imports one of an installed package.
KNOWN: dict[str, tuple[Mapping[str, Any], Callable[[str], Any]]] = {
    "features": (FEATURES, FEATURES.__getitem__),
    "sources": (SOURCES, SOURCES.__getitem__),
    "algorithms": (ALGORITHMS, find_algorithm),
    "strategies": (BUILT_IN, find_strategy),
    "metrics": (METRICS, METRICS.__getitem__),
    "checks": (QUALITY_CHECKS, QUALITY_CHECKS.__getitem__),
    "report_sections": (REPORT_SECTIONS, REPORT_SECTIONS.__getitem__),
}


def print_plugins(*, as_json: bool) -> bool:
    """Import every plug-in, and print a row for each; return whether all are good."""
    rows = [
        {
            "kind": KINDS[kind].lower(),
            "name": plugin.name,
            "package": plugin.package,
            "version": plugin.version,
            **_examined(kind, name),
        }
        for kind in KINDS
        for name, some in plugins_of(kind).items()
        for plugin in some
    ]
    if not rows and not as_json:
        console.print(
            "No installed package adds anything. 'whatif new --help' lists what could "
            "be added."
        )
        return True
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    print_table(table, "Plug-ins of installed packages", as_json=as_json)
    return all(row["state"] == "good" for row in rows)


def _examined(kind: str, name: str) -> dict[str, str]:
    """Import a plug-in; return its state, and what was found."""
    own, load = KNOWN[kind]
    try:
        plugin = find_plugin(kind, name)
        if name in own.keys():  # noqa: SIM118 - a registry would find the plug-in, too
            raise BadInput(
                f"'{name}' is one of whatif_assets's own, which studies get."
            )
        load(name)
    except BadInput as error:
        return {"state": "problem", "found": str(error)}
    return {"state": "good", "found": plugin.value if plugin else ""}
