"""Base class of the built-in strategies: signal at the close, target position."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import Feature
from whatif_assets.domain.strategies.settings import RuleSettings

Signals = npt.NDArray[np.int8]

LONG, NEUTRAL, SHORT = 1, 0, -1
FLAT = 0

# Only candidates can win; the others are there for comparison.
Role = Literal["candidate", "benchmark", "placebo"]

SettingsT = TypeVar("SettingsT", bound=RuleSettings)


class TradingRule(bt.Strategy, Generic[SettingsT]):  # type: ignore[misc]
    """A rule that has a signal at each close: long, short or none.

    A subclass defines its signal twice: ``signal`` for one bar, which Backtrader runs,
    and ``series`` with ``thresholds`` for all bars together. A contract test compares
    the two for every rule in the registry. How signals become orders is implemented
    here for Backtrader and again in ``engines/compiled/kernel.py``;
    ``docs/strategy_semantics.md`` describes it.

    Attributes
    ----------
    Settings
        The pydantic model of the settings; each field may be an axis.
    needs_forecast
        Whether the rule reads the line ``forecast``.
    levels
        Settings that only move the thresholds: the series does not depend on them. Each
        is a float whose valid values are an interval, whatever the other settings are.
    role
        ``candidate``; or ``benchmark`` or ``placebo`` for a strategy that only serves
        for comparison.
    """

    Settings: type[RuleSettings] = RuleSettings
    needs_forecast: ClassVar[bool] = False
    levels: ClassVar[tuple[str, ...]] = ()
    role: ClassVar[Role] = "candidate"

    params = (("settings", None),)

    def __init__(self) -> None:
        """Take the settings from the only parameter, and start without a position."""
        self.settings: SettingsT = self.p.settings
        self._held = FLAT
        self._first_bar = self._last_bar = 0
        self._protection: list[bt.Order] = []

    @classmethod
    def inputs(cls, settings: SettingsT) -> dict[str, Feature]:
        """Return the features that the rule reads, by line name."""
        return {}

    @classmethod
    def lines_of(cls, sleeve: Sleeve, settings: SettingsT) -> dict[str, FloatArray]:
        """Collect the lines that the rule reads in addition to the prices.

        Parameters
        ----------
        sleeve
            Bars with the columns of :meth:`inputs`, and ``forecast`` if needed.
        settings
            The rule's settings.

        Returns
        -------
        dict
            Float64 values by line name, one per bar. If settings depend on the time of
            day, ``since_open`` and ``to_close`` (in minutes) are included.

        Raises
        ------
        BadInput
            The sleeve lacks a column, or the hours of its sessions that settings need.
        """
        lines = cls.own_lines(sleeve, settings)
        if settings.reads_the_clock:
            lines |= {"since_open": sleeve.since_open, "to_close": sleeve.to_close}
        return lines

    @classmethod
    def own_lines(cls, sleeve: Sleeve, settings: SettingsT) -> dict[str, FloatArray]:
        """Collect the lines of the signal: :meth:`inputs` and the forecast.

        Raises
        ------
        BadInput
            The sleeve lacks a column.
        """
        column_of = {line: f.column for line, f in cls.inputs(settings).items()}
        if cls.needs_forecast:
            column_of["forecast"] = "forecast"
        for column in column_of.values():
            if column not in sleeve.columns:
                raise BadInput(
                    f"{cls.__name__} reads the column {column}, which the sleeve of "
                    f"{sleeve.symbol} lacks. Its columns are: "
                    f"{', '.join(sleeve.columns) or 'none'}."
                )
        return {line: sleeve.columns[column] for line, column in column_of.items()}

    def signal(self) -> int:
        """Return the signal at the current close: +1 long, -1 short, 0 none."""
        return NEUTRAL

    @classmethod
    def series(cls, lines: Mapping[str, FloatArray], settings: SettingsT) -> FloatArray:
        """Compute one number per bar, from which the signal follows.

        Parameters
        ----------
        lines
            The price lines and the lines of the rule, n float64 each.
        settings
            The rule's settings. Only those in :meth:`series_key` may be used.

        Returns
        -------
        numpy.ndarray
            n float64; NaN means no signal.
        """
        return np.zeros(len(lines["close"]))

    @classmethod
    def thresholds(cls, settings: SettingsT) -> tuple[float, float]:
        """Return the value above which to be long, and the value below which short.

        Where the settings in `levels` are arrays, so are the thresholds, element by
        element.
        """
        return 0.5, -0.5

    @classmethod
    def series_key(cls, settings: SettingsT) -> Hashable:
        """Return a key; variants with equal keys have the same series."""
        return tuple(cls.inputs(settings).values())

    @classmethod
    def signals(cls, lines: Mapping[str, FloatArray], settings: SettingsT) -> Signals:
        """Compute the signals of all bars from the series and the thresholds.

        Returns
        -------
        numpy.ndarray
            n int8: +1, -1 or 0, equal to :meth:`signal` bar by bar.
        """
        series = cls.series(lines, settings)
        above, below = cls.thresholds(settings)
        long = (series > above).astype(np.int8)
        return np.where(series < below, np.int8(SHORT), long)

    def next(self) -> None:
        """Process one close: send an order, or protect the open position."""
        self._note_position()
        target = self._target(self.signal())
        if target is not None:
            self._unprotect()
            self.order_target_size(target=target)
        elif self._held and not self._protection:
            self._protect()

    def _note_position(self) -> None:
        """Record the bars on which the position began and ended."""
        side = int(self.position.size > 0) - int(self.position.size < 0)
        if side == self._held:
            return
        if side == FLAT:
            self._last_bar = len(self.data)
        else:
            self._first_bar = len(self.data)
        self._held = side
        self._protection = []

    def _target(self, signal: int) -> float | None:
        """Return the position to change to; None leaves the position unchanged."""
        if self._held:
            return self._exit(signal)
        since = len(self.data) - self._last_bar
        if self._last_bar and since < self.settings.cool_down:
            return None
        if not self._may_enter(signal):
            return None
        shares = self.shares()
        return signal * shares if shares > 0 else None

    def _exit(self, signal: int) -> float | None:
        settings = self.settings
        if self._closing():
            return FLAT
        bars = len(self.data) - self._first_bar + 1
        if signal == -self._held and bars >= settings.min_holding:
            reverses = settings.reversal == "one_order" and not settings.cool_down
            if reverses and self._may_enter(signal):
                return signal * max(self.shares(), 0)
            return FLAT
        if settings.max_holding and bars >= settings.max_holding:
            return FLAT
        return None

    def _may_enter(self, signal: int) -> bool:
        settings = self.settings
        allowed = {"both": signal, "long": LONG, "short": SHORT}[settings.direction]
        if signal == NEUTRAL or signal != allowed:
            return False
        if not settings.reads_the_clock:
            return True
        return bool(
            self.data.since_open[0] >= settings.no_entry_first
            and self.data.to_close[0] > settings.no_entry_last
            and not self._closing()
        )

    def _closing(self) -> bool:
        minutes = self.settings.flat_before_close
        return minutes > 0 and bool(self.data.to_close[0] <= minutes)

    def shares(self) -> float:
        """Return the size in shares of the position to open now."""
        settings, close = self.settings, self.data.close[0]
        if not (settings.notional or settings.equity_percent):
            return settings.size
        if close <= 0:
            return 0
        price = close * self.broker.getcommissioninfo(self.data).p.mult
        if settings.notional:
            return int(settings.notional / price)
        return int(self.broker.getvalue() * settings.equity_percent / 100 / price)

    def _protect(self) -> None:
        """Send the stop and limit orders that may close the position within a bar.

        The first order that fills cancels the others. These orders only close
        positions, so the broker need not check the cash when they are sent.
        Percentages refer to the absolute price. An entry at a price of 0 has neither
        stop loss nor take profit.
        """
        settings, entry, close = self.settings, self.position.price, self.data.close[0]
        up = math.copysign(self._held, self._held * entry)
        stop = entry * (1 - up * settings.stop_loss / 100)
        limit = entry * (1 + up * settings.take_profit / 100)
        if settings.stop_loss and entry:
            self._send_exit(exectype=bt.Order.Stop, price=stop)
        if settings.trailing_stop:
            percent = math.copysign(settings.trailing_stop / 100, close)
            self._send_exit(exectype=bt.Order.StopTrail, trailpercent=percent)
        if settings.take_profit and entry:
            self._send_exit(exectype=bt.Order.Limit, price=limit)

    def _send_exit(self, **order: Any) -> None:
        send = self.sell if self._held == LONG else self.buy
        first = self._protection[0] if self._protection else None
        size = abs(self.position.size)
        self._protection.append(send(size=size, oco=first, _checksubmit=False, **order))

    def _unprotect(self) -> None:
        for order in self._protection:
            self.cancel(order)
        self._protection = []
