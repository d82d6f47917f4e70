"""A feature with its arguments: how a study writes it, and its column."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import symbol_rows
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.settings import of_texts
from whatif_assets.domain.features.bar_columns import (
    PRICES,
    BarColumns,
    column_elsewhere,
    fact_column,
    price_of,
)
from whatif_assets.domain.features.function import RELATIVE
from whatif_assets.domain.features.indicators import FEATURES


@dataclass(frozen=True)
class Feature:
    """A feature with its arguments; `parse_feature` makes and checks one.

    Attributes
    ----------
    function
        A name in ``FEATURES``.
    arguments
        Every argument with its value, defaults included, in the function's order.
    relative_to
        A price: the column is then divided by it, less 1 where it is a price
        itself. None leaves it as it is.
    bar
        Size of the bars that it is computed on, slower than those at which it is
        wanted; None for these themselves.
    """

    function: str
    arguments: tuple[tuple[str, Any], ...] = ()
    relative_to: str | None = None
    bar: str | None = None

    @property
    def column(self) -> str:
        """Name of the column, the same for the same feature however written."""
        given = [(name, value) for name, value in self.arguments if value is not None]
        words = [self.function, *(_word(name, value) for name, value in given)]
        if self.relative_to is not None:
            words += ["to", self.relative_to]
        if self.bar is not None:
            words += ["of", _word("bar", self.bar)]
        return "_".join(words)

    @property
    def text(self) -> str:
        """The feature in one line, without defaults: ``ema+timeperiod=5``."""
        usual = FEATURES[self.function].arguments.model_fields
        given = [f"{k}={v}" for k, v in self.arguments if v != usual[k].default]
        if self.relative_to is not None:
            given.append(f"relative_to={self.relative_to}")
        if self.bar is not None:
            given.append(f"bar={self.bar}")
        return "+".join([self.function, *given])

    @functools.cached_property
    def warm_up(self) -> int:
        """Bars before a bar, of the size that it is computed on, that it needs."""
        return FEATURES[self.function].bars_of_warm_up(dict(self.arguments))

    @property
    def elsewhere(self) -> tuple[str, str] | None:
        """Price and symbol that it reads beside the bar's own symbol, if it does."""
        arguments = dict(self.arguments)
        if arguments.get("symbol") is None:
            return None
        if "other" not in FEATURES[self.function].inputs:
            return None
        return arguments["other"], arguments["symbol"]

    @property
    def fact(self) -> str | None:
        """Fact that it reads, if it does."""
        function = FEATURES[self.function]
        if not function.reads_facts:
            return None
        return function.fact or str(dict(self.arguments)["fact"])

    def of(self, bars: pd.DataFrame) -> FloatArray:
        """Compute the values over the bars of one symbol, oldest first.

        Raises
        ------
        BadInput
            The function did not return one value per bar.
        """
        return self.over(BarColumns(bars), 0, len(bars))

    def over(self, columns: BarColumns, start: int, stop: int) -> FloatArray:
        """Compute the values over some rows, which are bars of one symbol.

        Raises
        ------
        BadInput
            The function did not return one value per bar.
        """
        function, rows = FEATURES[self.function], slice(start, stop)
        values = function.values(columns, rows, dict(self.arguments))
        if values.shape != (stop - start,):
            raise BadInput(
                f"feature {self.column}: its function returned an array of shape "
                f"{values.shape} for {stop - start} bars; it must return one per bar."
            )
        if self.relative_to is None:
            return values
        price = columns.values(self.relative_to)[rows]
        share = np.full_like(values, np.nan)
        np.divide(values, price, out=share, where=price != 0)
        return share - 1.0 if function.unit == "price" else share


def _word(name: str, value: Any) -> str:
    """Write an argument so that a column name needs no quotes."""
    if name == "fact":  # and a series may be called anything
        return re.sub(r"\W", "_", value.lower())
    return str(value).lower().replace(".", "p").replace("-", "m")


def parse_feature(item: str | Mapping[str, Any] | Feature) -> Feature:
    """Read one feature as a study writes it.

    Parameters
    ----------
    item
        A name, such as ``vwap``; or one name with arguments, such as ``{"ema":
        {"timeperiod": 10, "relative_to": "close"}}``, in one line
        ``ema+timeperiod=10+relative_to=close``. With ``"bar": "1h"`` it is the value
        of the last hour that had closed by then, all of it computed on hours.

    Raises
    ------
    BadInput
        The name, an argument or a value is not one of those allowed.
    """
    if isinstance(item, Feature):
        return item
    name, given = _name_and_arguments(item)
    if name not in FEATURES:
        raise BadInput(
            f"feature {name}: unknown; allowed are {one_of(FEATURES)}."
            f"{did_you_mean(name, FEATURES)}"
        )
    function = FEATURES[name]
    relative_to, bar = given.pop("relative_to", None), _bar(name, given)
    if isinstance(item, str):
        given = of_texts(function.arguments, given)
    try:
        arguments = function.arguments(**given).model_dump()
    except ValidationError as error:
        raise BadInput(_explained(name, function.arguments, error)) from None
    _check_relative_to(name, relative_to)
    feature = Feature(name, tuple(arguments.items()), relative_to, bar)
    if bar is not None and feature.fact:
        raise BadInput(
            f"feature {name}: bar: a fact is known from its own time on, at bars of "
            "any size; leave bar out."
        )
    _ = feature.warm_up  # arguments that don't go together are refused there
    return feature


def _name_and_arguments(item: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if isinstance(item, str):
        name, *parts = item.split("+")
        given = [part.partition("=") for part in parts]
        if all(value for _, _, value in given):
            return name, {argument: value for argument, _, value in given}
    if isinstance(item, Mapping) and len(item) == 1:
        name, given = next(iter(item.items()))
        if given is None or isinstance(given, Mapping):
            return str(name), dict(given or {})
    raise BadInput(
        f"feature: found {item!r}; write a name such as vwap, or one name with its "
        "arguments such as ema: {timeperiod: 10}, in one line ema+timeperiod=10."
    )


def _explained(name: str, model: type[BaseModel], error: ValidationError) -> str:
    detail = error.errors()[0]
    argument = ".".join(str(part) for part in detail["loc"])
    return f"feature {name}: {argument}: {explain(model, detail)}"


def _bar(name: str, given: dict[str, Any]) -> str | None:
    """Take the size of slower bars out of what is given."""
    if given.get("bar") is None:
        return None
    try:
        size = BarSize.parse(str(given.pop("bar")))
    except BadInput as error:
        raise BadInput(f"feature {name}: bar: {error}") from None
    if size.timed or size.daily:
        return str(size)
    raise BadInput(
        f"feature {name}: bar: found {size}; bars of volume or money are made of ticks "
        "alone. Choose a size by the clock, such as 1h, or 1day."
    )


def _check_relative_to(name: str, relative_to: Any) -> None:
    if relative_to is None:
        return
    if relative_to not in PRICES:
        raise BadInput(
            f"feature {name}: relative_to: found {relative_to!r}; allowed are "
            f"{one_of(PRICES)}.{did_you_mean(str(relative_to), PRICES)}"
        )
    if FEATURES[name].unit not in RELATIVE:
        raise BadInput(
            f"feature {name}: relative_to: it is no price, so it can't be relative "
            "to one; leave relative_to out."
        )


def warm_up(features: Sequence[Feature]) -> int:
    """Bars before a bar that the values of all of some features need."""
    return max((feature.warm_up for feature in features), default=0)


def symbols_read(features: Sequence[Feature]) -> set[str]:
    """Symbols that some features read beside the bar's own."""
    return {f.elsewhere[1] for f in features if f.elsewhere is not None}


def facts_read(features: Sequence[Feature]) -> list[str]:
    """Facts that some features read, sorted."""
    return sorted({f.fact for f in features if f.fact is not None})


def check_facts_read(features: Sequence[Feature], entries: Collection[str]) -> None:
    """Refuse a feature that reads facts which a market does not have.

    Raises
    ------
    BadInput
        Names the feature, and what may be meant.
    """
    for feature in features:
        fact = feature.fact
        if fact is not None and fact.partition(".")[0] not in entries:
            raise BadInput(
                f"feature {feature.function}: the market has no facts "
                f"'{fact.partition('.')[0]}'; its facts are "
                f"{one_of(entries) if entries else 'none'}."
                f"{did_you_mean(fact.partition('.')[0], entries)}"
            )


def check_symbols_read(features: Sequence[Feature], symbols: Collection[str]) -> None:
    """Refuse a feature that reads a symbol which a market does not have.

    Raises
    ------
    BadInput
        Names the feature, and a symbol that may be meant.
    """
    for feature in features:
        if feature.elsewhere is not None and feature.elsewhere[1] not in symbols:
            symbol = feature.elsewhere[1]
            raise BadInput(
                f"feature {feature.function}: symbol: the market has no '{symbol}'; "
                f"it has {len(symbols)} symbols.{did_you_mean(symbol, symbols)}"
            )


def with_other_symbols(bars: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Put beside each bar what some features read of other symbols.

    Parameters
    ----------
    bars
        Tidy bars of all symbols.
    features
        Features, of which each may read one price of another symbol.

    Returns
    -------
    pandas.DataFrame
        The bars, with the price of the other symbol's bar of the same ``ts`` as a
        column each; NaN where it has no such bar.
    """
    for fact in facts_read(features):
        if fact_column("value", fact) not in bars:
            raise BadInput(
                f"bars: what is known of the fact '{fact}' is not beside them; "
                "put it there with features.beside(bars, facts, ...) first."
            )
    for elsewhere in dict.fromkeys(feature.elsewhere for feature in features):
        if elsewhere is None or column_elsewhere(*elsewhere) in bars:
            continue
        price, symbol = elsewhere
        theirs = bars[bars["symbol"] == symbol]
        prices = pd.Series(price_of(theirs, price), index=theirs["ts"])
        there = prices.reindex(bars["ts"]).to_numpy()
        bars = bars.assign(**{column_elsewhere(price, symbol): there})
    return bars


def compute(bars: pd.DataFrame, feature: str, **arguments: Any) -> pd.Series:
    """Compute one feature over the whole of some bars, each symbol on its own.

    Parameters
    ----------
    bars
        Tidy bars of any number of symbols, sorted by (symbol, ts).
    feature
        A name in ``FEATURES``.
    **arguments
        Its arguments, and ``relative_to``.

    Returns
    -------
    pandas.Series
        float64, named like the column, with the index of ``bars``.

    Raises
    ------
    BadInput
        For an unknown feature or argument, or bars that are out of order.

    Examples
    --------
    >>> bars["ema"] = compute(bars, "ema", timeperiod=10)
    """
    parsed = parse_feature({feature: arguments})
    if parsed.bar is not None:
        raise BadInput(
            f"feature {feature}: bar: it is computed on the bars that are given; make "
            f'those of {parsed.bar} first, with bars.resample(bars, "{parsed.bar}").'
        )
    values = compute_features(bars, [parsed])[parsed.column]
    return values.set_axis(bars.index)


def compute_features(bars: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute features over the whole of some bars, each symbol on its own.

    Parameters
    ----------
    bars
        Tidy bars, sorted by (symbol, ts).
    features
        What to compute.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts`` and one float64 column per feature; the rows of ``bars``.
        NaN where a feature still warms up.
    """
    rows = symbol_rows(bars)
    columns = BarColumns(with_other_symbols(bars, features))
    values = [np.empty(len(bars)) for _ in features]
    for feature, own in zip(features, values, strict=True):
        for start, stop in rows:
            own[start:stop] = feature.over(columns, start, stop)
    return beside([bars["symbol"], bars["ts"]], features, values)


def beside(
    keys: Sequence[pd.Series], features: Sequence[Feature], values: Iterable[FloatArray]
) -> pd.DataFrame:
    """Put the values of features, an array each, beside the keys of their bars.

    The keys are copied, the values are not.
    """
    columns = {key.name: key.reset_index(drop=True) for key in keys}
    computed = {f.column: row for f, row in zip(features, values, strict=True)}
    return pd.DataFrame(columns | computed, copy=False)
