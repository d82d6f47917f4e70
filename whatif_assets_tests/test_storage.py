"""Files of Dagster's event log stay open, and stay Dagster's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from whatif_assets.storage import OpenEventLog

ROOT = Path(__file__).parents[1]
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(DAYS))
def daily(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Say which day it is."""
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
