"""A portfolio whose weights are a function that a user writes."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import pandas as pd
from pydantic import Field

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import PRICES
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.strategies.panel_rule import PanelRule, PanelSettings, Score
from whatif_assets.domain.strategies.params import settings_like

WeightFunction = Callable[..., Mapping[str, float]]


class WeightFunctionSettings(PanelSettings):
    """Settings of a function of weights, beside the function's own."""

    score: Score = Field(
        default="close",
        description="What the function gets as score: forecast, or a feature as a "
        "study's features are written.",
    )


@dataclass(frozen=True)
class PanelNow:
    """What a function of weights knows at a close.

    Attributes
    ----------
    bars
        The bars of this time: one row for each symbol that can be weighed, in the order
        of the market; ``open``, ``high``, ``low``, ``close``, ``volume``, ``vwap`` and
        ``score``.
    weights
        What is held, as parts of the account's own value: a float for each symbol with
        a position, negative if it is short.
    """

    bars: pd.DataFrame
    weights: pd.Series[float]
    _feeds: Mapping[str, bt.feed.DataBase]

    def last(self, n: int, column: str = "close") -> pd.DataFrame:
        """Return the last n values of a column, of the symbols in ``bars``.

        Returns
        -------
        pandas.DataFrame
            A row for each of the last n times of any of the symbols (UTC, starts of
            bars), and a column for each symbol; NaN where it has no bar.
        """
        parts = {}
        for symbol in self.bars.index:
            feed = self._feeds[symbol]
            size = min(n, len(feed))
            times = feed.datetime.get(size=size)
            values = getattr(feed.lines, column).get(size=size)
            parts[symbol] = pd.Series(values, index=[bt.num2date(t) for t in times])
        table = pd.DataFrame(parts).sort_index().tail(n)
        # Backtrader's times are days as floats, exact to some microseconds.
        table.index = pd.DatetimeIndex(table.index, tz="UTC").round("ms")
        return table


class WeightFunctionRule(PanelRule[WeightFunctionSettings]):
    """Asks a function for the weights; see `rule_of`."""

    Settings = WeightFunctionSettings
    function: WeightFunction
    arguments: tuple[str, ...] = ()

    def weights(self) -> dict[bt.feed.DataBase, float]:
        """Ask the function, and find the feeds of the symbols that it names."""
        feeds = {data._name: data for data in self.datas if self.is_ready(data)}
        own = {name: getattr(self.settings, name) for name in self.arguments}
        given = type(self).function(self._now(feeds), **own)
        weights = {}
        for symbol, weight in dict(given).items():
            if symbol not in feeds:
                self._refuse(f"a weight for {symbol!r}", symbol, list(feeds))
            if not math.isfinite(weight):
                self._refuse(f"the weight {weight} for {symbol}", symbol, [])
            weights[feeds[symbol]] = float(weight)
        return weights

    def _now(self, feeds: Mapping[str, bt.feed.DataBase]) -> PanelNow:
        columns = (*PRICES, "score")
        bars = pd.DataFrame(
            [[getattr(d.lines, name)[0] for name in columns] for d in feeds.values()],
            index=pd.Index(feeds, name="symbol", dtype=object),
            columns=columns,
        )
        worth = {d._name: self._worth(d) for d in self.datas if len(d)}
        value = self.value()
        held = {name: of / value for name, of in worth.items() if of and value > 0}
        return PanelNow(bars, pd.Series(held, dtype="float64"), feeds)

    def _refuse(self, what: str, symbol: Hashable, known: list[str]) -> None:
        raise BadInput(
            f"{type(self).__name__} returned {what}. It must return finite numbers by "
            "symbol, of symbols in panel.bars; a symbol that it leaves out gets none."
            f"{did_you_mean(str(symbol), known)}"
        )


@functools.cache
def rule_of(function: WeightFunction) -> type[WeightFunctionRule]:
    """Make a strategy of a function ``weights(panel, **settings)``.

    Parameters
    ----------
    function
        Gets a `PanelNow`, and returns weights by symbol, in order of rank: a mapping or
        a Series. Each further argument needs a default, and is a setting.

    Raises
    ------
    BadInput
        An argument has no default, or the name of a setting that all strategies of
        portfolios have.
    """
    name = function.__name__
    arguments = list(inspect.signature(function).parameters.values())[1:]
    for argument in arguments:
        if argument.default is argument.empty:
            raise BadInput(
                f"function {name}: the argument {argument.name} needs a default, which "
                "is the setting's value where a study does not name it."
            )
        if argument.name in WeightFunctionSettings.model_fields:
            raise BadInput(
                f"function {name}: the argument {argument.name} has the name of a "
                "setting that every strategy of portfolios has. Rename it."
            )
    defaults = {argument.name: argument.default for argument in arguments}
    content = {
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "Settings": settings_like(name, defaults, WeightFunctionSettings),
        "function": staticmethod(function),
        "arguments": tuple(defaults),
    }
    return type(name, (WeightFunctionRule,), content)
