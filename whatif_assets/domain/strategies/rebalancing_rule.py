"""What every built-in strategy of a whole portfolio shares: from weights to orders."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.rebalancing import Period
from whatif_assets.domain.accounts.sleeve import NO_GROUP, Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.features import Feature
from whatif_assets.domain.strategies.rule import Role

FORECAST = "forecast"
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class RebalancingSettings(Settings):
    """The settings of every strategy of a portfolio.

    ``docs/strategy_semantics.md`` says what each of them does.

    Attributes
    ----------
    added_later
        Settings that did not exist in earlier versions: a trial is the same with them
        at their defaults as without them.
    """

    added_later: ClassVar[frozenset[str]] = frozenset(
        {"max_group_weight", "max_positions", "max_holding", "drift"}
    )
    rebalance: Period = Field(
        default="session",
        description="bars: each `every` bars of the timeline. session, week, month: in "
        "each `every`-th session, or in the last session of each such week or month.",
    )
    every: int = Field(
        default=1, ge=1, description="Periods between two rebalances; 1 is each."
    )
    at: float = Field(
        default=0,
        allow_inf_nan=False,
        description="Minutes after the session's open at which to rebalance; negative: "
        "before its close. Daily bars have one time only.",
    )
    gross: float = Field(
        default=0.98,
        gt=0,
        le=10,
        description="Value of all positions, without their signs, as a part of the "
        "account's value.",
    )
    max_weight: float = Field(
        default=1,
        gt=0,
        le=10,
        description="The most that one symbol may have of the account's value.",
    )
    max_group_weight: float = Field(
        default=0,
        ge=0,
        allow_inf_nan=False,
        description="The most that one group of the market may have of the account's "
        "value, without signs; its weights are scaled down to that. 0: no limit.",
    )
    max_positions: int = Field(
        default=0,
        ge=0,
        description="The most symbols to hold; what would be opened beyond it, in "
        "order of rank, is not. 0: no limit.",
    )
    max_holding: int = Field(
        default=0,
        ge=0,
        description="A position that is held for this many bars of its symbol or more "
        "is closed at a rebalance, whatever its rank. 0: no limit.",
    )
    band: Fraction = Field(
        default=0,
        description="A position whose weight is nearer than this to its target stays "
        "as it is.",
    )
    drift: Fraction = Field(
        default=0,
        description="Rebalance only where the weight of some symbol is this far from "
        "its target or further; then all of them are. 0: always.",
    )
    max_turnover: float = Field(
        default=0,
        ge=0,
        allow_inf_nan=False,
        description="The most value to trade at a rebalance, as a part of the "
        "account's; orders beyond it are not sent, exits excepted. 0: no limit.",
    )
    lot: float = Field(
        default=1,
        gt=0,
        allow_inf_nan=False,
        description="Positions are whole multiples of it; 0.0001 for fractions.",
    )


SettingsT = TypeVar("SettingsT", bound=RebalancingSettings)


class RebalancingRule(bt.Strategy, Generic[SettingsT]):  # type: ignore[misc]
    """A strategy that gives every symbol a weight of one account, now and then.

    A subclass states its weights twice, side by side: `weights` for Backtrader, to be
    read and run there, and once more compiled, in ``engines/portfolio``. What becomes
    of weights is written here for Backtrader; ``docs/strategy_semantics.md`` has it in
    words.

    Each symbol is a data feed. A symbol without a bar at a time can be neither weighed
    nor ordered then, so Backtrader's rule to wait for the first bar of all feeds does
    not apply.

    Attributes
    ----------
    Settings
        The settings, a pydantic model; its fields are the strategy's axes.
    is_compiled
        Whether a built-in strategy has a compiled twin; without one it runs on
        Backtrader.
    """

    Settings: type[RebalancingSettings] = RebalancingSettings
    role: ClassVar[Role] = "candidate"
    is_compiled: ClassVar[bool] = True

    params: Any = (
        ("settings", None),
        ("times", frozenset()),
        ("groups", {}),
        ("credit", 0.0),
    )

    def __init__(self) -> None:
        """Take the settings, the times of rebalances, and what the account is lent."""
        self.settings: SettingsT = self.p.settings
        self._times: Collection[float] = self.p.times
        self._waiting: list[bt.Order] = []
        self._opened: dict[bt.feed.DataBase, int] = {}

    def start(self) -> None:
        """Let the broker value positions in the order of the symbols."""
        for data in self.datas:
            self.broker.getposition(data)

    @classmethod
    def inputs(cls, settings: SettingsT) -> dict[str, Feature]:
        """Return the features that the strategy reads, by the name of their line."""
        return {}

    @classmethod
    def symbols_named(cls, settings: SettingsT) -> tuple[str, ...]:
        """Return the symbols that the settings name; all of them are to be traded."""
        return ()

    @classmethod
    def reads_forecast(cls, settings: SettingsT) -> bool:
        """Whether the strategy reads forecasts with these settings."""
        return False

    @classmethod
    def lines_of(cls, sleeve: Sleeve, settings: SettingsT) -> dict[str, FloatArray]:
        """Collect the lines of one symbol beside its prices: the features it reads.

        Raises
        ------
        BadInput
            The sleeve lacks a column.
        """
        return {
            line: cls.column(line, sleeve, settings) for line in cls.inputs(settings)
        }

    @classmethod
    def lines_key(cls, settings: SettingsT) -> Hashable:
        """Tell which variants have the same lines: equal keys share them."""
        return tuple(feature.text for feature in cls.inputs(settings).values())

    @classmethod
    def column(cls, line: str, sleeve: Sleeve, settings: SettingsT) -> FloatArray:
        """Return the column of a sleeve for one of `inputs`, or the forecast.

        Raises
        ------
        BadInput
            The sleeve lacks the column.
        """
        inputs = cls.inputs(settings)
        name = inputs[line].column if line in inputs else FORECAST
        if name not in sleeve.columns:
            raise BadInput(
                f"{cls.__name__} reads the column {name}, which {sleeve.symbol} lacks; "
                f"it has {', '.join(sleeve.columns) or 'none'}."
            )
        return sleeve.columns[name]

    @classmethod
    def parameters(cls, settings: SettingsT) -> Mapping[str, float]:
        """Return the numbers by which a compiled twin, if any, chooses weights."""
        return {}

    @classmethod
    def ranks_within_groups(cls, settings: SettingsT) -> bool:
        """Whether each group of the market has a ranking of its own."""
        return False

    def weights(self) -> Mapping[bt.feed.DataBase, float] | None:
        """Choose the weight of each symbol at this close, in order of rank.

        A symbol that is left out gets none. A short position has a negative weight.
        None leaves all positions and orders as they are.
        """
        return {}

    def is_ready(self, data: bt.feed.DataBase) -> bool:
        """Whether a symbol has a bar at this time, and a price above 0."""
        has_bar = len(data) and data.datetime[0] == self.datetime[0]
        return bool(has_bar and data.close[0] > 0)

    def group_of(self, data: bt.feed.DataBase) -> str:
        """Return the market's group of a symbol."""
        return str(self.p.groups.get(data._name, NO_GROUP))

    def value(self) -> float:
        """Return the account's own value: cash and positions without what is lent."""
        return float(self.broker.getvalue() - self.p.credit)

    def notify_trade(self, trade: bt.Trade) -> None:
        """Note the bar on which a position was opened."""
        if trade.isopen:
            self._opened[trade.data] = trade.baropen

    def prenext(self) -> None:
        """Work a time before some symbol's first bar like any other."""
        self.next()

    def next(self) -> None:
        """Rebalance where it is time."""
        if self.datetime[0] not in self._times:
            return
        weights = self.weights()
        if weights is None:
            return
        # Nothing can be bought with nothing: close what is open.
        limited = self._limited(weights) if self.value() > 0 else {}
        if self._has_drifted(limited):
            for order in self._waiting:
                self.cancel(order)
            self._waiting = []
            self._send(self._targets(limited))

    def _has_drifted(self, weights: Mapping[Any, float]) -> bool:
        """Whether some symbol that can be ordered is far enough from its weight."""
        value, drift = self.value(), self.settings.drift
        if not drift or value <= 0:
            return True
        return any(
            abs(weights.get(data, 0.0) - self._worth(data) / value) >= drift
            for data in self._fresh()
        )

    def _worth(self, data: bt.feed.DataBase) -> float:
        """Value of a position at the close, below 0 if it is short."""
        price = data.close[0] * self.broker.getcommissioninfo(data).p.mult
        return float(self.getposition(data).size * price)

    def _fresh(self) -> list[bt.feed.DataBase]:
        """List the symbols that have a bar now."""
        now = self.datetime[0]
        return [d for d in self.datas if len(d) and d.datetime[0] == now]

    def _targets(self, weights: Mapping[Any, float]) -> dict[Any, float]:
        """Units to hold of each symbol that can be ordered now.

        The first to be sent come first: exits, then reductions, then everything else
        in order of rank.
        """
        settings, value = self.settings, self.value()
        held_now = (data for data in self._fresh() if self.getposition(data).size)
        exits = {data: 0.0 for data in held_now if data not in weights}
        smaller, other = {}, {}
        for data, weight in weights.items():
            price = data.close[0] * self.broker.getcommissioninfo(data).p.mult
            held = self.getposition(data).size
            if held and self._is_too_old(data):
                exits[data] = 0.0
                continue
            if held and abs(weight - held * price / value) < settings.band:
                continue
            units = weight * value / price
            target = math.trunc(units / settings.lot) * settings.lot
            if held and not target:
                exits[data] = 0.0
            elif held * target > 0 and abs(target) < abs(held):
                smaller[data] = target
            else:
                other[data] = target
        return {**exits, **smaller, **self._within_room(other, len(exits))}

    def _limited(self, weights: Mapping[Any, float]) -> dict[Any, float]:
        """Cut weights to what one symbol may have, then scale what groups have."""
        most, most_of_group = self.settings.max_weight, self.settings.max_group_weight
        cut = {d: math.copysign(min(abs(w), most), w) for d, w in weights.items()}
        if not most_of_group:
            return cut
        totals: dict[str, float] = {}
        for data, weight in cut.items():
            group = self.group_of(data)
            totals[group] = totals.get(group, 0.0) + abs(weight)
        scale = {g: most_of_group / t for g, t in totals.items() if t > most_of_group}
        return {d: w * scale.get(self.group_of(d), 1.0) for d, w in cut.items()}

    def _is_too_old(self, data: bt.feed.DataBase) -> bool:
        """Whether a position has been held for as long as it may be."""
        longest = self.settings.max_holding
        return bool(longest) and len(data) - self._opened[data] >= longest

    def _within_room(
        self, targets: Mapping[Any, float], n_exits: int
    ) -> dict[Any, float]:
        """Leave out the positions to open that would be too many."""
        if not self.settings.max_positions:
            return dict(targets)
        held = {data for data in self.datas if self.getposition(data).size}
        room = self.settings.max_positions - len(held) + n_exits
        opens = [data for data, size in targets.items() if size and data not in held]
        beyond = set(opens[max(room, 0) :])
        return {d: size for d, size in targets.items() if d not in beyond}

    def _send(self, targets: Mapping[Any, float]) -> None:
        """Send the orders that reach the targets, up to the limit on turnover."""
        left = math.inf
        if self.settings.max_turnover:
            left = self.settings.max_turnover * self.value()
        for data, target in targets.items():
            size = target - self.getposition(data).size
            traded = abs(size) * data.close[0]
            traded *= self.broker.getcommissioninfo(data).p.mult
            if not size or (target and traded > left):
                continue
            left -= traded
            send = self.buy if size > 0 else self.sell
            self._waiting.append(send(data=data, size=abs(size)))


def total_of(values: Iterable[float]) -> float:
    """Add numbers one after the other, as the compiled twin does.

    Python's own sum rounds otherwise from version 3.12 on.
    """
    return functools.reduce(operator.add, values, 0.0)
