"""What every built-in strategy shares: a signal at the close, a target position."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from whatif_assets.core._backtrader import bt
from whatif_assets.core.errors import BadInput
from whatif_assets.core.features import Feature
from whatif_assets.core.sleeve import FloatArray, Sleeve

Signals = npt.NDArray[np.int8]

LONG, NEUTRAL, SHORT = 1, 0, -1

# What a strategy is to the others: only candidates can win.
Role = Literal["candidate", "benchmark", "placebo"]


def positive_number(value: Any) -> int | float:
    """Check a number of shares, whole numbers staying whole."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(f"found {value!r}; allowed is a number above 0.")
    checked: int | float = value
    return checked


Shares = Annotated[int | float, PlainValidator(positive_number)]


class RuleSettings(BaseModel):
    """The settings of a trading rule; each field may be an axis."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Shares = Field(default=100, description="Shares of a position.")


SettingsT = TypeVar("SettingsT", bound=RuleSettings)


class TradingRule(bt.Strategy, Generic[SettingsT]):  # type: ignore[misc]
    """A rule that wants to be long, short, or has no opinion at each close.

    A subclass states its rule twice, side by side: ``signal`` for one bar, to be
    read and run by Backtrader, and ``signals`` for all bars at once. One contract
    test compares the two for every rule in the registry.

    An order is sent at the close of the bar that gave the signal and fills at the
    next bar's open. A long signal while short (or the reverse) turns the position
    round in one order; a neutral signal trades nothing, and what is open stays
    open.

    Attributes
    ----------
    Settings
        The settings, a pydantic model; its fields are the rule's axes.
    needs_forecast
        Whether the rule reads the line ``forecast``.
    role
        ``candidate``, or ``benchmark`` or ``placebo`` for what is only compared.
    """

    Settings: type[RuleSettings] = RuleSettings
    needs_forecast: ClassVar[bool] = False
    role: ClassVar[Role] = "candidate"

    params = (("settings", None),)

    def __init__(self) -> None:
        """Take the settings that the runner passes as the one parameter."""
        self.settings: SettingsT = self.p.settings

    @classmethod
    def inputs(cls, settings: SettingsT) -> dict[str, Feature]:
        """Return the features that the rule reads, by the name of their line."""
        return {}

    @classmethod
    def lines_of(cls, sleeve: Sleeve, settings: SettingsT) -> dict[str, FloatArray]:
        """Collect the rule's lines from a sleeve.

        Parameters
        ----------
        sleeve
            Bars with the columns of :meth:`inputs`, and ``forecast`` if needed.
        settings
            The rule's settings.

        Returns
        -------
        dict
            Line name to float64 values, one per bar, beside the price lines.

        Raises
        ------
        BadInput
            The sleeve lacks a column.
        """
        wanted = {line: f.column for line, f in cls.inputs(settings).items()}
        if cls.needs_forecast:
            wanted["forecast"] = "forecast"
        for column in wanted.values():
            if column not in sleeve.columns:
                raise BadInput(
                    f"{cls.__name__} reads the column {column}, which {sleeve.symbol} "
                    f"lacks; it has {', '.join(sleeve.columns) or 'none'}."
                )
        return {line: sleeve.columns[column] for line, column in wanted.items()}

    def signal(self) -> int:
        """Decide at the close of the current bar: +1 long, -1 short, 0 nothing."""
        return NEUTRAL

    @classmethod
    def signals(cls, lines: Mapping[str, FloatArray], settings: SettingsT) -> Signals:
        """Decide for all bars at once.

        Parameters
        ----------
        lines
            The price lines and the rule's own, n float64 each. A comparison with
            NaN gives no signal.
        settings
            The rule's settings.

        Returns
        -------
        numpy.ndarray
            n int8: +1, -1 or 0, equal to :meth:`signal` bar by bar.
        """
        return np.zeros(len(lines["close"]), dtype=np.int8)

    def shares(self) -> float:
        """Return the size of the position to open now."""
        return self.settings.size

    def next(self) -> None:
        """Send the order that the signal asks for, if any."""
        signal = self.signal()
        if signal * self.position.size > 0 or signal == NEUTRAL:
            return
        shares = self.shares()
        if shares > 0:
            self.order_target_size(target=signal * shares)
