"""Sensitivity: how much a result hangs on each setting, and on its exact value.

The configurations of an entry, its ``each`` axes and its sweep make one family. Its
grid is a table with a row per variant and a column per axis, categorical, and ordered
where the values are numbers: there a variant has neighbours.
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
# Numbers without a meaning of their own: a neighbour of a seed is any other seed.
NAMES = ("seed", "model_seed")
# Here 0 is no limit at all, and so comes after the widest one.
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
        name), ranked_by, axis, value, then how many variants have the value and
        how many of those lack the metric, and the mean, median, best and worst of
        the metric, NaN where all lack it.
    pairs
        The same per two axes and their values: axis_x, value_x, axis_y, value_y.
    """

    marginal: pd.DataFrame
    pairs: pd.DataFrame

    def of_study(self, name: str) -> Sensitivity:
        """Keep the effects of one study."""
        parts = (self.marginal, self.pairs)
        return Sensitivity(*(part[part["study"] == name] for part in parts))


def sensitivity(
    study: Study, configurations: Iterable[Configuration], rows: pd.DataFrame
) -> Sensitivity:
    """Describe the effect of every axis, and of every two axes, on the ranking metric.

    Parameters
    ----------
    study
        Says what variants are ranked by: a metric, or a weighted sum.
    configurations
        Those that the rows belong to.
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
    """Give every variant the plateau score of its family's grid; see :func:`plateau`.

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
    """Give the grid of every family, in the order of the configurations.

    An axis on which all variants have one value is left out, and so is a family
    without an axis.

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
    """Values of a configuration on each axis of its family."""
    _, place = configuration.family()
    return {**{axis: (value,) for axis, value in place.items()}, **configuration.sweep}


def _points(configuration: Configuration) -> pd.DataFrame:
    """The rows of a configuration's variants, in their order."""
    axes = _axes(configuration)
    texts = [[written(value) for value in values] for values in axes.values()]
    points = pd.DataFrame(itertools.product(*texts), columns=list(axes), dtype=object)
    return points.assign(
        configuration=configuration.key, variant=configuration.variant_ids()
    )


def written(value: Any) -> str:
    """Write a value as a key has it, but whole numbers alike: 5 and 5.0 as 5."""
    whole = isinstance(value, float) and value.is_integer()
    return format_value(int(value) if whole else value)


def as_axis(texts: pd.Series[Any], values: Sequence[Any]) -> pd.Categorical:
    """Sort an axis: by size, and ordered, if all values are numbers, or else by text.

    Parameters
    ----------
    texts
        The value of each variant as :func:`written`; its name is the axis.
    values
        All values of the axis.

    Returns
    -------
    pandas.Categorical
        Its categories are the values that some variant has.
    """

    def size(text: str) -> float:
        number = float(text)
        return np.inf if number == 0 and texts.name in LIMITS else number

    present = set(texts)
    numeric = texts.name not in NAMES and all(
        isinstance(value, (int, float)) and not isinstance(value, bool)
        for value in values
    )
    categories = sorted(present, key=size) if numeric else sorted(present)
    return pd.Categorical(texts, categories=categories, ordered=numeric)


def plateau(
    grid: pd.DataFrame, metric: pd.Series[float], higher_is_better: bool
) -> pd.Series[float]:
    """Find the worst metric among each variant and its neighbours.

    A neighbour has the next smaller or larger value that there is on one ordered
    axis, and the same on all others. A winner far above its plateau is a peak: a
    slightly different setting would not have won.

    Parameters
    ----------
    grid
        Of one family; see :func:`families`.
    metric
        With the same index.
    higher_is_better
        Whether the worst is the least, or else the greatest.

    Returns
    -------
    pandas.Series
        NaN where the metric of the variant or of a neighbour is undefined, which
        is worse than any number, and where a variant has no neighbour.
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
    """Sum up the metric by the values of one axis, or of several axes together.

    Parameters
    ----------
    grid, metric, higher_is_better
        As for :func:`plateau`.
    together
        1 for each axis, 2 for each pair of axes.

    Returns
    -------
    pandas.DataFrame
        As in :class:`Sensitivity`, without the family: values in the order of their
        axis, every pair of them, 0 variants where no variant has both.
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
    """Names of the columns for an axis and its value, by axis."""
    if together == 1:
        return [("axis", "value")]
    return [(f"axis_{letter}", f"value_{letter}") for letter in "xyz"[:together]]


def _stacked(
    tables: Sequence[pd.DataFrame], together: int, first: Sequence[str] = ()
) -> pd.DataFrame:
    """Stack tables of effects; without a row, columns keep their types."""
    full = [table for table in tables if len(table)]
    if full:
        return pd.concat(full, ignore_index=True)
    texts = [*first, *(name for place in _places(together) for name in place)]
    kinds = {**dict.fromkeys(texts, "str"), **FIGURES}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
