"""A check of bars: volumes that look made up."""

from __future__ import annotations

import pandas as pd
from pydantic import Field

from whatif_assets.domain.quality import Finding, Inspection, QualityCheck
from whatif_assets.domain.quality.prices import Limits


class RoundLimits(Limits):
    """Limits of `round_volumes`."""

    multiple: int = Field(
        default=1000, ge=2, description="What a round volume divides by."
    )
    share: float = Field(
        default=0.5, gt=0, le=1, description="Share of round volumes that is too many."
    )


def round_volumes(bars: Inspection, limits: RoundLimits) -> list[Finding]:
    """Find symbols with too many round volumes in a session, as made-up bars have."""
    frame = bars.bars.assign(is_round=bars.bars["volume"] % limits.multiple == 0)
    found = []
    for (day, symbol), rows in frame.groupby(["session", "symbol"], observed=True):
        share = float(rows["is_round"].mean())
        if share >= limits.share:
            first = rows.loc[rows["is_round"], "ts"].iloc[0]
            example = f"{share:.0%} of the volumes are multiples of {limits.multiple}"
            count = int(rows["is_round"].sum())
            day = pd.Timestamp(day).date()
            found.append(Finding(day, str(symbol), first, count, share, example))
    return found


ROUND_VOLUMES = QualityCheck(round_volumes, "warning", RoundLimits)
