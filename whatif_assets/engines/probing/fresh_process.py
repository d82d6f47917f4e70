"""Features in a process that has not computed any of them yet."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from whatif_assets.domain.accounts.job import Files
from whatif_assets.domain.features import FEATURES, Feature, FeatureFunction
from whatif_assets.domain.features.code_copies import Copied, Named
from whatif_assets.domain.features.function import no_warm_up
from whatif_assets.engines.isolation.sandbox import Sandboxed, sandboxed
from whatif_assets.engines.isolation.worker_pool import in_new_process

SECONDS = 300.0  # a limit for what never ends
Result = TypeVar("Result")


def _absent() -> None:
    """Stand for code that travels apart from what is known of it."""


@dataclass(frozen=True)
class FreshProcess:
    """A new process that knows some feature functions.

    Attributes
    ----------
    functions
        What is known of each function, without its code.
    code
        Its code.
    path
        Where modules are looked for.
    """

    functions: dict[str, FeatureFunction]
    code: dict[str, Named | Copied]
    path: tuple[str, ...]

    @classmethod
    def of(cls, features: Sequence[Feature]) -> FreshProcess:
        """Take along the functions of some features."""
        names = dict.fromkeys(feature.function for feature in features)
        functions: dict[str, FeatureFunction] = {}
        for name in names:
            # Each feature has worked out its warm-up already.
            absent: dict[str, Any] = {"compute": _absent, "warm_up": no_warm_up}
            functions[name] = replace(FEATURES[name], **absent)
        code = {name: FEATURES[name].code for name in names}
        path = (str(Path(entry).absolute()) for entry in sys.path)
        return cls(functions, code, tuple(path))

    @property
    def _cannot_travel(self) -> bool:
        codes = self.code.values()
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
        call = functools.partial(_call, self, function)
        return in_new_process(self._what, call, SECONDS)

    def call_alone(self, function: Callable[[], Any]) -> Sandboxed:
        """Call a function in a new process that sees no files of earlier calls.

        Raises
        ------
        BadInput
            It ends its process, or takes too long.
        """
        if self._cannot_travel:
            return Sandboxed(function(), None, Files())
        call = functools.partial(_call, self, functools.partial(sandboxed, function))
        return in_new_process(self._what, call, SECONDS)

    @property
    def _what(self) -> str:
        return f"Features {', '.join(self.functions)}, computed again"

    def register(self) -> None:
        """Register the functions in this process."""
        sys.path[:] = dict.fromkeys([*self.path, *sys.path])
        for name, function in self.functions.items():
            FEATURES[name] = replace(function, compute=self.code[name].load())


def _call(place: FreshProcess, function: Callable[[], Result]) -> Result:
    place.register()
    return function()
