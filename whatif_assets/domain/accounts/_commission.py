"""The commission that Backtrader charges."""

from __future__ import annotations

from typing import Any

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.costs import commission_by_share


class Commission(bt.CommInfoBase):  # type: ignore[misc]
    """Commission by value, share and order, with tiers, a minimum and a multiplier.

    ``commission`` is a fraction of the value, as everywhere in Backtrader; the value is
    positive even at a price below 0. ``mult`` is the money per point of the price.
    Backtrader's own class applies it to profits but, for assets that are paid in full,
    neither to values nor to cash.
    """

    params = (
        ("percabs", True),
        ("per_share", 0.0),
        ("per_order", 0.0),
        ("minimum", 0.0),
        ("tier_steps", (0.0, 0.0, 0.0, 0.0)),
    )

    def getsize(self, price: float, cash: float) -> int:
        """Return the number of units that the cash buys."""
        return int(super().getsize(price * self.p.mult, cash))

    def getoperationcost(self, size: float, price: float) -> float:
        """Return the cash that an operation needs."""
        return float(super().getoperationcost(size, price) * self.p.mult)

    def getvaluesize(self, size: float, price: float) -> float:
        """Return the value of a number of units at a price."""
        return float(super().getvaluesize(size, price) * self.p.mult)

    def getvalue(self, position: Any, price: float) -> float:
        """Return the value of a position at a price."""
        return float(super().getvalue(position, price) * self.p.mult)

    def _get_credit_interest(
        self, data: Any, size: float, price: float, days: int, dt0: Any, dt1: Any
    ) -> float:
        interest = super()._get_credit_interest(data, size, abs(price), days, dt0, dt1)
        return float(interest * self.p.mult)

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        by_value = abs(size) * self.p.commission * abs(price) * self.p.mult
        by_share = commission_by_share(abs(size), self.p.per_share, *self.p.tier_steps)
        charged = by_value + by_share + self.p.per_order
        return float(max(charged, self.p.minimum))
