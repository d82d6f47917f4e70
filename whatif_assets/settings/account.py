"""Whose cash a configuration trades with, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from whatif_assets.domain.accounts.job import Account
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.settings.fields import General


def account_of(key: str, general: General, base: Path) -> Account:
    """Tell whose cash it is; a strategy of portfolios needs one account.

    Raises
    ------
    BadInput
        The strategy is one of portfolios, and each symbol has an account of its own.
    """
    if find_strategy(general.strategy, base).panel_rule is None:
        return general.account or "symbol"
    if general.account == "symbol":
        raise BadInput(
            f"Configuration {key}: account: found 'symbol'; strategy "
            f"'{general.strategy}' divides one account among all symbols. Remove the "
            "field, or write portfolio.",
            field=("account",),
        )
    return "portfolio"


def check_money(
    key: str,
    general: General,
    account: Account,
    sweep: Mapping[str, Sequence[Any]],
    cash: float,
) -> None:
    """Check what is lent and what is kept in reserve.

    Parameters
    ----------
    key, general, account, sweep
        The configuration: its key, its general fields, whose cash it is, and the values
        of its swept fields.
    cash
        The study's starting cash.

    Raises
    ------
    BadInput
        Each symbol has an account of its own, or the reserve is all of the cash.
    """
    for name in ("leverage", "reserve"):
        found = [*sweep.get(name, ()), getattr(general, name)]
        if account != "portfolio" and any(value is not None for value in found):
            raise BadInput(
                f"Configuration {key}: {name}: each symbol has an account of its own. "
                f"Remove the field, or add 'account: portfolio'.",
                field=(name,),
            )
    least = min(sweep.get("cash") or [general.cash or cash])
    most = max(sweep.get("reserve") or [general.reserve or 0.0])
    if most >= least:
        raise BadInput(
            f"Configuration {key}: reserve: found {most:,.0f} of a cash of "
            f"{least:,.0f}; it must be below that.",
            field=("reserve",),
        )
