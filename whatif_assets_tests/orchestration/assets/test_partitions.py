"""A failure leaves other keys recorded; a date that is not a session is refused."""

from __future__ import annotations

import sys

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
)

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets_tests.lake_files import folder_of

CONFIGURATION_ASSETS = ["trained_models", "forecasts", "backtest_results"]


@pytest.fixture
def home(tmp_path, tiny_study):
    return set_up(tmp_path / "home", tiny_study)[0]


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def launch(home, instance, job, first, last, assets=None):
    selection = [dg.AssetKey(asset) for asset in assets] if assets else None
    return (
        build_definitions(home.path)
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            asset_selection=selection,
            raise_on_error=False,
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first,
                ASSET_PARTITION_RANGE_END_TAG: last,
            },
        )
    )


def failure_of(result) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data.description


def recorded(instance, asset) -> dict:
    """Return the latest materialisation of each partition."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
    latest = {}
    for record in records:
        latest.setdefault(record.asset_materialization.partition, record)
    return {k: v.asset_materialization for k, v in latest.items()}


def test_a_range_is_one_run_and_records_every_session(home, instance):
    result = launch(home, instance, "prepare_sessions", "2026-01-05", "2026-01-12")
    assert result.success
    bars = recorded(instance, "price_bars")
    assert sorted(bars) == [
        "2026-01-05",
        "2026-01-06",
        "2026-01-07",
        "2026-01-08",
        "2026-01-09",
        "2026-01-12",
    ]
    assert {record.metadata["rows"].value for record in bars.values()} == {780}
    versions = {record.tags["dagster/data_version"] for record in bars.values()}
    assert len(versions) == len(bars)
    assert recorded(instance, "features").keys() == bars.keys()


@pytest.mark.parametrize("day", ["2026-01-10", "2026-01-19", "2025-12-31"])
def test_a_date_that_is_no_session_is_refused(home, instance, day):
    result = launch(home, instance, "prepare_sessions", day, day, ["price_bars"])
    assert not result.success
    assert f"{day} is not a session of XNYS" in failure_of(result)
    assert recorded(instance, "price_bars") == {}
    assert home.lake.keys("price_bars") == []


def test_a_range_that_ends_on_no_session_is_refused(home, instance):
    result = launch(home, instance, "prepare_sessions", "2026-01-09", "2026-01-11")
    assert "2026-01-11 is not a session of XNYS" in failure_of(result)
    assert recorded(instance, "price_bars") == {}


def test_a_failed_session_leaves_the_others_recorded_and_is_named(home, instance):
    assert launch(
        home, instance, "prepare_sessions", "2026-01-05", "2026-01-12", ["price_bars"]
    ).success
    (folder_of(home.lake, "price_bars", "2026-01-09") / "data.parquet").write_bytes(
        b"broken"
    )
    result = launch(
        home, instance, "prepare_sessions", "2026-01-08", "2026-01-09", ["features"]
    )
    assert not result.success
    assert "1 of 2 partitions failed" in failure_of(result)
    assert "- 2026-01-09:" in failure_of(result)
    assert list(recorded(instance, "features")) == ["2026-01-08"]
    assert home.lake.keys("features") == ["2026-01-08"]


def test_features_without_their_warm_up_are_refused(home, instance):
    launch(
        home, instance, "prepare_sessions", "2026-01-12", "2026-01-12", ["price_bars"]
    )
    result = launch(
        home, instance, "prepare_sessions", "2026-01-12", "2026-01-12", ["features"]
    )
    assert "price_bars of session 2026-01-09: not materialised yet" in failure_of(
        result
    )


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("tiny.linear~l3=1", "l3: unknown field"),
        ("tiny.liner", "Did you mean 'linear'?"),
        ("other.linear", "There is no study 'other'"),
    ],
)
def test_a_bad_key_fails_with_the_field_named(home, instance, key, says):
    instance.add_dynamic_partitions("configurations", [key])
    result = launch(home, instance, "evaluate_configurations", key, key)
    assert not result.success
    assert says in failure_of(result)


def test_the_sensor_registers_configurations_and_keeps_what_ifs(home, instance):
    instance.add_dynamic_partitions("configurations", ["tiny.linear~horizon=9"])
    definitions = build_definitions(home.path)
    sensor = definitions.resolve_sensor_def("register_configurations")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    context = dg.build_sensor_context(instance=instance)
    result = sensor(context)
    (request,) = result.dynamic_partitions_requests
    assert list(request.partition_keys) == [
        "tiny.linear",
        "tiny.forest~max_depth=2",
        "tiny.forest~max_depth=3",
        "tiny.hold",
        "tiny.placebo",
    ]


def test_the_sensor_reports_a_faulty_study_and_registers_the_others(home, instance):
    (home.studies_folder / "wrong.yaml").write_text("configurations: {a: {}}\n")
    sensor = build_definitions(home.path).resolve_sensor_def("register_configurations")
    result = sensor(dg.build_sensor_context(instance=instance))
    assert "wrong.yaml" in result.skip_reason.skip_message
    assert len(result.dynamic_partitions_requests[0].partition_keys) == 5


def backfill_two(home, instance, assets):
    """Run two keys, one of them unknown, as a backfill of some assets does."""
    keys = ["tiny.gone", "tiny.hold"]
    instance.add_dynamic_partitions("configurations", keys)
    backfill = PartitionBackfill(
        backfill_id="one",
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=0.0,
        asset_selection=[dg.AssetKey(asset) for asset in assets],
    )
    instance.add_backfill(backfill)
    definitions = build_definitions(home.path)
    tags = {
        ASSET_PARTITION_RANGE_START_TAG: keys[0],
        ASSET_PARTITION_RANGE_END_TAG: keys[1],
        BACKFILL_ID_TAG: "one",
    }
    result = definitions.resolve_job_def("evaluate_configurations").execute_in_process(
        instance=instance, raise_on_error=False, tags=tags
    )
    assert not result.success
    assert "tiny.gone" in failure_of(result)
    return definitions


def test_a_failed_key_of_a_backfill_is_recorded_without_a_version_and_as_failed(
    home, instance
):
    """So a backfill continues with assets that depend on all keys."""
    backfill_two(home, instance, [*CONFIGURATION_ASSETS, "leaderboard"])
    for asset in ("trained_models", "forecasts"):
        found = recorded(instance, asset)
        assert found.keys() == {"tiny.gone", "tiny.hold"}
        assert found["tiny.gone"].tags["dagster/data_version"] == "NULL"
        assert found["tiny.gone"].metadata["failed"].value
        assert found["tiny.hold"].tags["dagster/data_version"] != "NULL"
        store = instance.event_log_storage
        left = store.get_latest_asset_partition_materialization_attempts_without_materializations(
            dg.AssetKey(asset)
        )
        assert left.keys() == {"tiny.gone"}


def test_a_failed_key_has_no_record_where_its_backfill_ends_with_it(home, instance):
    """So the backfill ends as failed: a record that a failed run planned is missing."""
    backfill_two(home, instance, CONFIGURATION_ASSETS)
    assert recorded(instance, "trained_models").keys() == {"tiny.hold"}


def test_the_quality_of_results_fails_in_a_backfill_with_a_failed_key(home, instance):
    """So the backfill ends as failed, although it continued after the key."""
    definitions = backfill_two(home, instance, [*CONFIGURATION_ASSETS, "leaderboard"])
    job = definitions.resolve_job_def("rank_configurations")
    selection = [dg.AssetKey("result_quality")]
    result = job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        asset_selection=selection,
        tags={BACKFILL_ID_TAG: "one"},
    )
    assert not result.success and not recorded(instance, "result_quality")
    assert "trained_models: tiny.gone: Configuration tiny.gone" in failure_of(result)
    assert job.execute_in_process(instance=instance, asset_selection=selection).success


@pytest.mark.parametrize(
    ("fails", "computed"), [("backtest_results", True), ("forecasts", False)]
)
def test_a_failure_keeps_only_what_depends_on_it_from_being_computed(
    copied_home, instance, monkeypatch, fails, computed
):
    """Forecasts are measured beside the backtest, which comes first."""

    def _fails(*_):
        raise BadInput("on purpose")

    home, key = Home.open(copied_home), "tiny.linear"
    assets = ["forecasts", "backtest_results", "forecast_quality"]
    for table in assets[1:] if fails == "backtest_results" else assets:
        home.lake.begin(table, key)
    name = {"backtest_results": "evaluate", "forecasts": "forecast"}[fails]
    module = f"whatif_assets.orchestration.assets.{fails}"
    monkeypatch.setattr(sys.modules[module], name, _fails)
    instance.add_dynamic_partitions("configurations", [key])
    result = launch(home, instance, "evaluate_configurations", key, key, assets)
    assert "on purpose" in failure_of(result)
    assert home.lake.has("forecast_quality", key) == computed
