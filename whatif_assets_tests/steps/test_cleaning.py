"""What a home occupies, and what of it nothing defines any more."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import set_up
from whatif_assets.home.disk import DiskUse
from whatif_assets.home.home import Home
from whatif_assets.home.in_use import removing, writing
from whatif_assets.home.lake import Lake
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.what_ifs import update_keys
from whatif_assets.steps.cleaning import parts_of_home, remove_parts
from whatif_assets_tests.lake_files import path_of

OWN, QUESTION = "tiny.hold", "tiny.linear~size=50"
SESSION = "2026-01-05"
MADE = Manifest("v", {}, 1, "run", "1", "2026-01-05T00:00:00+00:00", 0.1)


def store(lake: Lake, table: str, key: str, size: int = 100) -> None:
    lake.write_file(table, key, "model", b"x" * size)
    lake.finish(table, key, MADE)


@pytest.fixture
def home(tmp_path: Path, tiny_study: Path) -> Home:
    """A home with results of a configuration, a question, and a second study."""
    home, _ = set_up(tmp_path / "home", tiny_study)
    second = tiny_study.read_text().partition("features:")[2]
    (home.studies_folder / "other.yaml").write_text(f"features:{second}")
    update_keys(home, ())
    for key in (OWN, QUESTION, "other.hold"):
        store(home.lake, "trained_models", key)
        store(home.lake, "backtest_results", key)
    for study in ("tiny", "other"):
        store(home.lake, "leaderboard", study)
        home.page(study).parent.mkdir(exist_ok=True)
        home.page(study).write_text("page")
    return home


def edit(home: Home, old: str, new: str, study: str = "tiny") -> Home:
    path = home.studies_folder / f"{study}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return Home.open(home.path)


def undefined(home: Home, registered: tuple[str, ...] = ()) -> dict[str, str]:
    parts = parts_of_home(home, registered)
    return {part.name: part.why_removed for part in parts if part.why_removed}


def test_every_byte_belongs_to_a_part(home):
    parts = {(part.kind, part.name): part for part in parts_of_home(home)}
    assert set(parts) == {
        ("study", "tiny"), ("study", "other"), ("question", QUESTION),
        ("page", "tiny.html"), ("page", "other.html"),
    }  # fmt: skip
    assert undefined(home) == {}
    files = [p for p in home.path.rglob("*") if p.is_file()]
    inside = [p for p in files if p.parent.name.count("=") or p.suffix == ".html"]
    occupied = sum(part.use(home).occupied for part in parts.values())
    assert occupied == sum(path.stat().st_size for path in inside)


def test_a_removed_configuration_goes_and_a_question_stays(home):
    home = edit(home, "  hold: {strategy: buy_and_hold, size: 100}\n", "")
    assert undefined(home) == {OWN: "study tiny has no configuration 'hold' any more"}
    gone = [part for part in parts_of_home(home) if part.why_removed]
    freed = remove_parts(home, gone)
    assert freed > 200  # two models, and their manifests
    assert home.lake.keys("trained_models") == ["other.hold", QUESTION]
    assert undefined(home) == {}


def test_a_removed_study_goes_with_its_page(home):
    (home.studies_folder / "other.yaml").unlink()
    home = Home.open(home.path)
    assert set(undefined(home)) == {"other", "other.hold", "other.html"}
    remove_parts(home, [part for part in parts_of_home(home) if part.why_removed])
    assert home.page("tiny").exists() and not home.page("other").exists()
    assert home.lake.keys("leaderboard") == ["tiny"]


def test_nothing_goes_while_its_definition_cannot_be_read(home):
    broken = edit(home, "configurations:", "configurations", "other")
    assert broken.faults() and undefined(broken) == {}
    at_fault = edit(broken, "hold: {strategy: buy", "hold: {strategy: bye")
    assert undefined(at_fault) == {}


def test_a_question_whose_configuration_went_and_came_back_goes_unless_asked(home):
    base = "  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}\n"
    update_keys(edit(home, base, ""), ())
    home = edit(home, "configurations:\n", f"configurations:\n{base}")
    assert set(undefined(home)) == {QUESTION}
    assert undefined(home, (QUESTION,)) == {}


def test_features_of_bars_that_no_study_reads_go_and_the_others_stay_complete(home):
    lake = home.lake
    rows = pd.DataFrame({"symbol": ["SYN01"], "ts": [pd.Timestamp(SESSION, tz="UTC")]})
    for table in ("features", "features_5min"):
        lake.write(table, SESSION, rows)
    lake.finish("features", SESSION, MADE)
    assert lake.has("features", SESSION)
    assert set(undefined(home)) == {"features_5min"}
    remove_parts(home, [part for part in parts_of_home(home) if part.why_removed])
    assert lake.has("features", SESSION)
    assert lake.sized("features") == []


def test_links_are_neither_followed_nor_removed(home, tmp_path):
    outside = tmp_path / "outside"
    of_model = path_of(home.lake, "trained_models", "other.hold", "")
    shutil.move(of_model, outside)
    of_model.symlink_to(outside)
    inside = path_of(home.lake, "backtest_results", "other.hold", "")
    (inside / "link").symlink_to(outside)
    (home.studies_folder / "other.yaml").unlink()
    home = Home.open(home.path)
    gone = [part for part in parts_of_home(home) if part.name == "other.hold"]
    assert gone[0].partitions == (("backtest_results", "other.hold"),)
    before = sum(p.stat().st_size for p in inside.iterdir() if not p.is_symlink())
    assert remove_parts(home, gone) == before
    assert not inside.exists() and of_model.is_symlink()
    assert (outside / "model").read_bytes() == b"x" * 100


def test_a_file_with_two_names_is_free_once_both_are_gone(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x" * 10)
    os.link(one, two)
    assert DiskUse.of([one]) == DiskUse(occupied=10, freed=0)
    assert DiskUse.of([one, two]) == DiskUse(occupied=10, freed=10)


def test_nothing_is_removed_while_a_run_writes(home):
    told = pytest.raises(BadInput, match="a run is writing")
    with writing(home), writing(home), told, removing(home):
        pass
    with removing(home):
        assert json.loads(home.lake.read_note("keys.json"))[OWN] == "own"
