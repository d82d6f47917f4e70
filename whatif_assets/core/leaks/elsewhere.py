"""Features in a process that has not computed any of them yet."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from whatif_assets.core.backtesting.isolation import afresh
from whatif_assets.core.features import FEATURES, Feature, FeatureFunction
from whatif_assets.core.features.code_copies import Copied, Named

SECONDS = 300.0  # a limit for what never ends
Result = TypeVar("Result")


def _absent() -> None:
    """Stand for code that travels apart from what is known of it."""


@dataclass(frozen=True)
class Elsewhere:
    """A new process that knows some feature functions.

    Attributes
    ----------
    functions
        What is known of each function, without its code.
    code
        Its code, and that of its warm-up.
    path
        Where modules are looked for.
    """

    functions: dict[str, FeatureFunction]
    code: dict[str, tuple[Named | Copied, Named | Copied]]
    path: tuple[str, ...]

    @classmethod
    def of(cls, features: Sequence[Feature]) -> Elsewhere:
        """Take along the functions of some features."""
        names = dict.fromkeys(feature.function for feature in features)
        functions: dict[str, FeatureFunction] = {}
        for name in names:
            absent: dict[str, Any] = {"compute": _absent, "warm_up": _absent}
            functions[name] = replace(FEATURES[name], **absent)
        code = {name: FEATURES[name].code for name in names}
        path = (str(Path(entry).absolute()) for entry in sys.path)
        return cls(functions, code, tuple(path))

    @property
    def _cannot_travel(self) -> bool:
        codes = [code for pair in self.code.values() for code in pair]
        return any(isinstance(code, Copied) and code.fault for code in codes)

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function in a new process; here if one of its features cannot travel.

        Raises
        ------
        BadInput
            It fails.
        """
        if self._cannot_travel:
            return function()
        names = ", ".join(self.functions)
        call = functools.partial(_call, self, function)
        return afresh(f"Features {names}, computed again", call, SECONDS)

    def register(self) -> None:
        """Register the functions in this process."""
        sys.path[:] = dict.fromkeys([*self.path, *sys.path])
        for name, function in self.functions.items():
            compute, warm_up = (code.load() for code in self.code[name])
            FEATURES[name] = replace(function, compute=compute, warm_up=warm_up)


def _call(place: Elsewhere, function: Callable[[], Result]) -> Result:
    place.register()
    return function()
