"""Parts of the symbols that have a model each: all of them, one symbol, or one group.

A dataset has the part of each row in the column ``PART``; without that column, one
model is for all symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray, Mask
from whatif_assets.domain.models.novelty import FamiliarRows
from whatif_assets.domain.models.portable import Model

ModelPer: TypeAlias = Literal["all", "symbol", "group"]
ALL: Final = "all"
PART = "model part"  # no feature can have this name, since it has a space


def with_parts(rows: pd.DataFrame, part_of: Mapping[str, str]) -> pd.DataFrame:
    """Add to rows the column ``PART``.

    Parameters
    ----------
    rows
        Rows with ``symbol``.
    part_of
        Name of the part of each symbol; empty if one model is for all symbols.

    Returns
    -------
    pandas.DataFrame
        The same rows and data. ``PART`` is categorical; its categories are all parts
        in order of their names, those without a row too.
    """
    if not part_of:
        return rows
    names = sorted(set(part_of.values()))
    codes, symbols = pd.factorize(rows["symbol"])
    number = {name: code for code, name in enumerate(names)}
    codes = np.array([number[part_of[symbol]] for symbol in symbols], np.int64)[codes]
    part = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(names))
    # `assign` would copy all columns of what may be millions of rows.
    columns: dict[Any, Any] = {**dict(rows.items()), PART: part}
    return pd.DataFrame(columns, index=rows.index, copy=False)


def rows_by_part(rows: pd.DataFrame) -> dict[str, IntArray | slice]:
    """Return the positions of the rows of each part, in their order.

    A part without a row is included, without a position.
    """
    if PART not in rows:
        return {ALL: slice(None)}
    part = rows[PART].cat
    codes = part.codes.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(part.categories)))
    return dict(zip(map(str, part.categories), np.split(order, ends[:-1])))


@dataclass(frozen=True, eq=False)
class PartModels:
    """The models of a fold.

    Attributes
    ----------
    models
        The model of each part by its name. A part that could not be fitted has none.
    """

    models: Mapping[str, Model]

    def cover(self, rows: pd.DataFrame) -> Mask:
        """Mark the rows whose part has a model."""
        if PART not in rows:
            return np.ones(len(rows), dtype=bool)
        covered: Mask = rows[PART].isin(list(self.models)).to_numpy()
        return covered

    def for_all_rows(self) -> PartModels:
        """Return the models that also forecast rows unlike their training rows."""
        return PartModels(
            {
                part: model.inner[0] if isinstance(model, FamiliarRows) else model
                for part, model in self.models.items()
            }
        )

    def predict(self, x: FloatArray, rows: pd.DataFrame) -> FloatArray:
        """Forecast n rows of k features, each with the model of its part.

        Parameters
        ----------
        x
            n x k features.
        rows
            The same n rows, with ``PART`` where each part has its model.

        Returns
        -------
        ndarray of float64, n
            As of `Model.predict`; NaN also for rows of a part without a model, and for
            novel rows.
        """
        values = np.full(len(x), np.nan)
        for part, at in rows_by_part(rows).items():
            if part in self.models and len(x[at]):
                values[at] = self.models[part].predict(x[at])
        return values
