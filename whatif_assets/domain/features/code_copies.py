"""Transfer of functions to a new process, without the state of earlier calls.

A function may keep state between calls, such as a memo in its module or a scale that
was fitted once. The new process does not get this state: it imports the module of the
function anew, and a function without a module arrives as it was when it was copied.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle

Function = Callable[..., Any]


@dataclass(frozen=True)
class Named:
    """A function of a module, by its name.

    Attributes
    ----------
    module, file, name
        Name of the module, its file, and the qualified name of the function.
    """

    module: str
    file: str
    name: str

    def load(self) -> Function:
        """Import the module and return the function."""
        found: Any = sys.modules.get(self.module) or self._imported()
        for part in self.name.split("."):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]

    def _imported(self) -> Any:
        spec = None
        with contextlib.suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(self.module)
        if spec is not None and spec.origin == self.file:
            return importlib.import_module(self.module)
        spec = importlib.util.spec_from_file_location(self.module, self.file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module


@dataclass(frozen=True)
class Copied:
    """A function outside of a module: its pickled copy, or why it has none."""

    content: bytes = b""
    fault: str = ""

    def load(self) -> Function:
        """Create the function from the copy.

        Raises
        ------
        TypeError
            The function could not be copied.
        """
        if self.fault:
            raise TypeError(self.fault)
        return pickle.loads(self.content)  # type: ignore[no-any-return]  # noqa: S301


def copied(function: Function) -> Named | Copied:
    """Return the origin of a function in a module, or a copy of its current state."""
    module = str(getattr(function, "__module__", None))
    name = str(getattr(function, "__qualname__", "<nameless>"))
    file = getattr(sys.modules.get(module), "__file__", None)
    if module != "__main__" and "<" not in name and file:
        return Named(module, file, name)
    try:
        return Copied(cloudpickle.dumps(function))
    except Exception as error:
        return Copied(fault=f"{type(error).__name__}: {error}")
