"""Plug-ins: what installed packages add to the registries, by entry points.

A package names what it adds in its ``pyproject.toml``, in one group for each kind, such
as ``whatif_assets.features``. Nothing is imported until a study asks for its name, so a
package that is broken costs only the studies that use it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from whatif_assets.domain.base.errors import BadInput

PREFIX = "whatif_assets."
# The kinds of plug-ins, and what a message calls one of them.
KINDS = {
    "features": "Feature",
    "sources": "Source",
    "algorithms": "Algorithm",
    "strategies": "Strategy",
    "metrics": "Metric",
    "checks": "Check",
    "report_sections": "Report section",
}
# Packages that are known to have what a study may ask for, and how to get and name it.
KNOWN = {
    "xgboost": "Install it with 'pip install \"whatif_assets[xgboost]\"', and write "
    "'xgboost:XGBRegressor'.",
    "catboost": "Install it with 'pip install \"whatif_assets[catboost]\"', and write "
    "'catboost:CatBoostRegressor'.",
    "lightgbm": "It is installed; write 'lightgbm:LGBMRegressor'.",
    "sklearn": "It is installed; write a class, such as 'sklearn.svm:SVR'.",
    "skfolio": "Install it with 'pip install \"whatif_assets[optimisation]\"', and use "
    "the strategy optimised_portfolio.",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, order=True)
class Plugin:
    """An entry point of an installed package.

    Attributes
    ----------
    kind, name
        Its kind, a key of `KINDS`, and the name that a study writes.
    package, version
        The installed distribution, and its version.
    value
        What the name means: ``package.module:object``.
    """

    kind: str
    name: str
    package: str
    version: str
    value: str

    def __str__(self) -> str:
        return (
            f"{KINDS[self.kind]} '{self.name}' of the installed package "
            f"{self.package} {self.version} (entry point {self.value})"
        )

    def load(self) -> Any:
        """Import what the entry point names.

        Raises
        ------
        BadInput
            The import fails; the message names the package and the entry point.
        """
        point = metadata.EntryPoint(self.name, self.value, PREFIX + self.kind)
        try:
            return point.load()
        except (Exception, SystemExit) as error:
            raise self.refused(
                f"its import fails with {type(error).__name__}: {error}"
            ) from error

    def refused(self, reason: str) -> BadInput:
        """Return the error of a plug-in that cannot be used."""
        return BadInput(
            f"{self}: {reason.rstrip('.')}. Mend, update or uninstall {self.package}."
        )


def find_plugin(kind: str, name: str) -> Plugin | None:
    """Find what installed packages offer under a name; None if there is nothing.

    Raises
    ------
    BadInput
        Several packages offer the name, or it is not a name that studies can use.
    """
    found = plugins_of(kind).get(name, ())
    if not found:
        return None
    first, *others = found
    if others:
        packages = " and ".join(sorted(one.package for one in found))
        raise first.refused(
            f"the name is offered by more than one package: {packages}; keep one"
        )
    if not _NAME.fullmatch(name):
        raise first.refused(
            "a name has small letters, digits and underscores, and begins with a letter"
        )
    return first


def plugins_of(kind: str) -> Mapping[str, tuple[Plugin, ...]]:
    """Return the entry points of a kind by name, sorted; nothing is imported."""
    return _installed()[kind]


@functools.cache
def _installed() -> Mapping[str, Mapping[str, tuple[Plugin, ...]]]:
    """Read the entry points of all installed packages, once in a process."""
    found: dict[str, dict[str, set[Plugin]]] = {kind: {} for kind in KINDS}
    for kind, by_name in found.items():
        for point in metadata.entry_points(group=PREFIX + kind):
            package = (
                (point.dist.name, point.dist.version) if point.dist else ("?", "?")
            )
            plugin = Plugin(kind, point.name, *package, point.value)
            by_name.setdefault(point.name, set()).add(plugin)
    return {
        kind: {name: tuple(sorted(some)) for name, some in sorted(by_name.items())}
        for kind, by_name in found.items()
    }


def forget_installed() -> None:
    """Read the entry points again when they are next asked for."""
    _installed.cache_clear()


def plugin_packages() -> set[str]:
    """Return the packages that offer plug-ins, by the names that code imports."""
    every = (some for kind in KINDS for some in plugins_of(kind).values())
    return {re.split(r"[.:]", one.value)[0] for some in every for one in some}


def who_has(kind: str, name: str) -> str:
    """Say which package has a name that is unknown to a registry.

    Returns
    -------
    str
        A sentence with a leading space; empty if no package is known to have it.
    """
    for other in KINDS:
        for plugin in plugins_of(other).get(name, ()):
            if other != kind:
                of, what = plugin.package, KINDS[other].lower()
                return f" The installed package {of} has a {what} of this name."
    known = KNOWN.get(re.split(r"[.:]", name)[0].lower())
    return f" There is a package {name}. {known}" if known else ""
