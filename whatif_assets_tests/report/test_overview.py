"""The list of a home's studies says how far each is, and what is wrong with it."""

from __future__ import annotations

from whatif_assets.home.home import Home
from whatif_assets.report.overview import studies_table
from whatif_assets_tests.conftest import TINY_STUDY


def test_every_study_file_is_listed(copied_home):
    folder = copied_home / "studies"
    (folder / "new.yaml").write_text(TINY_STUDY)
    (folder / "bad.yaml").write_text("configurations: 3")
    tiny = folder / "tiny.yaml"
    tiny.write_text(tiny.read_text().replace("train: 6", "train: 5"))
    rows = studies_table(Home.open(copied_home)).set_index("study")
    assert rows.loc["new", "state"] == "not run yet"
    assert rows.loc["tiny", "state"].startswith("its leaderboard is stale")
    assert rows.loc["tiny", "verdict"] == "sample too short"
    assert rows.loc["bad", "state"] == "wrong"
    assert "bad.yaml:1: configurations" in rows.loc["bad", "problem"]
