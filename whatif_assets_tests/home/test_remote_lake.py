"""A home whose lake is at a URL equals one with a lake of its own."""

import functools
import shutil

import duckdb
import fsspec
import pytest
import yaml

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.in_use import removing, writing
from whatif_assets.home.questions import remove_results
from whatif_assets.report.audit import audit_trail
from whatif_assets.report.queries import run_confined
from whatif_assets.steps.cleaning import parts_of_home
from whatif_assets_tests.conftest import TINY_STUDY
from whatif_assets_tests.living.tables import differences, tables_of
from whatif_assets_tests.object_store import s3_server
from whatif_assets_tests.undrawn import nothing_drawn

pytestmark = pytest.mark.store


@pytest.fixture(scope="module")
def url():
    with s3_server() as bucket:
        yield f"{bucket}/tiny"


@pytest.fixture(scope="module")
def remote(url, tmp_path_factory):
    """Return a home whose lake is in S3, in which the tiny study has been run."""
    folder = tmp_path_factory.mktemp("remote")
    study = folder / "tiny.yaml"
    study.write_text(TINY_STUDY)
    market = {**yaml.safe_load(TINY_STUDY)["market"], "lake": url}
    (folder / "home").mkdir()
    (folder / "home" / "market.yaml").write_text(yaml.safe_dump(market))
    with nothing_drawn():
        assert run_studies(folder / "home", str(study))
    return folder / "home"


def test_a_study_on_s3_equals_one_on_this_machine(remote, finished_home):
    assert not (remote / "lake").exists()
    assert differences(tables_of(remote), tables_of(finished_home)) == []


def test_the_database_alone_answers_what_is_asked_of_it(remote, finished_home):
    """DuckDB's command line cannot reach the store, so that there is nothing to reach."""
    ask = "SELECT count(*), max(close) FROM price_bars"
    with duckdb.connect(str(remote / "whatif.duckdb"), read_only=True) as connection:
        connection.execute("SET enable_external_access = false")
        found = connection.execute(ask).fetchall()
    home, local = Home.open(remote), Home.open(finished_home)
    confined = functools.partial(run_confined, most_rows=10, seconds=60)
    for one in (home, local):
        assert confined(one, ask).to_numpy().tolist() == [list(found[0])]
    with pytest.raises(BadInput, match="query failed"):
        confined(home, f"FROM read_parquet('{home.market.lake}/*/*.parquet')")


def test_runs_are_audited_and_space_is_measured_in_the_store(remote, finished_home):
    home, local = Home.open(remote), Home.open(finished_home)
    assert len(audit_trail(home)) == len(audit_trail(local))
    (used, there) = (
        {p.name: p.use(h).occupied for p in parts_of_home(h) if p.name == "features"}
        for h in (home, local)
    )
    assert used["features"] > 1000
    assert there["features"] == pytest.approx(used["features"], rel=0.1)


def test_a_lake_that_was_copied_to_a_url_is_not_computed_again(copied_home, undrawn):
    store, before = fsspec.filesystem("memory"), Home.open(copied_home).lake
    store.put(f"{copied_home}/lake", "/copied", recursive=True)
    with (copied_home / "market.yaml").open("a") as market:
        market.write("lake: memory://copied\n")
    assert run_studies(copied_home, "tiny")
    after = Home.open(copied_home).lake
    assert after.folder is None
    for table in ("price_bars", "features", "trained_models", "backtest_results"):
        keys = before.keys(table)
        assert keys and after.keys(table) == keys
        for key in keys:
            assert after.manifest(table, key) == before.manifest(table, key)


def test_a_lake_belongs_to_one_home(remote, tmp_path):
    for name, excepted in (("moved", True), ("other", False)):
        home = Home.open(shutil.copytree(remote, tmp_path / name))
        if excepted:
            with writing(home):
                pass
            continue
        (home.path / ".lake_token").unlink()
        for access in (writing, removing):
            with pytest.raises(BadInput, match="the results of another"), access(home):
                pytest.fail("another home's lake is open")


def test_results_are_removed_from_the_store(remote):
    home = Home.open(remote)
    assert home.lake.has("backtest_results", "tiny.placebo")
    assert remove_results(home, "tiny.placebo") > 1000
    assert not home.lake.keys_with("backtest_results", "*").count("tiny.placebo")
