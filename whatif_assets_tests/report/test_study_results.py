"""Outdated partitions, which the report leaves out."""

from __future__ import annotations

import json
from pathlib import Path

from whatif_assets.home.home import Home
from whatif_assets.home.manifest import MANIFEST
from whatif_assets.report.study_results import outdated_partitions
from whatif_assets.steps.freshness import Freshness
from whatif_assets_tests.lake_files import folder_of


def test_features_made_from_other_bars_than_those_of_now_are_not_shown(
    copied_home: Path,
) -> None:
    """Bars of a session that no study uses any more were corrected."""
    lake = Home.open(copied_home).lake
    first, *_ = lake.keys("features")
    assert outdated_partitions(Freshness(Home.open(copied_home)), {})["features"] == []
    path = folder_of(lake, "features", first) / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["inputs"][f"bars of {first}"] = "as they were"
    path.write_text(json.dumps(manifest))
    left_out = outdated_partitions(Freshness(Home.open(copied_home)), {})
    assert left_out["features"] == [first]
