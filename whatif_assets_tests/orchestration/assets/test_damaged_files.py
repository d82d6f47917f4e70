"""A damaged file of the lake is named and made again; other files are unchanged."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.damage import DamagedFile
from whatif_assets.home.home import Home
from whatif_assets.home.lake import Lake
from whatif_assets.home.manifest import MANIFEST, Manifest
from whatif_assets.home.tables import LAKE
from whatif_assets.steps.training import read_models
from whatif_assets_tests.lake_files import files_with_rows, folder_of, path_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import nothing_drawn

pytestmark = pytest.mark.usefixtures("undrawn")

STUDY = """
market:
  source: sample
  symbols: [SYN01]
  first_session: 2026-01-05
  last_session: 2026-01-13
features: [close: {relative_to: vwap}]
label: {price: vwap, horizon: 5, kind: return}
evaluation: {method: split, train: 3, holdout: 1}
configurations:
  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}
  hold: {strategy: buy_and_hold, size: 100}
"""
CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "garbage of the same size": lambda whole: (b"garbage" * len(whole))[: len(whole)],
}
# The run history cannot be made again.
LOST = ("runs",)
EACH_RUN = ("leaderboard", "best_configuration")  # every run writes these


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        (folder / "small.yaml").write_text(STUDY)
        with nothing_drawn():
            assert run_studies(folder / "home", str(folder / "small.yaml"))

    return made_once(tmp_path_factory, "whole", make) / "home"


@pytest.fixture
def home(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "home"))


def files_of(home: Path) -> dict[Path, bytes]:
    """Return the content of all computed files, by path in the lake."""
    lake = home / "lake"
    return {
        path.relative_to(lake): path.read_bytes()
        for path in sorted(lake.rglob("*"))
        if path.is_file()
        and path.name != MANIFEST
        and path.relative_to(lake).parts[0] not in LOST
    }


def chosen(home: Path, kind: str) -> list[Path]:
    """Return one file of each table, of the configuration with a model."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted((home / "lake").rglob(kind)):
        table = path.relative_to(home / "lake").parts[0]
        if table not in LOST and "hold/" not in str(path).replace("small.", ""):
            found[table, path.name] = path
    return list(found.values())


def whys(home: Path) -> list[str]:
    """Return the reasons in the database why runs computed partitions."""
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        query = "SELECT why_computed FROM runs WHERE status <> 'reused'"
        computed = connection.execute(query).fetchall()
    return [str(why) for (why,) in computed]


def damage(paths: Iterable[Path], content: Callable[[bytes], bytes]) -> None:
    for path in paths:
        broken = path.with_name("broken")  # a new file, not a hard link
        broken.write_bytes(content(path.read_bytes()))
        broken.replace(path)


@pytest.mark.parametrize("kinds", [["*.parquet", "*.model"], [MANIFEST]])
def test_a_damaged_file_is_made_again_and_named(
    home: Path, kinds: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = files_of(home)
    paths = [path for kind in kinds for path in chosen(home, kind)]
    for path, content in zip(paths, itertools.cycle(CONTENTS.values())):
        damage([path], content)
    assert run_studies(home, "small")
    assert files_of(home) == before
    assert "lake/" in " ".join(whys(home))
    # Of the files under one manifest, the first damaged one is named.
    assert any(str(path) in caplog.text for path in paths)
    if kinds == [MANIFEST]:
        for path in paths:
            table = path.relative_to(home / "lake").parts[0]
            assert table in EACH_RUN or str(path) in caplog.text


def test_every_table_was_among_them(home: Path) -> None:
    tables = {path.relative_to(home / "lake").parts[0] for path in chosen(home, "*.*")}
    made = {name for name in LAKE if files_with_rows(Lake(home), name)}
    assert made - set(LOST) <= tables


def test_what_cannot_be_made_again_is_told_and_left_out(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, *_ = files_with_rows(Lake(home), "runs")
    damage([first], CONTENTS["empty"])
    # Both ends of the file are intact, so only a full read finds the damage.
    damage([second], lambda whole: whole[:4] + bytes(len(whole) - 12) + whole[-8:])
    assert run_studies(home, "small")
    for path in (first, second):
        assert f"{path} " in caplog.text
        assert path.with_name(f"{path.name}.damaged").exists()


def test_a_file_that_only_reading_shows_to_be_damaged_is_made_again_by_the_next_run(
    home: Path,
) -> None:
    before = files_of(home)
    path = path_of(Lake(home), "placebo_pnl", "small")
    middle = len(path.read_bytes()) // 2
    damage(
        [path], lambda whole: whole[: middle - 50] + bytes(100) + whole[middle + 50 :]
    )
    run_studies(home, "small")
    assert run_studies(home, "small")
    assert files_of(home) == before


def test_a_model_that_only_reading_shows_to_be_damaged_is_fitted_again(
    home: Path,
) -> None:
    path = home / "lake" / "trained_models/configuration=small.linear/fold_0.model"
    whole = path.read_bytes()
    middle = len(whole) // 2
    damage([path], lambda _: whole[: middle - 8] + bytes(16) + whole[middle + 8 :])
    opened = Home.open(home)
    assert opened.lake.has("trained_models", "small.linear")
    with pytest.raises(DamagedFile, match=str(path)):
        read_models(opened, "small.linear", 0)
    assert not opened.lake.has("trained_models", "small.linear")
    assert run_studies(home, "small")
    assert path.read_bytes() == whole


def test_a_manifest_of_an_earlier_version_still_speaks_for_its_data(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    lake.write("fills", "s.a", LAKE["fills"].empty())
    old = Manifest("v", {}, 0, "run", "1", "2026-01-01T00:00:00+00:00", 0.1)
    lake.finish("fills", "s.a", old)
    manifest = folder_of(lake, "fills", "s.a") / MANIFEST
    start, _, _ = manifest.read_text().partition('"files"')
    end = '"finished_at": "2026-01-01T00:00:00+00:00", "inputs": {}, "rows": 0, '
    end += '"run_id": "run", "seconds": 0.1}'
    manifest.write_text(start + end)
    assert lake.manifest("fills", "s.a") == old
    path_of(lake, "fills", "s.a").write_bytes(b"")
    assert lake.manifest("fills", "s.a") is None
