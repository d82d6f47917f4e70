"""Contributions to the profit of a study's winner, divided in several ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.settings.market import Market
from whatif_assets.steps.comparison.attribution import (
    NO_HOUR,
    Attribution,
    attribute,
    replay,
)
from whatif_assets.steps.winner import Winner

TABLE = "contributions"
INTEREST = "interest"


@dataclass(frozen=True, eq=False)
class Attributed:
    """The out-of-sample profit of a winner, attributed to its parts.

    Attributes
    ----------
    winner
        The winner; None if no variant can win.
    attribution
        The attribution; None without a winner, or if it cannot be computed now.
    why_not
        Why it cannot be computed; else empty.
    """

    winner: Winner | None = None
    attribution: Attribution | None = None
    why_not: str = ""

    @classmethod
    def of(cls, winner: Winner | None) -> Attributed:
        """Run a winner again, and attribute its profit."""
        if winner is None:
            return cls()
        home, configuration, variant = winner.home, winner.configuration, winner.variant
        try:
            run = replay(home, winner.study, configuration, [variant])
        except BadInput as error:
            return cls(winner, None, str(error))
        built_in = configuration.strategy_type().built_in
        zone = home.market.sessions.timezone
        return cls(winner, attribute(run, variant, zone, built_in=built_in))

    def table(self) -> pd.DataFrame:
        """List the parts as rows of the table ``contributions``.

        Returns
        -------
        pandas.DataFrame
            ``study``, ``configuration``, ``variant``, ``kind``, ``part`` and ``pnl``.
            The parts of each kind add up to the profit.
        """
        if self.winner is None or self.attribution is None:
            return DATABASE[TABLE].empty()
        rows = pd.DataFrame(_parts(self.winner, self.attribution))
        rows = rows.set_axis(["kind", "part", "pnl"], axis=1)
        return rows.assign(
            study=self.winner.study.name,
            configuration=self.winner.configuration.key,
            variant=self.winner.variant.id,
        )


def by_group(market: Market, attribution: Attribution) -> pd.Series[float]:
    """Compute the profit of each group of a market's symbols; it adds up to all.

    Symbols that are in no group form a group of their own.
    """
    names = attribution.daily["symbol"]
    groups = names.map(market.groups_of(names.unique()))
    return attribution.daily.groupby(groups)["pnl"].sum()


def _parts(
    winner: Winner, attribution: Attribution
) -> Iterator[tuple[str, str, float]]:
    """Yield kind, name and profit of each part."""
    home = winner.home
    for symbol, pnl in attribution.daily.groupby("symbol")["pnl"].sum().items():
        yield "symbol", str(symbol), pnl
    if home.market.groups:
        for group, pnl in by_group(home.market, attribution).items():
            yield "group", str(group), pnl
    for leg, pnl in attribution.by_leg().items():
        yield "leg", leg, pnl
    if not home.bar_size(winner.configuration).daily:
        for hour, pnl in attribution.by_hour().sort_index().items():
            yield "hour", INTEREST if hour == NO_HOUR else f"{hour:02d}:00", pnl
