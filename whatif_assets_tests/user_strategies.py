"""Strategies as a user would write them, for the tests that run a user's own."""

from __future__ import annotations

from whatif_assets.domain.accounts._backtrader import bt


class SmaCross(bt.Strategy):  # type: ignore[misc]
    """Buy one futures contract at the first close above the average, and hold.

    The rule, and the contract of ten times the index, 2 a side and 1,000 of
    margin, are those of Backtrader's published optimisation test.
    """

    params = (("period", 15),)

    def __init__(self) -> None:
        """Build the average and its crossing."""
        average = bt.ind.SMA(self.data, period=self.p.period)
        self.cross = bt.ind.CrossOver(self.data.close, average)
        self.bought = False

    def start(self) -> None:
        """Trade a future instead of a share."""
        self.broker.setcommission(commission=2.0, mult=10.0, margin=1000.0)

    def next(self) -> None:
        """Buy once."""
        if not self.bought and self.cross[0] > 0:
            self.bought = bool(self.buy())


class Scripted(bt.Strategy):  # type: ignore[misc]
    """Send the orders that the column ``wanted`` asks for: signed sizes."""

    def next(self) -> None:
        """Buy a positive size, sell a negative one."""
        wanted = self.data.wanted[0]
        if wanted > 0:
            self.buy(size=wanted)
        elif wanted < 0:
            self.sell(size=-wanted)


class SmaReversal(bt.Strategy):  # type: ignore[misc]
    """Follow the crossing of two averages, reversing."""

    params = (("fast", 2), ("slow", 5), ("size", 10))

    def __init__(self) -> None:
        """Build the averages and their crossing."""
        fast = bt.ind.SMA(period=self.p.fast)
        slow = bt.ind.SMA(period=self.p.slow)
        self.cross = bt.ind.CrossOver(fast, slow)

    def next(self) -> None:
        """Reverse at a crossing."""
        if self.cross[0]:
            self.order_target_size(target=self.p.size * self.cross[0])


class HeikinAshi(bt.Strategy):  # type: ignore[misc]
    """Read an indicator that Backtrader computes bar by bar only."""

    def __init__(self) -> None:
        """Build the indicator."""
        self.candle = bt.ind.HeikinAshi(self.data)

    def next(self) -> None:
        """Be long while the candle rises, flat while it falls."""
        rising = self.candle.ha_close[0] > self.candle.ha_open[0]
        self.order_target_size(target=10 if rising else 0)


class Failing(bt.Strategy):  # type: ignore[misc]
    """Divide by zero on the third bar."""

    params = (("bar", 3),)

    def next(self) -> None:
        """Fail on the third bar."""
        _ = 1 / (self.p.bar - len(self))


class Skipping(bt.Strategy):  # type: ignore[misc]
    """Refuse to run."""

    def __init__(self) -> None:
        """Refuse."""
        raise bt.StrategySkipError


class StopsEarly(bt.Strategy):  # type: ignore[misc]
    """Buy on the first bar and end the run at the third bar."""

    def next(self) -> None:
        """Buy, then stop."""
        if len(self) == 1:
            self.buy(size=1)
        if len(self) == 3:
            self.env.runstop()
