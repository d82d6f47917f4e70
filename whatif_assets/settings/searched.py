"""The values that a search of a configuration tries: lists and ranges of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.ranges import Range, parse_range

Searched: TypeAlias = Mapping[str, "Range | tuple[Any, ...]"]


def values_searched(where: str, name: str, written: Any) -> Range | tuple[Any, ...]:
    """Return the values of a field under ``search``.

    Parameters
    ----------
    where
        Names the configuration, for messages.
    name, written
        The field, and its list of values or its range.

    Raises
    ------
    BadInput
        The range is wrong.
    """
    if not isinstance(written, Mapping):
        return tuple(written)
    try:
        return parse_range(written)
    except BadInput as error:
        place = f"{where}: search.{name}"
        raise BadInput(f"{place}: {error}", field=("search", name)) from None


def ends_of(values: Range | Sequence[Any]) -> Sequence[Any]:
    """Return the values that must be allowed: all, or the ends of a range."""
    return (values.first, values.last) if isinstance(values, Range) else values


def searched(key: str, axis: Mapping[str, Any], by: str) -> Searched:
    """Return the values of all fields under ``search``.

    Raises
    ------
    BadInput
        A range is wrong, or has no step although the search is a grid.
    """
    where = f"Configuration {key}"
    found = {name: values_searched(where, name, one) for name, one in axis.items()}
    for name, values in found.items():
        if by == "grid" and isinstance(values, Range):
            raise BadInput(
                f"{where}: search.{name}: found the range {values.written} without a "
                "step, of which a grid cannot try all numbers. Add a step, list the "
                "values, or write search_by: random or search_by: tpe.",
                field=("search", name),
            )
    return found
