"""Daily profits of the leaderboard's variants, so that any of them can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.home.home import Home
from whatif_assets.report.page.charts import canvas, data_script, packed
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import paragraph

KEY = ["configuration", "variant"]
MOST_NUMBERS = 100_000  # about half a megabyte of the page
MOST_ROWS = 1000


def read_variant_curves(
    home: Home, leaderboard: pd.DataFrame, sessions: Sequence[date]
) -> pd.DataFrame:
    """Read the out-of-sample profits of as many variants as the page has room for.

    Parameters
    ----------
    home
        The home of the study.
    leaderboard
        Rows of the study, the best first.
    sessions
        The out-of-sample sessions.

    Returns
    -------
    pandas.DataFrame
        Indexed by configuration and variant, the best first: a column per session with
        the profit since the start; NaN where it is not known.
    """
    room = min(MOST_ROWS, MOST_NUMBERS // max(1, len(sessions)))
    best = leaderboard[KEY].head(room)
    parts = [pd.DataFrame(columns=[day.isoformat() for day in sessions])]
    for key, variants in best.groupby("configuration", sort=False)["variant"]:
        daily = home.lake.read("daily_pnl", str(key), where_in={"variant": variants})
        parts.append(daily.assign(configuration=key).set_index(KEY))
    return pd.concat(parts[1:] or parts).reindex(pd.MultiIndex.from_frame(best))


def drawn_variants(content: PageContent) -> str:
    """Make room for the curves of the rows that the reader ticks."""
    curves = content.variant_curves
    if not curves.size:
        return ""
    left_out = len(content.leaderboard) - len(curves)
    note = (
        "Tick rows of the table to draw their profit at the end of each out-of-sample "
        "session, up to eight together."
    )
    if left_out > 0:
        note += (
            f" The curves of the {left_out:,} variants that rank last are left out; "
            "they are in the table daily_pnl of the lake."
        )
    values = {
        "sessions": [str(day) for day in curves.columns],
        "pnl": packed(curves.to_numpy(dtype=np.float64), "f4"),
    }
    label = "Chart of the PnL of the ticked variants by session"
    return (
        f"<h3>Equity of any row</h3>{paragraph(note)}"
        '<ul class="legend" id="ticked"></ul>'
        + canvas("chart-variants", label, 320)
        + data_script(values, "variant-curves")
    )
