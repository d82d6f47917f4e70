"""Features, label and price of a bar are in one row, whatever else is missing."""

from __future__ import annotations

import pandas as pd

from whatif_assets.home.home import Home
from whatif_assets.steps.dataset import KEYS, _joined, dataset

KEY = "tiny.forest~max_depth=2"


def test_rows_are_matched_by_symbol_and_time(copied_home):
    home = Home.open(copied_home)
    (configuration, _), days = home.find(KEY), home.market.sessions.dates()[2:4]
    whole = dataset(home, configuration, days)
    assert whole["price"].notna().all()
    assert whole["label"].nunique() > 10

    key = days[0].isoformat()
    features = home.lake.read("features", key)
    kept = features.drop(index=features.index[::3])
    manifest = home.lake.manifest("features", key)
    home.lake.write("features", key, kept)
    home.lake.finish("features", key, manifest)
    _joined.cache_clear()

    left = dataset(home, configuration, days)
    expected = whole.merge(left[KEYS], on=KEYS)
    assert len(left) == len(whole) - len(features) + len(kept) < len(whole)
    pd.testing.assert_frame_equal(left, expected, check_exact=True)
