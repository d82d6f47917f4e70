"""Files of Dagster's event log stay open, and keep Dagster's format."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from whatif_assets.orchestration.storage import OpenEventLog, batched_events

ROOT = Path(__file__).parents[2]
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(DAYS))
def daily(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Record the partition key as metadata."""
    return dg.MaterializeResult(metadata={"day": context.partition_key})


@contextmanager
def opened(
    folder: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    (folder / "dagster.yaml").write_text(config)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder))) as instance:
        yield instance


def run_day(instance: dg.DagsterInstance, day: str) -> str:
    result = dg.materialize([daily], instance=instance, partition_key=day)
    assert result.success
    return result.run_id


OURS = (ROOT / "dagster.yaml").read_text()
DAGSTERS = "telemetry: {enabled: false}\n"


@pytest.mark.parametrize(("writer", "reader"), [(OURS, DAGSTERS), (DAGSTERS, OURS)])
def test_each_storage_goes_on_with_what_the_other_wrote(
    writer: str, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, writer, monkeypatch) as instance:
        first = run_day(instance, DAYS[0])
        written = [record.message for record in instance.all_logs(first)]
    with opened(tmp_path, reader, monkeypatch) as instance:
        assert [record.message for record in instance.all_logs(first)] == written
        run_day(instance, DAYS[1])
        assert instance.get_materialized_partitions(daily.key) == set(DAYS[:2])


def test_the_projects_home_keeps_two_files_open_however_many_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, OURS, monkeypatch) as instance:
        log = instance.event_log_storage
        assert isinstance(log, OpenEventLog)
        runs = [run_day(instance, day) for day in DAYS]
        assert len({len(instance.all_logs(run)) for run in runs}) == 1
        assert set(log._open) == {"index", runs[2]}


def schema(folder: Path) -> list[tuple[object, ...]]:
    """Return the tables, the stamp and the journal of each file in a folder."""
    found = []
    for file in sorted(folder.glob("**/*.db")):
        with closing(sqlite3.connect(file)) as connection:
            rows = connection.execute("SELECT type, name, sql FROM sqlite_master")
            tables = sorted(map(str, rows))
            (stamp,) = connection.execute("SELECT * FROM alembic_version").fetchall()
            (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        kind = file.stem if file.stem in ("index", "runs", "schedules") else "log"
        found.append((kind, tables, stamp, journal))
    return sorted(found)


def test_new_files_have_the_tables_and_the_version_of_dagsters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, config in (("ours", OURS), ("dagsters", DAGSTERS)):
        (tmp_path / name).mkdir()
        with opened(tmp_path / name, config, monkeypatch) as instance:
            run_day(instance, DAYS[0])
            run_day(instance, DAYS[1])
    ours = schema(tmp_path / "ours")
    assert ours == schema(tmp_path / "dagsters")
    assert len(ours) >= 5


def test_a_file_that_another_process_made_first_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process makes it between the look and the creation."""
    with opened(tmp_path, OURS, monkeypatch) as instance:
        first = run_day(instance, DAYS[0])
        count = len(instance.all_logs(first))
    unseen = lambda path: path.suffix != ".db" and os.path.lexists(path)  # noqa: E731
    monkeypatch.setattr(Path, "exists", unseen)
    with opened(tmp_path, OURS, monkeypatch) as instance:
        assert len(instance.all_logs(first)) == count


def test_a_wiped_history_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, OURS, monkeypatch) as instance:
        gone = run_day(instance, DAYS[0])
        instance.wipe()
        assert instance.all_logs(gone) == []
        run_day(instance, DAYS[1])
        assert instance.get_materialized_partitions(daily.key) == {DAYS[1]}


def test_a_closed_storage_lets_its_files_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, OURS, monkeypatch) as instance:
        run_day(instance, DAYS[0])
    shutil.rmtree(tmp_path / "history")
    with opened(tmp_path, OURS, monkeypatch) as instance:
        run_day(instance, DAYS[1])
        assert instance.get_materialized_partitions(daily.key) == {DAYS[1]}


def materialisations(count: int) -> list[dg.AssetMaterialization]:
    """Return records of two assets in turn, each with a data version."""
    return [
        dg.AssetMaterialization(
            f"asset_{n % 2}",
            partition=str(n),
            tags={"dagster/data_version": f"version {n}"},
        )
        for n in range(count)
    ]


@dg.op
def several(context: dg.OpExecutionContext) -> None:
    """Record five partitions of two assets, and write a log line."""
    with batched_events(context.instance):
        for event in materialisations(5):
            context.log_event(event)
        context.log.info("recorded")


def recorded(instance: dg.DagsterInstance) -> list[object]:
    """Return what Dagster shows for both assets, and for the run, after `several`."""
    job = dg.GraphDefinition("job", node_defs=[several])
    run = job.execute_in_process(instance=instance)
    log, found = instance.event_log_storage, []
    for key in (dg.AssetKey("asset_0"), dg.AssetKey("asset_1")):
        (record,) = log.get_asset_records([key])
        last = record.asset_entry.last_materialization
        assert last is not None
        assert last.asset_materialization is not None
        kind, tag = dg.DagsterEventType.ASSET_MATERIALIZATION, "dagster/data_version"
        versions = log.get_latest_tags_by_partition(key, kind, [tag])
        found += [last.asset_materialization.partition, versions]
    messages = [one.message for one in instance.all_logs(run.run_id)]
    return [*found, [one for one in messages if one.startswith("Materialized")]]


def test_events_written_together_are_as_those_written_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagsters").mkdir()
    with opened(tmp_path, OURS, monkeypatch) as instance:
        ours = recorded(instance)
    with opened(tmp_path / "dagsters", DAGSTERS, monkeypatch) as instance:
        assert recorded(instance) == ours
    assert ours[::2] == [
        "4",
        "3",
        [f"Materialized value asset_{n}." for n in (0, 1, 0, 1, 0)],
    ]


def test_events_are_written_where_what_comes_after_them_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, OURS, monkeypatch) as instance:
        with pytest.raises(ZeroDivisionError), batched_events(instance):
            instance.report_runless_asset_event(materialisations(1)[0])
            _ = 1 / 0
        assert instance.get_materialized_partitions(dg.AssetKey("asset_0")) == {"0"}
