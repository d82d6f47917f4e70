"""Time ranges for tests of sources."""

from __future__ import annotations

from datetime import date

import pandas as pd

from whatif_assets.domain.bars.sessions import DAY


def utc(at: str | date) -> pd.Timestamp:
    return pd.Timestamp(at, tz="UTC")


def whole_days(first: date, last: date) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the start of the first and the end of the last of some UTC dates."""
    return utc(first), utc(last + DAY)


EVER = whole_days(date(1998, 1, 1), date(2030, 1, 1))
