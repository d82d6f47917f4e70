"""The page of every asset explains it, and says nothing that is not so."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest

from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration.asset_columns import ROWS_OF
from whatif_assets.orchestration.asset_pages import AXIS, DOCS, REPOSITORY
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.observed import OBSERVED

ROOT = Path(__file__).parents[2]
WITHOUT_ROWS = {*OBSERVED, "result_quality"}


@pytest.fixture
def home(tmp_path, tiny_study) -> Home:
    facts = "market:\n  facts: {x: {path: x.csv}}\n"
    tiny_study.write_text(tiny_study.read_text().replace("market:\n", facts, 1))
    return set_up(tmp_path / "home", tiny_study)[0]


def specs_of(home: Path) -> dict[str, dg.AssetSpec]:
    specs = build_definitions(home).resolve_all_asset_specs()
    return {spec.key.path[-1]: spec for spec in specs}


def lineage_of(spec: dg.AssetSpec) -> dict[str, set[tuple[str, str]]]:
    found = spec.metadata["dagster/column_lineage"].deps_by_column
    return {
        column: {(one.asset_key.path[-1], one.column_name) for one in deps}
        for column, deps in found.items()
    }


def test_every_page_has_owners_kinds_a_description_code_and_columns(home):
    specs = specs_of(home.path)
    assert len(specs) > 20
    for name, spec in specs.items():
        assert spec.owners == ["team:quants"]
        assert spec.kinds
        assert spec.tags[AXIS] in ("session", "configuration", "study", "whole")
        assert "Read on: `docs/" in spec.description
        for one in spec.metadata["dagster/code_references"].code_references:
            assert Path(one.file_path).is_file(), name
        columns = spec.metadata.get("dagster/column_schema")
        assert bool(columns and columns.columns) == (name not in WITHOUT_ROWS), name


def test_an_asset_is_tagged_with_the_studies_that_use_it(home):
    rules = "configurations: {a: {strategy: ema_cross}}\n"
    folder = home.path / "studies"
    (folder / "rules+1.yaml").write_text(
        f"evaluation: {{method: split, train: 5, holdout: 2}}\n{rules}"
    )
    (folder / "wrong.yaml").write_text("configurations: {a: {strategy: no_such}}\n")
    found = {
        name: {tag for tag in spec.tags if tag.startswith("study/")}
        for name, spec in specs_of(home.path).items()
    }
    both, model, rule = (
        {"study/tiny", "study/rules.1"},
        {"study/tiny"},
        {"study/rules.1"},
    )
    for name in ("source", "price_bars", "session_data", "leaderboard", "verdicts"):
        assert found[name] == both, name
    for name in ("features", "feature_columns", "training_inputs", "model_cards"):
        assert found[name] == model, name
    for name in ("holdout_results", "holdout_inputs"):
        assert found[name] == rule, name
    assert found["facts"] == set()
    graph = build_definitions(home.path).resolve_asset_graph()
    chosen = dg.AssetSelection.from_string('tag:"study/rules.1"').resolve(graph)
    assert {key.path[-1] for key in chosen} == {
        name
        for name, tags in found.items()
        if "study/rules.1" in tags and name not in OBSERVED
    }


def test_a_fact_is_used_by_the_study_that_reads_it(home):
    path = home.path / "studies" / "tiny.yaml"
    read = "features:\n  - last_value: {fact: x}\n"
    path.write_text(path.read_text().replace("features:\n", read, 1))
    assert "study/tiny" in specs_of(home.path)["facts"].tags


def test_the_partitions_are_those_of_the_axis(home):
    for spec in specs_of(home.path).values():
        kinds = {
            dg.TimeWindowPartitionsDefinition: "session",
            dg.DynamicPartitionsDefinition: "configuration",
        }
        if spec.partitions_def is not None:
            assert spec.tags[AXIS] == kinds[type(spec.partitions_def)]


def test_lineage_leads_to_columns_that_exist_upstream(home):
    specs = specs_of(home.path)
    columns = {
        name: {one.name for one in found.columns}
        for name, spec in specs.items()
        if (found := spec.metadata.get("dagster/column_schema"))
    }
    told = [name for name in specs if "dagster/column_lineage" in specs[name].metadata]
    assert {"features", "forecasts", "leaderboard", "best_configuration"} < set(told)
    for name in told:
        upstream = {dep.asset_key.path[-1] for dep in specs[name].deps}
        for column, deps in lineage_of(specs[name]).items():
            assert column in columns[name]
            assert all(one in upstream and read in columns[one] for one, read in deps)


def test_features_are_made_from_what_they_read(home):
    found = lineage_of(specs_of(home.path)["features"])
    assert found["ema_5_close_to_vwap"] == {
        ("price_bars", "close"),
        ("price_bars", "vwap"),
    }


def test_rows_that_are_passed_on_keep_their_columns(finished_home):
    """Compare the values of a finished home with what the lineage says."""
    specs, home = specs_of(finished_home), Home.open(finished_home)
    keys = home.lake.keys("backtest_results")
    tables = {
        "backtest_results": pd.concat(
            home.lake.read("backtest_results", key).assign(configuration=key)
            for key in keys
        ),
        "leaderboard": home.lake.read("leaderboard", "tiny"),
    }
    with duckdb.connect(str(home.database), read_only=True) as database:
        tables["best_configuration"] = database.execute("FROM best_configuration").df()
    for name, other in ROWS_OF.items():
        kept = [
            column
            for column, deps in lineage_of(specs[name]).items()
            if (other, column) in deps
        ]
        assert {"variant", "pnl", "sharpe"} <= set(kept)
        at = ["configuration", "variant"]
        mine = tables[name].set_index(at).sort_index()
        theirs = tables[other].set_index(at).loc[mine.index]
        for column in set(kept) - set(at):
            pd.testing.assert_series_equal(
                mine[column], theirs[column], check_dtype=False
            )


def test_links_lead_to_the_repository_where_it_has_an_address(home, monkeypatch):
    monkeypatch.setenv(REPOSITORY, "https://example.com/main/")
    spec = specs_of(home.path)["leaderboard"]
    references = spec.metadata["dagster/code_references"].code_references
    steps = "https://example.com/main/whatif_assets/steps/leaderboard.py"
    assert steps in [one.url for one in references]
    assert "(https://example.com/main/docs/queries.md)" in spec.description


@pytest.mark.parametrize("page", sorted(set(DOCS.values())))
def test_a_page_of_the_documentation_exists(page):
    file, _, anchor = page.partition("#")
    lines = (ROOT / "docs" / file).read_text().splitlines()
    headings = [one.strip("# ") for one in lines if one.startswith("#")]
    assert not anchor or anchor in [one.lower().replace(" ", "-") for one in headings]


def test_a_wrong_study_leaves_the_pages(home):
    (home.studies_folder / "wrong.yaml").write_text("configurations: {a: {}}\n")
    assert specs_of(home.path)["features"].metadata["dagster/column_schema"].columns
