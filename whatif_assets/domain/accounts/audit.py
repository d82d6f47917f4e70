"""Audits: whether the fills of an account explain its value, at the stated costs.

At the end of every session, value = starting cash + gains of fills and open positions +
interest on cash - costs must hold; money that was paid in does not count as a gain.
Interest and costs are computed again from the fills and the costs that the study
states. An account with a value that is not a number fails the audit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.book import Book
from whatif_assets.domain.accounts.impact import slippage_of_market_orders
from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve

TOLERANCE = 1e-9  # relative to the value of all fills and positions


@dataclass(frozen=True)
class Audit:
    """Result of the audit of one account.

    Attributes
    ----------
    symbol
        Symbol of the sleeve.
    paid_in
        Largest amount of money paid in on top of the starting cash.
    charged, stated
        Commission and interest of all fills: as charged, and as computed from the costs
        that the study states.
    other_costs
        Whether any fill was charged other costs than the study states.
    fills, slipped
        Number of fills, and of fills with other slippage than the study states.
    unexplained
        Value that neither gains nor costs explain, the largest of all sessions; NaN
        where the value is not a number.
    """

    symbol: str
    paid_in: float
    charged: float
    stated: float
    other_costs: bool
    fills: int
    slipped: int
    unexplained: float

    @property
    def is_sound(self) -> bool:
        """Whether the audit found nothing wrong."""
        paid_in = not self.paid_in <= 0
        return not (paid_in or self.other_costs or self.slipped or self.unexplained)


def audit(run: Run, sleeve: Sleeve, variant: Variant) -> Audit:
    """Compare the value of an account with its fills.

    Parameters
    ----------
    run
        Equity and fills of the account.
    sleeve, variant
        The bars that were traded, and the variant with its cash and costs.
    """
    made = run.bars if run.made is None else run.made
    book = Book(made, run.sizes, run.prices, run.multipliers)
    unpaid, owed = book.interest(sleeve, variant.costs)
    closing, opening = book.commissions(variant.costs)
    stated = closing + opening + owed
    tolerated = TOLERANCE * (book.values + np.abs(stated))
    same = np.abs(run.commissions - stated) <= tolerated
    valued = sleeve.last_bars()[1] if run.valued is None else run.valued
    gains = book.gains(sleeve, valued, run.commissions, unpaid)
    if variant.account == "symbol":  # a part of an account has no cash of its own
        cash, costs = variant.cash, variant.costs
        gains += book.earned(sleeve, cash, costs, run.commissions, unpaid)[valued]
    apart = run.equity - (variant.cash + gains)
    scale = np.abs(variant.cash) + np.sum(book.values) + np.abs(gains)
    wrong = apart[~(np.abs(apart) <= TOLERANCE * scale)]
    return Audit(
        symbol=sleeve.symbol,
        paid_in=run.paid_in,
        charged=float(np.sum(run.commissions)),
        stated=float(np.sum(stated)),
        other_costs=not bool(same.all()),
        fills=len(run.sizes),
        slipped=max(run.slipped, _other_slippage(run, sleeve, variant, made)),
        unexplained=float(wrong[np.argmax(np.abs(wrong))]) if len(wrong) else 0.0,
    )


def _other_slippage(
    run: Run, sleeve: Sleeve, variant: Variant, made: npt.NDArray[np.int64]
) -> int:
    """Count the fills that are worse by another fraction than the quoted half spread.

    A limit order that fills at its own price is not worse. Market impact depends on the
    size of the whole order, which fills do not tell.
    """
    costs = variant.costs
    if not costs.half_spread_fact or costs.impact:
        return 0
    stated = slippage_of_market_orders(sleeve, costs, made, run.sizes)
    same = np.isclose(run.slippage, stated, rtol=TOLERANCE, atol=0.0)
    return int((~same & (run.slippage != 0)).sum())


def in_words(audits: Sequence[Audit]) -> str:
    """Describe what audits found wrong; empty where the accounts are sound.

    Parameters
    ----------
    audits
        Audits of the accounts of one variant, one for each sleeve.
    """
    return " ".join(filter(None, (sentence(audits) for sentence in _SENTENCES)))


def _paid_in(audits: Sequence[Audit]) -> str:
    found = [account for account in audits if not account.paid_in <= 0]
    if not found:
        return ""
    money = _money(math.fsum(account.paid_in for account in found))
    return (
        f"The strategy paid {money} into the {_accounts(found)}. Profits do not "
        "include this money; returns are relative to the starting cash alone."
    )


def _other_costs(audits: Sequence[Audit]) -> str:
    found = [account for account in audits if account.other_costs]
    if not found:
        return ""
    charged = _money(math.fsum(account.charged for account in found))
    stated = _money(math.fsum(account.stated for account in found))
    return (
        "Other costs than the study states: commission and interest in the "
        f"{_accounts(found)} were {charged}; with the study's costs they are {stated}."
    )


def _slippage(audits: Sequence[Audit]) -> str:
    found = [account for account in audits if account.slipped]
    if not found:
        return ""
    slipped = sum(account.slipped for account in found)
    fills = sum(account.fills for account in found)
    return (
        f"Other slippage than the study states: {slipped:,} of {fills:,} fills in the "
        f"{_accounts(found)}."
    )


def _unexplained(audits: Sequence[Audit]) -> str:
    found = [account for account in audits if account.unexplained != 0]
    if not found:
        return ""
    worst = _money(found[0].unexplained)
    return (
        f"No trade explains part of the value of the {_accounts(found)}: {worst} at "
        f"the end of a session in the account of {found[0].symbol}."
    )


def _money(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else "not a number"


def _accounts(audits: Sequence[Audit]) -> str:
    names = [account.symbol for account in audits]
    if len(names) == 1:
        return f"account of {names[0]}"
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
    return f"accounts of {shown}"


_SENTENCES: tuple[Callable[[Sequence[Audit]], str], ...] = (
    _paid_in,
    _other_costs,
    _slippage,
    _unexplained,
)
