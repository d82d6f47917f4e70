"""Code of installed packages that study names mean: its files, and its faults."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.domain.base.plugins import KINDS, Plugin, find_plugin, plugins_of
from whatif_assets.engines.local_code import local_files
from whatif_assets.engines.own_strategies import CodeKind, own_files


def in_full(kind: str, name: str) -> str:
    """Return ``package.module:Class`` for a plug-in's name, and others as they are.

    So that the name means the same code wherever it is found later.

    Raises
    ------
    BadInput
        Several packages offer the name.
    """
    plugin = None if ":" in name else find_plugin(kind, name)
    return plugin.value if plugin else name


@contextlib.contextmanager
def blaming(plugin: Plugin, base: Path) -> Iterator[None]:
    """Say of which package a fault is, and refuse a study's own file in its place.

    Parameters
    ----------
    plugin
        A strategy or an algorithm.
    base
        The folder of the study, in which files come before installed packages.

    Raises
    ------
    BadInput
        Whatever is wrong with the plug-in, with the package and the entry point.
    """
    try:
        kind = CodeKind(KINDS[plugin.kind], lambda name, base: None)
        if own := own_files(plugin.value, base, kind):
            raise BadInput(
                f"{own[0]} has the name of its module and would take its place; rename "
                "that file"
            )
        yield
    except BadInput as error:
        raise plugin.refused(str(error)) from None


def plugin_files(module: str) -> list[Path]:
    """List the file of a plug-in's module, and what it imports of its own package.

    Empty for modules of packages that offer no plug-ins.

    Parameters
    ----------
    module
        Name of a module that is imported.
    """
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or top not in _packages():
        return []
    path = Path(file).resolve()
    depth = module.count(".") + (path.name == "__init__.py")
    return local_files(path, path.parents[depth], package=top)


def _packages() -> set[str]:
    """Return the packages that offer plug-ins, by the names that code imports."""
    values = (p.value for k in KINDS for some in plugins_of(k).values() for p in some)
    return {re.split(r"[.:]", value)[0] for value in values}


def version_of_plugin(module: str) -> str:
    """Hash the files of a plug-in's module; see `plugin_files`."""
    return short_hash(b"".join(file.read_bytes() for file in plugin_files(module)))
