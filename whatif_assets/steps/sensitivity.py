"""Sensitivity: how much a result depends on each setting, and on its exact value.

All configurations of one entry of a study, with its ``each`` axes and its sweep, are
one family. The grid of a family is a table with a row per variant and a categorical
column per axis. Axes of numbers are ordered; on these a variant has neighbours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.settings import format_value
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study

PLATEAU = "plateau"
FAMILY = ("study", "configuration", "ranked_by")
# Numbers without an order: a seed has no neighbours.
NAMES = ("seed", "model_seed")
# Settings of which 0 means no limit, so that 0 comes after the largest value.
LIMITS = ("max_holding", "stop_loss", "take_profit", "trailing_stop")
FIGURES = {
    "variants": "int64",
    "undefined": "int64",
    "mean": "float64",
    "median": "float64",
    "best": "float64",
    "worst": "float64",
}


@dataclass(frozen=True)
class Sensitivity:
    """Effects of the axes of several families on the ranking metric.

    Attributes
    ----------
    marginal
        One row per family, axis and value: study, configuration (the family's
        name), ranked_by, axis, value, the number of variants with the value, the number
        of these whose metric is undefined, and mean, median, best and worst of the
        metric, NaN if it is undefined for all of them.
    pairs
        The same for two axes and their values: axis_x, value_x, axis_y, value_y.
    """

    marginal: pd.DataFrame
    pairs: pd.DataFrame

    def of_study(self, name: str) -> Sensitivity:
        """Select the effects of one study."""
        parts = (self.marginal, self.pairs)
        return Sensitivity(*(part[part["study"] == name] for part in parts))


def sensitivity(
    study: Study, configurations: Iterable[Configuration], rows: pd.DataFrame
) -> Sensitivity:
    """Compute the effect of every axis, and of every two axes, on the ranking metric.

    Parameters
    ----------
    study
        Defines what variants are ranked by: a metric, or a weighted sum.
    configurations
        The configurations of the rows.
    rows
        One row per variant: ``configuration``, ``variant`` and metrics.
    """
    score, better_high = study.ranking.score(rows), study.ranking.higher_is_better
    parts: dict[int, list[pd.DataFrame]] = {1: [], 2: []}
    for name, grid in families(configurations, rows):
        for together, tables in parts.items():
            table = effects(grid, score.loc[grid.index], better_high, together)
            for place, value in enumerate((study.name, name, study.ranking.label)):
                table.insert(place, FAMILY[place], value)
            tables.append(table)
    return Sensitivity(*(_stacked(tables, n, FAMILY) for n, tables in parts.items()))


def plateaus(
    study: Study, configurations: Iterable[Configuration], rows: pd.DataFrame
) -> pd.Series[float]:
    """Compute every variant's plateau score in its family's grid; see :func:`plateau`.

    Parameters are those of :func:`sensitivity`.
    """
    score, better_high = study.ranking.score(rows), study.ranking.higher_is_better
    found = pd.Series(np.nan, index=rows.index, name=PLATEAU)
    for _, grid in families(configurations, rows):
        found.loc[grid.index] = plateau(grid, score.loc[grid.index], better_high)
    return found


def families(
    configurations: Iterable[Configuration], rows: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the grid of every family, in the order of the configurations.

    An axis on which all variants have the same value is left out, and so is a family
    without any other axis.

    Yields
    ------
    str
        The family's name.
    pandas.DataFrame
        A categorical column per axis; the index is that of the family's rows.
    """
    members: dict[str, list[Configuration]] = {}
    for configuration in configurations:
        members.setdefault(configuration.family()[0], []).append(configuration)
    ids = rows[["configuration", "variant"]].assign(row=rows.index)
    for name, some in members.items():
        points = pd.concat([_points(one) for one in some])
        found = ids.merge(points, on=["configuration", "variant"]).set_index("row")
        values = [_axes(one) for one in some]
        axes = {
            axis: as_axis(found[axis], [v for one in values for v in one[axis]])
            for axis in values[0]
        }
        several = {k: axis for k, axis in axes.items() if len(axis.categories) > 1}
        if several:
            yield name, pd.DataFrame(several, index=found.index)


def _axes(configuration: Configuration) -> Mapping[str, Sequence[Any]]:
    """Return the values of a configuration on each axis of its family."""
    _, place = configuration.family()
    return {**{axis: (value,) for axis, value in place.items()}, **configuration.sweep}


def _points(configuration: Configuration) -> pd.DataFrame:
    """Make one row per variant of a configuration, in order, with its axis values."""
    axes = _axes(configuration)
    texts = [[written(value) for value in values] for values in axes.values()]
    points = pd.DataFrame(itertools.product(*texts), columns=list(axes), dtype=object)
    return points.assign(
        configuration=configuration.key, variant=configuration.variant_ids()
    )


def written(value: Any) -> str:
    """Format a value as in a key, but 5.0 like 5."""
    whole = isinstance(value, float) and value.is_integer()
    return format_value(int(value) if whole else value)


def as_axis(texts: pd.Series[Any], values: Sequence[Any]) -> pd.Categorical:
    """Make an axis: ordered by size if all values are numbers, else sorted by text.

    Parameters
    ----------
    texts
        The value of each variant from :func:`written`; the name of the series is the
        name of the axis.
    values
        All values of the axis.

    Returns
    -------
    pandas.Categorical
        The categories are the values that some variant has.
    """

    def _size(text: str) -> float:
        number = float(text)
        return np.inf if number == 0 and texts.name in LIMITS else number

    present = set(texts)
    numeric = texts.name not in NAMES and all(
        isinstance(value, (int, float)) and not isinstance(value, bool)
        for value in values
    )
    categories = sorted(present, key=_size) if numeric else sorted(present)
    return pd.Categorical(texts, categories=categories, ordered=numeric)


def plateau(
    grid: pd.DataFrame, metric: pd.Series[float], higher_is_better: bool
) -> pd.Series[float]:
    """Find the worst metric of each variant and its neighbours.

    A neighbour has the next smaller or larger value in the grid on one ordered axis,
    and the same values on all other axes. A winner far above its plateau is a peak: a
    slightly different setting would not have won.

    Parameters
    ----------
    grid
        The grid of one family; see :func:`families`.
    metric
        The ranking metric of the variants, with the index of the grid.
    higher_is_better
        Whether the worst is the smallest value, or else the largest.

    Returns
    -------
    pandas.Series
        NaN if the metric of the variant or of a neighbour is undefined, which counts as
        worse than any number, and if the variant has no neighbour.
    """
    sign = 1.0 if higher_is_better else -1.0
    signed = (sign * metric).fillna(-np.inf).to_numpy(np.float64)
    codes = np.column_stack([grid[axis].cat.codes for axis in grid]).astype(np.int64)
    points, point_of = np.unique(codes, axis=0, return_inverse=True)
    own = np.full(len(points), np.inf)
    np.minimum.at(own, point_of, signed)
    lowest, alone = own.copy(), np.ones(len(points), dtype=np.bool_)
    for number, axis in enumerate(grid):
        if not grid[axis].cat.ordered:
            continue
        others = np.delete(points, number, axis=1)
        order = np.lexsort((points[:, number], *others.T))
        side_by_side = (others[order][1:] == others[order][:-1]).all(axis=1)
        left, right = order[:-1][side_by_side], order[1:][side_by_side]
        lowest[left] = np.minimum(lowest[left], own[right])
        lowest[right] = np.minimum(lowest[right], own[left])
        alone[left] = alone[right] = False
    lowest[alone | np.isneginf(lowest)] = np.nan
    return pd.Series(sign * lowest[point_of], index=grid.index, name=PLATEAU)


def effects(
    grid: pd.DataFrame, metric: pd.Series[float], higher_is_better: bool, together: int
) -> pd.DataFrame:
    """Summarise the metric by the values of one axis, or of several axes together.

    Parameters
    ----------
    grid, metric, higher_is_better
        As for :func:`plateau`.
    together
        1 for each axis, 2 for each pair of axes.

    Returns
    -------
    pandas.DataFrame
        Columns as in :class:`Sensitivity`, without the family. Values are in the order
        of their axis; every pair has a row, with 0 variants if no variant has both.
    """
    best, worst = ("max", "min") if higher_is_better else ("min", "max")
    tables: list[pd.DataFrame] = []
    for axes in itertools.combinations(grid.columns, together):
        groups = metric.groupby([grid[axis] for axis in axes], observed=False)
        table = groups.agg(["size", "count", "mean", "median", best, worst])
        table = table.set_axis(list(FIGURES), axis=1)
        table["undefined"] = table["variants"] - table["undefined"]
        for place, (axis, (name, value)) in enumerate(zip(axes, _places(together))):
            texts = table.index.get_level_values(place).astype(object)
            table.insert(2 * place, name, axis)
            table.insert(2 * place + 1, value, texts)
        tables.append(table)
    return _stacked(tables, together)


def _places(together: int) -> list[tuple[str, str]]:
    """Return the names of the columns of each axis: for its name and its value."""
    if together == 1:
        return [("axis", "value")]
    return [(f"axis_{letter}", f"value_{letter}") for letter in "xyz"[:together]]


def _stacked(
    tables: Sequence[pd.DataFrame], together: int, first: Sequence[str] = ()
) -> pd.DataFrame:
    """Stack tables of effects; columns keep their types even without rows."""
    full = [table for table in tables if len(table)]
    if full:
        return pd.concat(full, ignore_index=True)
    texts = [*first, *(name for place in _places(together) for name in place)]
    kinds = {**dict.fromkeys(texts, "str"), **FIGURES}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
