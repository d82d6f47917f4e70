"""Computing features at given bars, for each symbol and across symbols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.schema import symbol_rows
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features.bar_columns import (
    BarColumns,
    column_elsewhere,
    fact_column,
    price_of,
)
from whatif_assets.domain.features.cross_sections import (
    across_symbols,
    check_groups,
    group_column,
    per_symbol,
)
from whatif_assets.domain.features.feature import Feature, facts_read, parse_feature


def with_other_symbols(bars: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Join to each bar the prices of other symbols that features read.

    Parameters
    ----------
    bars
        Tidy bars of all symbols.
    features
        Features, each of which may read one price of another symbol.

    Returns
    -------
    pandas.DataFrame
        The bars with one added column per price and symbol: the price in the other
        symbol's bar of the same ``ts``, NaN if there is no such bar.

    Raises
    ------
    BadInput
        A feature reads a fact that has not been joined to the bars, or groups that
        the bars do not have.
    """
    check_groups(bars, features)
    for fact in facts_read(features):
        if fact_column("value", fact) not in bars:
            raise BadInput(
                f"bars: the columns of the fact '{fact}' are missing; join the fact to "
                "the bars first, with features.beside(bars, facts, ...)."
            )
    for elsewhere in dict.fromkeys(feature.elsewhere for feature in features):
        if elsewhere is None or column_elsewhere(*elsewhere) in bars:
            continue
        price, symbol = elsewhere
        other_bars = bars[bars["symbol"] == symbol]
        prices = pd.Series(price_of(other_bars, price), index=other_bars["ts"])
        joined = prices.reindex(bars["ts"]).to_numpy()
        bars = bars.assign(**{column_elsewhere(price, symbol): joined})
    return bars


def compute(bars: pd.DataFrame, feature: str, **arguments: Any) -> pd.Series:
    """Compute one feature at all given bars, of each symbol or across symbols.

    Parameters
    ----------
    bars
        Tidy bars of any number of symbols, sorted by (symbol, ts).
    feature
        A name in ``FEATURES``.
    **arguments
        Arguments of the feature, and ``relative_to``; ``of``, the feature whose values
        are compared across symbols. With ``by="group"``, bars need a column ``group``.

    Returns
    -------
    pandas.Series
        float64, named like the feature's column, with the index of ``bars``. NaN
        during the warm-up and where the feature is undefined.

    Raises
    ------
    BadInput
        The feature or an argument is unknown, or the bars are not sorted or lack
        ``group``.

    Examples
    --------
    >>> bars["ema"] = compute(bars, "ema", timeperiod=10)
    """
    parsed = parse_feature({feature: arguments})
    if parsed.bar is not None:
        raise BadInput(
            f"feature {feature}: bar: compute uses the given bars only. Leave bar out, "
            f'and pass bars.resample(bars, "{parsed.bar}") as the bars.'
        )
    values = compute_features(bars, [parsed])[parsed.column]
    return values.set_axis(bars.index)


def compute_features(bars: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute features at all given bars, of each symbol or across symbols.

    Parameters
    ----------
    bars
        Tidy bars, sorted by (symbol, ts).
    features
        Features to compute.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts`` and one float64 column per feature; the rows of ``bars``.
        NaN during the warm-up and where a feature is undefined.

    Raises
    ------
    BadInput
        The bars are not sorted, or a feature reads a fact or a group that is not
        joined to them.
    """
    rows = symbol_rows(bars)
    columns = BarColumns(with_other_symbols(bars, features))
    parts = per_symbol(features)
    values = [np.empty(len(bars)) for _ in parts]
    for feature, column in zip(parts, values, strict=True):
        for start, stop in rows:
            column[start:stop] = feature.over(columns, start, stop)
    keys = [bars[name] for name in ("symbol", "ts", *group_column(features))]
    return across_symbols(beside(keys, parts, values), features)


def beside(
    keys: Sequence[pd.Series], features: Sequence[Feature], values: Iterable[FloatArray]
) -> pd.DataFrame:
    """Build a frame of the keys of bars and the values of features, one column each.

    The keys are copied, the values are not.
    """
    columns = {key.name: key.reset_index(drop=True) for key in keys}
    computed = {f.column: row for f, row in zip(features, values, strict=True)}
    return pd.DataFrame(columns | computed, copy=False)
