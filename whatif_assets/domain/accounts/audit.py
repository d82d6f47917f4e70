"""Audits: whether an account owes its value to what it traded, at the stated costs.

For every account that is replayed, value = starting cash + gains of its fills and of
what it holds - costs, at the end of every session; money that was paid in is no gain.
Costs are computed once more from the fills, by what the study states. A comparison with
what is not a number fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from whatif_assets.domain.accounts.book import Book
from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve

TOLERANCE = 1e-9  # relative to the value of all that was traded and held


@dataclass(frozen=True)
class Audit:
    """What an audit found about one account.

    Attributes
    ----------
    symbol
        Of the sleeve.
    paid_in
        The most money that had been paid in on top of the starting cash.
    charged, stated
        Commission and interest of all fills: what was charged, and what follows from
        the costs that the study states.
    other_costs
        Whether any fill was charged otherwise than the study states.
    fills, slipped
        How many fills there were, and how many with other slippage than stated.
    unexplained
        Value that neither gains nor costs explain, the largest of all sessions; NaN
        where the value is no number.
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
        """Whether nothing was found."""
        paid_in = not self.paid_in <= 0
        return not (paid_in or self.other_costs or self.slipped or self.unexplained)


def audit(run: Run, sleeve: Sleeve, variant: Variant) -> Audit:
    """Hold an account against its fills.

    Parameters
    ----------
    run
        What the account did.
    sleeve, variant
        What it traded, and with which cash and costs.
    """
    made = run.bars if run.made is None else run.made
    book = Book(made, run.sizes, run.prices, run.multipliers)
    unpaid, owed = book.interest(sleeve, variant.costs)
    closing, opening = book.commissions(variant.costs)
    stated = closing + opening + owed
    least = TOLERANCE * (book.values + np.abs(stated))
    same = np.abs(run.commissions - stated) <= least
    valued = sleeve.last_bars()[1] if run.valued is None else run.valued
    gains = book.gains(sleeve, valued, run.commissions, unpaid)
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
        slipped=run.slipped,
        unexplained=float(wrong[np.argmax(np.abs(wrong))]) if len(wrong) else 0.0,
    )


def in_words(audits: Sequence[Audit]) -> str:
    """Say what was found about the accounts of a variant; empty where they are sound.

    Parameters
    ----------
    audits
        One for each sleeve.
    """
    return " ".join(filter(None, (told(audits) for told in _SENTENCES)))


def _paid_in(audits: Sequence[Audit]) -> str:
    found = [one for one in audits if not one.paid_in <= 0]
    if not found:
        return ""
    money = _money(math.fsum(one.paid_in for one in found))
    return (
        f"The strategy paid {money} into the {_accounts(found)}. Profit leaves that "
        "out; returns are of the starting cash alone."
    )


def _other_costs(audits: Sequence[Audit]) -> str:
    found = [one for one in audits if one.other_costs]
    if not found:
        return ""
    charged = _money(math.fsum(one.charged for one in found))
    stated = _money(math.fsum(one.stated for one in found))
    return (
        "Other costs than the study states: commission and interest in the "
        f"{_accounts(found)} were {charged}; by the study's costs they are {stated}."
    )


def _slippage(audits: Sequence[Audit]) -> str:
    found = [one for one in audits if one.slipped]
    if not found:
        return ""
    slipped, fills = sum(one.slipped for one in found), sum(one.fills for one in found)
    return (
        f"Other slippage than the study states: that of {slipped:,} of {fills:,} fills "
        f"in the {_accounts(found)}."
    )


def _unexplained(audits: Sequence[Audit]) -> str:
    found = [one for one in audits if one.unexplained != 0]
    if not found:
        return ""
    worst = _money(found[0].unexplained)
    return (
        f"Value that no trade explains in the {_accounts(found)}: in that of "
        f"{found[0].symbol} {worst} at the end of a session."
    )


def _money(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else "no number"


def _accounts(audits: Sequence[Audit]) -> str:
    names = [one.symbol for one in audits]
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
