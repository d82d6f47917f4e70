"""Axes of a configuration: fields with several values, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping
from typing import Any

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import format_value
from whatif_assets.settings.searched import values_searched

AXES = ("each", "sweep", "search")
COST_NAMES = tuple(field.name for field in dataclasses.fields(Costs))


def check_axis(key: str, axis: str, values: Any, checked: Collection[str] = ()) -> None:
    """Raise if an axis is not a mapping of fields to lists of distinct values.

    Parameters
    ----------
    key, axis, values
        The configuration, the name of the axis, and what is written there.
    checked
        Fields whose values are not read again, because one of them is chosen.
    """
    where = f"Configuration {key}: {axis}"
    if not isinstance(values, Mapping):
        raise BadInput(
            f"{where}: expected 'field: [values]', found {values!r}.", field=(axis,)
        )
    for field_name, listed in values.items():
        if field_name in checked:
            continue
        if axis == "search" and isinstance(listed, Mapping):
            values_searched(f"Configuration {key}", field_name, listed)
            continue
        if not isinstance(listed, list) or not listed:
            raise BadInput(
                f"{where}.{field_name}: expected a list of values, found {listed!r}.",
                field=(axis, field_name),
            )
        if field_name in COST_NAMES and any(
            isinstance(value, (Mapping, list)) for value in listed
        ):
            raise BadInput(
                f"{where}.{field_name}: found {listed}; an axis of costs needs "
                "numbers. Write a configuration for each mapping or list.",
                field=(axis, field_name),
            )
        if len({format_value(value) for value in listed}) < len(listed):
            raise BadInput(
                f"{where}.{field_name}: a value appears twice in {listed}.",
                field=(axis, field_name),
            )


def check_once(key: str, entry: Mapping[str, Any]) -> None:
    """Raise if an entry of a study sets a field in two places."""
    for first, second in itertools.combinations(AXES, 2):
        for name in entry.get(first) or ():
            if name in (entry.get(second) or ()):
                raise BadInput(
                    f"Configuration {key}: {name} is given both under {first} and "
                    f"under {second}; keep one.",
                    field=(second, name),
                )
    for axis in AXES:
        for name in entry.get(axis) or ():
            if name in entry:
                raise BadInput(
                    f"Configuration {key}: {name} is given both as a field and "
                    f"under {axis}; keep one.",
                    field=(axis, name),
                )
