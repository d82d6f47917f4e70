"""Variants that are alike, so that a sweep is checked by groups and not one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies import TradingRule
from whatif_assets.engines.strategies import PARAM, StrategyType


@dataclass(frozen=True, eq=False)
class Alike:
    """Variants of a rule that differ only in their cash, and in levels.

    Attributes
    ----------
    rows
        Numbers of the variants, ascending.
    settings, costs
        Those of the first of them.
    levels
        The levels that differ, by setting: one float64 for each of the variants.
    """

    rows: npt.NDArray[np.int64]
    settings: Any
    costs: Costs
    levels: Mapping[str, FloatArray]

    @property
    def varied(self) -> Any:
        """The settings, with an array for each level that differs."""
        return self.settings.model_copy(update=self.levels)


def alike(
    kind: StrategyType, rule: type[TradingRule[Any]], variants: Sequence[Variant]
) -> list[Alike]:
    """Check the settings of variants, and group those that are alike.

    A level is valid between two valid levels (see `TradingRule.levels`). So of each
    group the settings of one variant are checked, and the lowest and the highest of
    the levels.

    Parameters
    ----------
    kind, rule
        A built-in rule.
    variants
        Its variants.

    Returns
    -------
    list of Alike
        In the order of their first variants.

    Raises
    ------
    BadInput
        A setting is unknown or has a wrong value; of several, that of the first
        variant.
    """
    columns = _columns([variant.settings for variant in variants])
    if columns is None:
        return [_checked(kind, variants, [row], {}) for row in range(len(variants))]
    levels = {
        name: np.array(values)
        for name, values in columns.items()
        if name.removeprefix(PARAM) in rule.levels and set(map(type, values)) == {float}
    }
    others = [values for name, values in columns.items() if name not in levels]
    others.append([variant.costs for variant in variants])
    try:
        return [
            _checked(kind, variants, rows, levels) for rows in _rows_of_equals(others)
        ]
    except BadInput:
        for variant in variants:
            kind.settings(variant.settings)
        raise


def _columns(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]] | None:
    """Return the values of each setting; None if the variants have different ones."""
    if len(set(map(len, settings))) != 1:
        return None
    try:
        return {name: [given[name] for given in settings] for name in settings[0]}
    except KeyError:
        return None


def _rows_of_equals(columns: Sequence[Sequence[Any]]) -> list[Any]:
    """List the numbers of rows that are equal, in the order of their first rows."""
    varied = [values for values in columns if len(set(map(id, values))) > 1]
    found: dict[Any, list[int]] = {}
    for row, key in enumerate(zip(*map(_texts, varied))):
        found.setdefault(key, []).append(row)
    return list(found.values()) or [np.arange(len(columns[0]))]


def _texts(values: Sequence[Any]) -> list[str]:
    """Write values as texts, which tell 1 from 1.0 and from true, each object once."""
    objects = {id(value): value for value in values}
    texts = {key: repr(value) for key, value in objects.items()}
    return [texts[id(value)] for value in values]


def _checked(
    kind: StrategyType,
    variants: Sequence[Variant],
    rows: npt.ArrayLike,
    levels: Mapping[str, FloatArray],
) -> Alike:
    """Check the variants of a group, and collect their levels."""
    several = np.asarray(rows, np.int64)
    first = variants[several[0]]
    settings = kind.settings(first.settings)
    if len(several) == 1:
        return Alike(several, settings, first.costs, {})
    own = {name: values[several] for name, values in levels.items()}
    for name, values in own.items():
        for end in (values.min(), values.max()):
            kind.settings({**first.settings, name: float(end)})
    named = {name.removeprefix(PARAM): values for name, values in own.items()}
    return Alike(several, settings, first.costs, named)
