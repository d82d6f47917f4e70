"""Homes of a market in which a symbol is split, and of the same without the split."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from whatif_assets.home.home import Home
from whatif_assets.home.manifest import Manifest, why_computed
from whatif_assets.orchestration.assets.price_bars import ingest
from whatif_assets.settings.market import Market
from whatif_assets.steps.ingest import SessionBars
from whatif_assets_tests.domain.quality.clean_bars import NEW_YORK, clean_bars

DAYS = NEW_YORK.dates(date(2018, 11, 15), date(2018, 11, 30))  # with a half day
SPLIT = date(2018, 11, 26)
HEAD = "symbol,date,split,dividend\n"
SEVEN_FOR_ONE = f"{HEAD}AAA,{SPLIT},7,\n"
PRICES = ["open", "high", "low", "close", "vwap"]


def bars_of(shares: float = 1.0) -> pd.DataFrame:
    """Clean bars, of which AAA trades at a fraction of the price from the split on."""
    frame = clean_bars(*DAYS)
    later = (frame["symbol"] == "AAA") & (frame["ts"] >= str(SPLIT))
    frame.loc[later, PRICES] /= shares
    frame.loc[later, "volume"] *= shares
    return frame


def home_of(
    folder: Path, actions: str | None, bars: pd.DataFrame, **fields: object
) -> Home:
    """Write bars and actions, and open a home on them; nothing is ingested yet."""
    folder.mkdir(parents=True, exist_ok=True)
    bars.to_parquet(folder / "bars.parquet", index=False)
    if actions is not None:
        (folder / "actions.csv").write_text(actions)
        fields = {"actions": "actions.csv", **fields}
    market = Market(
        source="parquet",
        path="bars.parquet",
        first_session=DAYS[0],
        last_session=DAYS[-1],
        base_bar="5min",
        **fields,
    )
    return Home(folder, market)


def ingested(home: Home, days: Sequence[date] = DAYS) -> dict[date, str]:
    """Ingest the sessions that are not fresh; return the reason for each."""
    keys = [day.isoformat() for day in days]
    bars, why = SessionBars(home, keys), {}
    for day, key in zip(days, keys, strict=True):
        now = bars.inputs(key)
        if reason := why_computed(home.lake.manifest("price_bars", key), now):
            done = ingest(key, home, bars)
            manifest = Manifest(
                done.data_version, now, done.rows, "", "", "", 0.0, done.details
            )
            home.lake.finish("price_bars", key, manifest)
            why[day] = reason
    return why
