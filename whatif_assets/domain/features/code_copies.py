"""Functions on their way to a process that has not called them yet.

What a function keeps from one call to the next (a memo in its module, a scale that was
fitted once) stays behind: a function of a module goes by its name, and the module is
imported anew; any other goes as it was when it was copied.
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
    """A function of a module.

    Attributes
    ----------
    module, file, name
        The module, its file, and the function's qualified name.
    """

    module: str
    file: str
    name: str

    def load(self) -> Function:
        """Import the function."""
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
    """A function that no module has: its copy, or why there is none."""

    content: bytes = b""
    fault: str = ""

    def load(self) -> Function:
        """Make the function.

        Raises
        ------
        TypeError
            It could not be copied.
        """
        if self.fault:
            raise TypeError(self.fault)
        return pickle.loads(self.content)  # type: ignore[no-any-return]  # noqa: S301


def copied(function: Function) -> Named | Copied:
    """Note where a function comes from, or copy it as it is now."""
    module = str(getattr(function, "__module__", None))
    name = str(getattr(function, "__qualname__", "<nameless>"))
    file = getattr(sys.modules.get(module), "__file__", None)
    if module != "__main__" and "<" not in name and file:
        return Named(module, file, name)
    try:
        return Copied(cloudpickle.dumps(function))
    except Exception as error:
        return Copied(fault=f"{type(error).__name__}: {error}")
