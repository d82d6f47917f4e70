"""Terms that every label states, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.features import PRICES

By = Literal["market", "group"]


@dataclass(frozen=True)
class Terms:
    """Terms of a label.

    Attributes
    ----------
    price
        Name of the price of the bar and of the later bar.
    horizon
        Number of bars ahead. For bars by the clock, time counts: 5 for bars of a minute
        is the bar that starts five minutes later. For daily bars, sessions of the
        calendar count. For bars by activity (such as volume bars), bars count.
    kind
        A name in ``LABELS``.
    across_sessions
        Whether a label may lie in a later session; the horizon then counts trading
        time only. Daily labels always lie in a later session.
    relative_to
        Whose mean return at the same bar is subtracted: that of all symbols, or of
        those in the symbol's group. None for the symbol's own return.

    Raises
    ------
    BadInput
        The horizon is below 1, or the price or relative_to does not exist.
    """

    price: str = "vwap"
    horizon: int = 5
    kind: str = "level"
    across_sessions: bool = False
    relative_to: By | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.horizon < 1:
            raise BadInput(
                f"label: horizon: found {self.horizon}; it must be at least 1 bar, "
                "because the price of the current bar is known already."
            )
        for name, found, allowed in (
            ("price", self.price, PRICES),
            ("relative_to", self.relative_to or "market", get_args(By)),
        ):
            if found not in allowed:
                raise BadInput(
                    f"label: {name}: found {found!r}; allowed are {one_of(allowed)}."
                    f"{did_you_mean(str(found), allowed)}"
                )
