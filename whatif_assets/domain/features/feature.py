"""Features with their arguments: parsing, column names and computation."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.settings import of_texts
from whatif_assets.domain.features.bar_columns import (
    PRICES,
    BarColumns,
)
from whatif_assets.domain.features.function import RELATIVE
from whatif_assets.domain.features.indicators import FEATURES

OF = "+of="  # in one line, all that follows describes the feature inside
DEEPEST = 5  # features inside one another


@dataclass(frozen=True)
class Feature:
    """A feature with its arguments, as `parse_feature` creates and checks it.

    Attributes
    ----------
    function
        A name in ``FEATURES``.
    arguments
        All arguments of the function with their values, defaults included, in the
        function's order.
    relative_to
        Name of a price by which the values are divided; if the values are prices
        themselves, 1 is subtracted. None for no division.
    bar
        Size of the slower bars on which the feature is computed; None if it is
        computed on the bars at which it is wanted.
    inner
        The feature whose values are compared across symbols; None for a feature that
        is computed for each symbol by itself.
    """

    function: str
    arguments: tuple[tuple[str, Any], ...] = ()
    relative_to: str | None = None
    bar: str | None = None
    inner: Feature | None = None

    @property
    def chain(self) -> tuple[Feature, ...]:
        """The feature, the feature inside it, and so on to the innermost one."""
        return (self,) if self.inner is None else (self, *self.inner.chain)

    @property
    def leaf(self) -> Feature:
        """The innermost feature, which is computed for each symbol by itself."""
        return self if self.inner is None else self._leaf

    @functools.cached_property
    def _leaf(self) -> Feature:
        return replace(self.chain[-1], bar=self.bar)

    @property
    def reads_groups(self) -> bool:
        """Whether the feature depends on the groups of the symbols."""
        return any(("by", "group") in one.arguments for one in self.chain if one.inner)

    @property
    def column(self) -> str:
        """Name of the column; it does not depend on how the feature was written."""
        given = [(name, value) for name, value in self.arguments if value is not None]
        words = [self.function, *(_word(name, value) for name, value in given)]
        if self.inner is not None:
            words += ["of", self.inner.column]
        if self.relative_to is not None:
            words += ["to", self.relative_to]
        if self.bar is not None:
            words += ["of", _word("bar", self.bar)]
        return "_".join(words)

    @property
    def text(self) -> str:
        """The feature in one line, without defaults: ``rank+of=ema+timeperiod=5``."""
        usual = FEATURES[self.function].arguments.model_fields
        given = [f"{k}={v}" for k, v in self.arguments if v != usual[k].default]
        if self.relative_to is not None:
            given.append(f"relative_to={self.relative_to}")
        if self.bar is not None:
            given.append(f"bar={self.bar}")
        line = "+".join([self.function, *given])
        return line if self.inner is None else f"{line}{OF}{self.inner.text}"

    @functools.cached_property
    def warm_up(self) -> int:
        """Warm-up: number of earlier bars, of the feature's bar size, that it needs."""
        return sum(
            FEATURES[feature.function].bars_of_warm_up(dict(feature.arguments))
            for feature in self.chain
        )

    @property
    def elsewhere(self) -> tuple[str, str] | None:
        """Price and symbol that the feature reads of another symbol; None if none."""
        leaf = self.chain[-1]
        arguments, inputs = dict(leaf.arguments), FEATURES[leaf.function].inputs
        if "benchmark" in inputs:
            return arguments["price"], arguments["to"]
        if "other" in inputs and arguments["symbol"] is not None:
            return arguments["other"], arguments["symbol"]
        return None

    @property
    def fact(self) -> str | None:
        """Name of the fact that the feature reads; None if it reads no fact."""
        leaf = self.chain[-1]
        function = FEATURES[leaf.function]
        if not function.reads_facts:
            return None
        return function.fact or str(dict(leaf.arguments)["fact"])

    def of(self, bars: pd.DataFrame) -> FloatArray:
        """Compute the feature for all bars of one symbol, sorted oldest first.

        Not for a feature across symbols.

        Returns
        -------
        numpy.ndarray
            One float64 per bar; NaN during the warm-up and where undefined.

        Raises
        ------
        BadInput
            The function did not return one value per bar.
        """
        return self.over(BarColumns(bars), 0, len(bars))

    def over(self, columns: BarColumns, start: int, stop: int) -> FloatArray:
        """Compute the feature for the rows [start, stop), which are of one symbol.

        The function sees these rows only, so that ``start`` is the start of its
        history.

        Returns
        -------
        numpy.ndarray
            One float64 per row; NaN during the warm-up and where undefined.

        Raises
        ------
        BadInput
            The function did not return one value per bar, or compares symbols.
        """
        if self.inner is not None:
            raise BadInput(
                f"feature {self.column}: it compares symbols, so it has no value for "
                "one symbol alone; compute it with compute_features."
            )
        function, rows = FEATURES[self.function], slice(start, stop)
        values = function.values(columns, rows, dict(self.arguments))
        self._check_shape(values, stop - start)
        if self.relative_to is None:
            return values
        price = columns.values(self.relative_to)[rows]
        ratio = np.full_like(values, np.nan)
        np.divide(values, price, out=ratio, where=price != 0)
        return ratio - 1.0 if function.unit == "price" else ratio

    def across(self, values: FloatArray, sections: IntArray) -> FloatArray:
        """Compare values of the feature inside, see `FeatureFunction.across`.

        Raises
        ------
        BadInput
            The function did not return one value per value.
        """
        function = FEATURES[self.function]
        found = function.across(values, sections, dict(self.arguments))
        self._check_shape(found, len(values))
        return found

    def _check_shape(self, values: FloatArray, bars: int) -> None:
        if values.shape != (bars,):
            raise BadInput(
                f"feature {self.column}: its function returned an array of shape "
                f"{values.shape} for {bars} bars; it must return one value per bar."
            )


def _word(name: str, value: Any) -> str:
    """Write an argument so that a column name needs no quotes in SQL."""
    if name == "fact":  # the name of a series may have any characters
        return re.sub(r"\W", "_", value.lower())
    return str(value).lower().replace(".", "p").replace("-", "m")


def parse_feature(item: str | Mapping[str, Any] | Feature) -> Feature:
    """Parse one feature as a study writes it.

    Parameters
    ----------
    item
        A name, such as ``vwap``; or one name with arguments, such as ``{"ema":
        {"timeperiod": 10, "relative_to": "close"}}``; or the same in one line,
        ``ema+timeperiod=10+relative_to=close``. With ``"bar": "1h"`` the feature is
        computed on hourly bars, and its value at a bar is that of the last hourly bar
        that had closed by the close of the bar. ``{"rank": {"of": "rsi", "by":
        "group"}}``, in one line ``rank+by=group+of=rsi``, compares the values of
        another feature across symbols.

    Raises
    ------
    BadInput
        The name, an argument or a value is not allowed.
    """
    if isinstance(item, Feature):
        return item
    name, given = _name_and_arguments(item)
    if name not in FEATURES:
        raise BadInput(f"feature {name}: unknown; {FEATURES.allowed(name)}")
    function = FEATURES[name]
    relative_to, bar = given.pop("relative_to", None), _bar(name, given)
    inner = _inner(name, given.pop("of", None)) if function.across_symbols else None
    if isinstance(item, str):
        given = of_texts(function.arguments, given)
    try:
        arguments = function.arguments(**given).model_dump()
    except ValidationError as error:
        raise BadInput(_explained(name, function.arguments, error)) from None
    _check_relative_to(name, relative_to)
    feature = Feature(name, tuple(arguments.items()), relative_to, bar, inner)
    if bar is not None and feature.fact:
        raise BadInput(
            f"feature {name}: bar: found {bar}; a feature of a fact does not depend on "
            "the bar size. Leave bar out."
        )
    # Raises for arguments that contradict each other. Both are kept: a process that
    # probes a user's function has no warm-ups of its own.
    _ = feature.warm_up, feature.leaf.warm_up
    return feature


def _name_and_arguments(item: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if isinstance(item, str):
        outer, _, inner = item.partition(OF)
        name, *parts = outer.split("+")
        given = [part.partition("=") for part in parts]
        if all(value for _, _, value in given):
            arguments = {argument: value for argument, _, value in given}
            return name, {**arguments, "of": inner} if inner else arguments
    if isinstance(item, Mapping) and len(item) == 1:
        name, given = next(iter(item.items()))
        if given is None or isinstance(given, Mapping):
            return str(name), dict(given or {})
    raise BadInput(
        f"feature: found {item!r}; write a name such as vwap, a name with arguments "
        "such as ema: {timeperiod: 10}, or the same in one line, ema+timeperiod=10."
    )


def _explained(name: str, model: type[BaseModel], error: ValidationError) -> str:
    detail = error.errors()[0]
    argument = ".".join(str(part) for part in detail["loc"])
    return f"feature {name}: {argument}: {explain(model, detail)}"


def _bar(name: str, given: dict[str, Any]) -> str | None:
    """Remove ``bar`` from the given arguments and return its canonical text."""
    if given.get("bar") is None:
        return None
    try:
        size = BarSize.parse(str(given.pop("bar")))
    except BadInput as error:
        raise BadInput(f"feature {name}: bar: {error}") from None
    if size.timed or size.daily:
        return str(size)
    raise BadInput(
        f"feature {name}: bar: found {size}; volume and dollar bars can only be made "
        "from ticks. Choose a time size, such as 1h, or 1day."
    )


def _inner(name: str, item: Any) -> Feature:
    """Parse the feature that is compared across symbols."""
    if item is None:
        raise BadInput(
            f"feature {name}: of: missing; write the feature whose values are compared "
            f"across symbols, such as {name}: {{of: rsi}}."
        )
    if str(item).count(OF) >= DEEPEST:
        raise BadInput(f"feature {name}: of: at most {DEEPEST} features can be nested.")
    inner = parse_feature(item)
    if len(inner.chain) >= DEEPEST:
        raise BadInput(f"feature {name}: of: at most {DEEPEST} features can be nested.")
    if inner.bar is not None:
        raise BadInput(
            f"feature {name}: of: found bar {inner.bar} inside; write it beside of, as "
            f"in {name}: {{of: {inner.function}, bar: {inner.bar}}}, so that symbols "
            "are compared at the close of these bars."
        )
    return inner


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
            f"feature {name}: relative_to: the feature is not a price or a difference "
            "of prices, so it cannot be relative to a price. Leave relative_to out."
        )


def warm_up(features: Sequence[Feature]) -> int:
    """Return the longest warm-up of some features, in bars; 0 without features."""
    return max((feature.warm_up for feature in features), default=0)


def symbols_read(features: Sequence[Feature]) -> set[str]:
    """Return the other symbols that features read at the bars of a symbol."""
    return {f.elsewhere[1] for f in features if f.elsewhere is not None}


def functions_of(features: Sequence[Feature]) -> list[str]:
    """Return the names of the functions that compute some features, sorted."""
    return sorted({one.function for feature in features for one in feature.chain})


def facts_read(features: Sequence[Feature]) -> list[str]:
    """Return the names of the facts that features read, sorted."""
    return sorted({f.fact for f in features if f.fact is not None})


def check_facts_read(features: Sequence[Feature], entries: Collection[str]) -> None:
    """Raise when a feature reads a fact that the market does not have.

    Parameters
    ----------
    features
        Features to check.
    entries
        Names of the market's ``facts``.

    Raises
    ------
    BadInput
        The message names the feature, the fact and the closest name.
    """
    for feature in features:
        fact = feature.fact
        if fact is not None and fact.partition(".")[0] not in entries:
            raise BadInput(
                f"feature {feature.function}: the market has no fact "
                f"'{fact.partition('.')[0]}'; its facts are "
                f"{one_of(entries) if entries else 'none'}."
                f"{did_you_mean(fact.partition('.')[0], entries)}"
            )


def check_symbols_read(features: Sequence[Feature], symbols: Collection[str]) -> None:
    """Raise when a feature reads a symbol that the market does not have.

    Raises
    ------
    BadInput
        The message names the feature, the symbol and the closest symbol.
    """
    for feature in features:
        if feature.elsewhere is not None and feature.elsewhere[1] not in symbols:
            leaf, symbol = feature.leaf, feature.elsewhere[1]
            field = "to" if ("to", symbol) in leaf.arguments else "symbol"
            raise BadInput(
                f"feature {leaf.function}: {field}: '{symbol}' is not one of the "
                f"market's {len(symbols)} symbols.{did_you_mean(symbol, symbols)}"
            )
