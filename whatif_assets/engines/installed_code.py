"""Code of installed packages that study names mean: its files, and its faults."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.domain.base.plugins import Plugin, find_plugin, plugin_packages
from whatif_assets.engines.local_code import local_files


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
def blaming(plugin: Plugin) -> Iterator[None]:
    """Say of which package a fault is.

    Raises
    ------
    BadInput
        Whatever is wrong with the plug-in, with the package and the entry point.
    """
    try:
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
    if file is None or top not in plugin_packages():
        return []
    path = Path(file).resolve()
    depth = module.count(".") + (path.name == "__init__.py")
    return local_files(path, path.parents[depth], package=top)


def version_of_plugin(module: str) -> str:
    """Hash the files of a plug-in's module; see `plugin_files`."""
    return short_hash(b"".join(file.read_bytes() for file in plugin_files(module)))
