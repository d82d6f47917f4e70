"""A metric, and what is asked of one that an installed package adds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.registry import fault_of_arguments, fault_of_type
from whatif_assets.domain.base.source_code import code_version


@dataclass(frozen=True)
class Metric:
    """A metric with its direction and unit.

    Attributes
    ----------
    name
        Name of the metric and of its column.
    function
        Computes the metric of every variant: float64, NaN where it is not defined.
    higher_is_better
        Whether a ranking puts the highest first.
    unit
        Unit, such as ``money`` or ``fraction``.
    """

    name: str
    function: Callable[[Accounts], FloatArray]
    higher_is_better: bool
    unit: str

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of the source of the function."""
        return code_version(self.function)

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


def fault_of_metric(entry: Any) -> str:
    """Say why a plug-in is not a metric."""
    if fault := fault_of_type(Metric)(entry):
        return fault
    return fault_of_arguments(entry.function, "the accounts", 1)


def compute_installed(metric: Metric, accounts: Accounts) -> FloatArray:
    """Compute a metric of an installed package, whose code is not known.

    Raises
    ------
    BadInput
        The metric fails, or has no number for each variant.
    """
    found, fault = np.empty(0), ""
    try:
        found = np.asarray(metric.function(accounts), dtype=np.float64)
    except BadInput:
        raise
    except Exception as error:
        fault = f"it fails with {type(error).__name__}: {error}"
    n = len(accounts.variants)
    if not fault and found.shape != (n,):
        fault = f"it returned values of shape {found.shape} for {n} variants"
    if fault:
        raise BadInput(
            f"Metric '{metric.name}' of an installed package: {fault}. Update or "
            "uninstall the package, or take the metric out of rank_by and constraints."
        )
    return found
