"""A run in which nothing has changed does nothing, and any change is noticed."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import dagster as dg
import pytest

from whatif_assets.domain.features import FEATURES
from whatif_assets.home.home import Home
from whatif_assets.orchestration.runs import Runner
from whatif_assets.orchestration.unchanged import LastRun
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets_tests.lake_files import path_of


@pytest.mark.usefixtures("undrawn")
def test_a_run_without_a_change_does_nothing(
    copied_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, said = Home.open(copied_home), list[str]()
    with dg.DagsterInstance.ephemeral() as instance:
        last = LastRun(home, instance, [home.study("tiny")], sealed=False)
        assert not last.has_done_all()  # these records have no run
        assert Runner(home, instance, say=said.append).run(*last.studies) == []
        before = instance.get_runs_count()
        said.clear()
        assert Runner(home, instance, say=said.append).run(*last.studies) == []
        assert said == ["Nothing has changed since the last run."]
        assert instance.get_runs_count() == before
        assert not dataclasses.replace(last, sealed=True).has_done_all()
        assert not dataclasses.replace(last, studies=[]).has_done_all()
        for change in (remove_the_page, put_an_equal_file, remove_results):
            assert last.has_done_all()
            change(home)
            assert not last.has_done_all()
            last.keep()
            if change is remove_results:  # the files are known, but not all is fresh
                assert not last.has_done_all()
                assert Runner(home, instance).run(*last.studies) == []
        assert last.has_done_all()
        instance.add_dynamic_partitions("configurations", ["tiny.hold~size=10"])
        assert not last.has_done_all()
        instance.delete_dynamic_partition("configurations", "tiny.hold~size=10")
        assert last.has_done_all()
        with monkeypatch.context() as patch:
            patch.setitem(CODE_VERSIONS, "best_configuration", "another")
            assert not last.has_done_all()
        edited = dataclasses.replace(FEATURES["ema"], compute=lambda price: price)
        with monkeypatch.context() as patch:
            patch.setitem(FEATURES, "ema", edited)
            assert not last.has_done_all()
        instance.report_runless_asset_event(dg.AssetMaterialization("leaderboard"))
        assert not last.has_done_all()


def remove_the_page(home: Home) -> None:
    home.page("tiny").unlink()


def put_an_equal_file(home: Home) -> None:
    """Put a file with the same bytes and times in place of another."""
    path = path_of(home.lake, "price_bars", home.lake.keys("price_bars")[0])
    state, other = path.stat(), path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


def remove_results(home: Home) -> None:
    home.lake.begin("backtest_results", "tiny.hold")
