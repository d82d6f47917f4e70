"""Registries: entries by name, from this package and from installed ones."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.plugins import find_plugin, plugins_of, who_has

Entry = TypeVar("Entry")


class Registry(dict[str, Entry]):
    """Entries of one kind by name.

    The dict itself has the entries of this package, so that iterating does not depend
    on what is installed. A name that it lacks is looked up among the plug-ins, which
    are imported when they are asked for: ``registry[name]`` and ``name in registry``
    know both, and `names` lists both.

    Parameters
    ----------
    kind
        Kind of the plug-ins, a key of `whatif_assets.domain.base.plugins.KINDS`.
    entries
        The entries of this package.
    fault
        ``fault(entry)`` says why a plug-in is not such an entry; empty if it is one.
    """

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, Entry],
        fault: Callable[[Any], str],
    ) -> None:
        super().__init__(entries)
        self.kind = kind
        self._fault = fault
        self._load = functools.cache(self._loaded)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or self.is_plugin(name)

    def is_plugin(self, name: object) -> bool:
        """Whether a name is not one of this package, but of an installed one."""
        return not super().__contains__(name) and name in plugins_of(self.kind)

    def __missing__(self, name: str) -> Entry:
        """Import the plug-in of a name.

        Raises
        ------
        BadInput
            The plug-in cannot be imported, or is no entry of this registry.
        KeyError
            No installed package has the name.
        """
        found = self._load(name)
        if isinstance(found, BadInput):
            raise found
        return found

    def _loaded(self, name: str) -> Entry | BadInput:
        """Import a plug-in, or return its fault, so that it is tried only once."""
        try:
            plugin = find_plugin(self.kind, name)
            if plugin is None:
                raise KeyError(name)
            entry: Entry = plugin.load()
            if fault := self._fault(entry):
                return plugin.refused(fault)
        except BadInput as error:
            return error
        return entry

    @property
    def names(self) -> list[str]:
        """Names of all entries: those of this package, and of installed ones."""
        return [*self, *(name for name in plugins_of(self.kind) if name not in [*self])]

    def allowed(self, name: str) -> str:
        """Say which names are allowed in place of an unknown one."""
        return allowed(self.kind, self, name)


def allowed(kind: str, built_in: Mapping[str, Any], name: str, more: str = "") -> str:
    """Say which names are allowed in place of an unknown one, and who may have it.

    Parameters
    ----------
    kind, built_in
        Kind of the entries, and the entries of this package.
    name
        The name that was found.
    more
        What is allowed besides names, to end the list.
    """
    names = {*built_in.keys(), *plugins_of(kind)}
    listed = f"allowed are {one_of(names)}{more}."
    return f"{listed}{did_you_mean(name, names)}{who_has(kind, name)}"


def fault_of_type(wanted: type) -> Callable[[Any], str]:
    """Return a function that says why a plug-in is not of a type."""

    def _fault(entry: Any) -> str:
        if isinstance(entry, wanted):
            return ""
        return f"found {type(entry).__name__}; name a {wanted.__name__}"

    return _fault


def fault_of_arguments(function: Any, what: str, number: int) -> str:
    """Say why a plug-in's function cannot be called with so many arguments.

    Parameters
    ----------
    function
        What should be a function.
    what
        What it is called with, for the message.
    number
        Number of the arguments.
    """
    if not callable(function):
        return f"found {type(function).__name__}; name a function of {what}"
    try:
        inspect.signature(function).bind(*range(number))
    except TypeError as error:
        return f"{function.__qualname__} is called with {what}, but {error}"
    return ""
