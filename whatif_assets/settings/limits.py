"""Limits of a study: numbers of configurations and variants, cash, horizon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MOST_CONFIGURATIONS = 5_000
MOST_VARIANTS = 1_000_000
MOST_CASH = 1_000_000_000_000_000
LONGEST_HORIZON = 100_000  # bars


def check_size(entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise if the entries of a study expand to too many configurations or variants.

    The numbers of values are multiplied, and no combination is made: three axes of a
    thousand values would fill the memory.

    Parameters
    ----------
    entries
        Entries of a study by name, as written. A wrong axis counts as one value; it is
        reported when the entry is read.

    Raises
    ------
    ValueError
        The message names the largest entry.
    """
    configurations = {name: _combinations(e.get("each")) for name, e in entries.items()}
    variants = {
        name: number * _combinations(entries[name].get("sweep"))
        for name, number in configurations.items()
    }
    _refuse_above("configurations", MOST_CONFIGURATIONS, configurations)
    _refuse_above("variants", MOST_VARIANTS, variants)


def _combinations(axes: Any) -> int:
    """Count the combinations of the values of some axes."""
    listed = axes.values() if isinstance(axes, Mapping) else ()
    return math.prod(len(v) for v in listed if isinstance(v, list))


def _refuse_above(what: str, most: int, numbers: Mapping[str, int]) -> None:
    total, largest = sum(numbers.values()), max(numbers, key=lambda name: numbers[name])
    if total > most:
        raise ValueError(
            f"the study has {total:,} {what}; at most {most:,} are allowed. "
            f"'{largest}' alone has {numbers[largest]:,}: give its axes fewer values, "
            "or divide the study."
        )
