"""Size of the buy-and-hold benchmark for another strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whatif_assets.domain.accounts.number_format import format_number
from whatif_assets.domain.strategies.settings import RuleSettings, positive_number

SIZES = ("size", "notional", "equity_percent")


def benchmark_size(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Choose settings with which buy-and-hold has the size of a strategy's positions.

    Parameters
    ----------
    settings
        Settings of the strategy. Of a user's strategy, only ``size`` is used; the
        meaning of other params is not known.

    Returns
    -------
    dict
        Settings of ``buy_and_hold``; empty if it spends all cash.
    """
    if set(RuleSettings.model_fields) <= set(settings):
        return {name: settings[name] for name in SIZES}
    try:
        return {"size": positive_number(settings.get("size"))}
    except ValueError:
        return {}


def benchmark_in_words(settings: Mapping[str, Any]) -> str:
    """Describe what buy-and-hold of a strategy's size bought.

    Returns
    -------
    str
        Words to follow ``buy-and-hold``, such as ``of 100 shares of each symbol``.
    """
    size = benchmark_size(settings)
    if size.get("notional"):
        return f"of {format_number(size['notional'])} worth of each symbol"
    if size.get("equity_percent"):
        percent = format_number(size["equity_percent"])
        return f"of each symbol with {percent}% of its equity"
    if size.get("size", "all") == "all":
        return "with all cash"
    shares = "share" if size["size"] == 1 else "shares"
    return f"of {format_number(size['size'])} {shares} of each symbol"
