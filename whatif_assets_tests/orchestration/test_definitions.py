"""The code location loads, and every dependency maps to existing partitions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets import CHAIN
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.observed import OBSERVED

PACKAGE = Path(__file__).parents[2] / "whatif_assets"


@pytest.fixture
def home(tmp_path, tiny_study) -> Home:
    return set_up(tmp_path / "home", tiny_study)[0]


def test_definitions_load_and_validate(home):
    dg.Definitions.validate_loadable(build_definitions(home.path))


def test_the_chain_is_complete_and_described(home):
    assets = build_definitions(home.path).resolve_all_asset_specs()
    names = {spec.key.to_user_string() for spec in assets}
    chain = {module.__name__.rsplit(".", 1)[-1] for module in CHAIN}
    assert names == (chain - {"facts"}) | OBSERVED.keys()  # facts of markets with any
    for spec in assets:
        assert spec.description
        assert spec.kinds
        if spec.key.to_user_string() in OBSERVED:
            assert spec.group_name == "inputs"
        else:
            assert spec.group_name in ("market", "models", "results")
            assert spec.code_version


def test_what_is_observed_is_read_by_an_asset_of_the_chain(home):
    specs = build_definitions(home.path).resolve_all_asset_specs()
    read = {dep.asset_key.to_user_string() for spec in specs for dep in spec.deps}
    assert OBSERVED.keys() <= read


def test_every_dependency_maps_to_at_least_one_parent(home):
    definitions = build_definitions(home.path)
    graph = definitions.resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", ["tiny.linear"])
        with partition_loading_context(dynamic_partitions_store=instance):
            for spec in definitions.resolve_all_asset_specs():
                for parent in graph.get(spec.key).parent_keys:
                    assert parent_partitions(graph, spec.key, parent)


def test_facts_are_upstream_of_what_reads_them(tmp_path, tiny_study):
    facts = "market:\n  facts: {x: {path: x.csv}}\n"
    tiny_study.write_text(tiny_study.read_text().replace("market:\n", facts, 1))
    home, _ = set_up(tmp_path / "home", tiny_study)
    definitions = build_definitions(home.path)
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    children = graph.get(dg.AssetKey("facts")).child_keys
    assert children == {dg.AssetKey("features"), dg.AssetKey("backtest_results")}
    assert definitions.resolve_job_def("collect_facts")


def parent_partitions(graph, child_key, parent_key) -> list[str]:
    """Partitions of the parent that the child's last partition depends on."""
    child = graph.get(child_key).partitions_def
    parent = graph.get(parent_key).partitions_def
    if parent is None:
        return ["the whole"]
    last = None
    if child is not None:
        last = child.subset_with_partition_keys([child.get_last_partition_key()])
    mapping = graph.get_partition_mapping(child_key, parent_key)
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(
        last, child, parent
    )
    return list(result.partitions_subset.get_partition_keys())


def test_session_partitions_are_the_sessions_of_the_calendar(home):
    definitions = build_definitions(home.path)
    bars = definitions.resolve_assets_def("price_bars")
    keys = list(bars.partitions_def.get_partition_keys())
    assert keys == [day.isoformat() for day in home.market.sessions.dates()]
    assert "2026-01-10" not in keys  # a Saturday


def test_a_named_market_prefixes_assets_jobs_and_keys(tmp_path, tiny_study):
    text = tiny_study.read_text().replace("market:\n", "market:\n  name: other\n")
    tiny_study.write_text(text)
    home, _ = set_up(tmp_path / "home", tiny_study)
    definitions = build_definitions(home.path)
    dg.Definitions.validate_loadable(definitions)
    for spec in definitions.resolve_all_asset_specs():
        assert spec.key.path[0] == "other"
        assert all(dep.asset_key.path[0] == "other" for dep in spec.deps)
    assert definitions.resolve_job_def("other_prepare_sessions")


def test_layers_import_only_those_below_them():
    """The contracts are in pyproject.toml."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "Contracts: 5 kept, 0 broken." in done.stdout
