"""Compute features in a new process, which has not computed any feature yet."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from whatif_assets.domain.accounts.job import Files
from whatif_assets.domain.features import (
    FEATURES,
    Feature,
    FeatureFunction,
    functions_of,
)
from whatif_assets.domain.features.code_copies import Copied, Named
from whatif_assets.domain.features.function import no_warm_up
from whatif_assets.engines.isolation.sandbox import SandboxedResult, run_sandboxed
from whatif_assets.engines.isolation.worker_pool import in_new_process

SECONDS = 300.0  # longest time of a call, against functions that never end
Result = TypeVar("Result")


def _absent() -> None:
    """Placeholder for a function's code, which is sent separately."""


@dataclass(frozen=True)
class FreshProcess:
    """A new process with some feature functions registered.

    Attributes
    ----------
    functions
        The functions by name, without their code.
    code
        The code of each function.
    path
        Absolute folders for ``sys.path``.
    """

    functions: dict[str, FeatureFunction]
    code: dict[str, Named | Copied]
    path: tuple[str, ...]

    @classmethod
    def of(cls, features: Sequence[Feature]) -> FreshProcess:
        """Prepare a process with the functions of some features."""
        names = functions_of(features)
        functions: dict[str, FeatureFunction] = {}
        for name in names:
            # The features have computed their warm-up already.
            absent: dict[str, Any] = {"compute": _absent, "warm_up": no_warm_up}
            functions[name] = replace(FEATURES[name], **absent)
        code = {name: FEATURES[name].code for name in names}
        path = (str(Path(entry).absolute()) for entry in sys.path)
        return cls(functions, code, tuple(path))

    @property
    def _cannot_be_sent(self) -> bool:
        """Whether the code of a function cannot be sent to another process."""
        codes = self.code.values()
        return any(isinstance(code, Copied) and code.fault for code in codes)

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function in a new process, or here if its features cannot be sent.

        Raises
        ------
        BadInput
            The function fails, ends its process, or takes too long.
        """
        if self._cannot_be_sent:
            return function()
        call = functools.partial(_call, self, function)
        return in_new_process(self._what, call, SECONDS)

    def call_alone(self, function: Callable[[], Any]) -> SandboxedResult:
        """Call a function in a new process that sees no files of earlier calls.

        Features that cannot be sent are computed in this process, which sees all files.

        Raises
        ------
        BadInput
            The function ends its process, or takes too long.
        """
        if self._cannot_be_sent:
            return SandboxedResult(function(), None, Files())
        call = functools.partial(
            _call, self, functools.partial(run_sandboxed, function)
        )
        return in_new_process(self._what, call, SECONDS)

    @property
    def _what(self) -> str:
        return f"Features {', '.join(self.functions)}, computed again"

    def register(self) -> None:
        """Register the functions in this process."""
        sys.path[:] = dict.fromkeys([*self.path, *sys.path])
        for name, function in self.functions.items():
            FEATURES[name] = replace(function, compute=self.code[name].load())


def _call(process: FreshProcess, function: Callable[[], Result]) -> Result:
    process.register()
    return function()
