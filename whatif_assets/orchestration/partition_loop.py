"""The one way in which the assets of an axis go through the partitions of a run.

The assets of an axis are computed by one step of Dagster, one after the other. Were
each a step of its own, a partition that fails would fail its step, and Dagster would
then skip what depends on the step for every partition.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput, faults
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import NEW, Manifest
from whatif_assets.home.run_history import RunEntry, in_words, write_run_history
from whatif_assets.orchestration.backfills import goes_on_after
from whatif_assets.orchestration.claims import claim_name
from whatif_assets.orchestration.dagster_private import AssetMaterializationPlannedData
from whatif_assets.orchestration.observed import observe
from whatif_assets.orchestration.page_link import offer_pictures
from whatif_assets.orchestration.partitions import asked_partitions
from whatif_assets.orchestration.progress import Progress
from whatif_assets.orchestration.records import (
    NO_VERSION,
    Provenance,
    Result,
    keep_shown,
    kept_shown,
    latest_version,
    now,
    shown_values,
)
from whatif_assets.orchestration.resources import Compute
from whatif_assets.orchestration.storage import written_together
from whatif_assets.report.drawing import Picture, draw_beside

SECONDS_BETWEEN_LOG_LINES = 5.0
# Records that wait for their pictures while the next partitions are computed.
MOST_WAITING = 2
# Records of quick partitions are written together: a commit takes longer than many.
SECONDS_BETWEEN_RECORDS = 1.0


@dataclass(frozen=True)
class Task:
    """What a stage is to do in a run: for which keys, of which home, and on what."""

    home: Home
    compute: Compute
    keys: Sequence[str]


@dataclass(frozen=True)
class Step:
    """The work of a stage in a run.

    Attributes
    ----------
    work
        Does one partition: takes its key, writes, and says what it wrote.
    inputs
        Hashes of what a key's partition would be computed from, by part.
    """

    work: Callable[[str], Result]
    inputs: Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class Stage:
    """One asset of an axis: what Dagster shows of it, and how it is computed."""

    spec: dg.AssetSpec
    prepare: Callable[[Task], Step]

    @property
    def name(self) -> str:
        """Name of the asset, and of its table in the lake."""
        return self.spec.key.path[-1]


def run_stages(
    context: dg.AssetExecutionContext,
    home: Home,
    compute: Compute,
    stages: Sequence[Stage],
) -> Iterator[dg.MaterializeResult[None]]:
    """Do the work of an axis's assets for every partition of the run.

    A partition is reused where computing it would change nothing. Each key that
    succeeds is recorded by itself, with its own metadata and versions, whatever happens
    to the others; a key that failed is left out by the assets after. The step fails at
    the end if any key failed.

    Parameters
    ----------
    context
        The step's context, for one partition or a range.
    home
        The home whose lake the work writes to.
    compute
        Where models are fitted and features computed.
    stages
        The assets of the axis, in the order of the chain.

    Raises
    ------
    dagster.Failure
        A key asked for is no partition, or some keys failed; the message names each
        one with its reason.
    """
    keys = _claimed_keys(context, home)
    chosen = {key.path[-1]: key for key in context.selected_asset_keys}
    observe(home, context.instance, compute.forced_backend, of=chosen, keys=keys)
    if len(keys) > 1:
        draw_beside()
    recorders: list[_Recorder] = []
    failed: dict[str, str] = {}
    for stage in stages:
        if stage.name not in chosen:
            continue
        recorder = _Recorder(context, home, stage.name, chosen[stage.name])
        recorders.append(recorder)
        task = Task(home, compute, [key for key in keys if key not in failed])
        recorder.go_through(task, stage, blocked=failed)
        failed |= {key: stage.name for key in recorder.failures}
    if any(recorder.failures for recorder in recorders):
        text = "\n".join(r.failure_text(len(keys)) for r in recorders if r.failures)
        raise dg.Failure(description=text, allow_retries=False)
    if _others_follow(context):
        yield from _for_those_that_follow(recorders)


def _claimed_keys(context: dg.AssetExecutionContext, home: Home) -> list[str]:
    try:
        claim_name(home, context.instance)
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    return asked_partitions(context, home)


def _others_follow(context: dg.AssetExecutionContext) -> bool:
    """Whether the run has other steps, which Dagster skips without an output of this.

    An output makes Dagster record every partition once more, so there is none where
    nobody waits for it.
    """
    asked = context.run.asset_selection
    every = context.job_def.asset_layer.executable_asset_keys
    return bool(set(every if asked is None else asked) - context.selected_asset_keys)


def _for_those_that_follow(
    recorders: Sequence[_Recorder],
) -> Iterator[dg.MaterializeResult[None]]:
    """Give outputs, and the records of the keys once more, as the latest is shown."""
    for recorder in recorders:
        yield dg.MaterializeResult(asset_key=recorder.asset_key)
        recorder.record_again()


class _Recorder:
    """Runs the work of one asset key by key, and records each key."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        home: Home,
        table: str,
        asset_key: dg.AssetKey,
    ) -> None:
        self._context, self._home, self._table = context, home, table
        self.asset_key = asset_key
        spec = context.assets_def.specs_by_key[asset_key]
        self._provenance = Provenance.now(context.instance, spec)
        self._code_version = self._provenance.code_version
        self._is_awaited = goes_on_after(context, table)
        self._waiting: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = []
        self._recorded: list[dg.AssetMaterialization] = []
        self._unwritten: list[dg.AssetMaterialization] = []
        self._last_written = self._last_line = time.monotonic()
        self._entries: list[RunEntry] = []
        self.failures: dict[str, str] = {}
        self.left_out: list[str] = []

    def go_through(self, task: Task, stage: Stage, blocked: Mapping[str, str]) -> None:
        """Do the work for every key, also if it is interrupted after some of them."""
        progress = Progress(self._table, len(task.keys))
        progress.tell()
        try:
            if step := self._prepared(task, stage):
                for key in task.keys:
                    self._attempt(key, step)
                    progress.advance(key)
                    self._tell(progress)
        finally:
            self._record(len(self._waiting))
            self._write()
            write_run_history(
                self._home.lake, self._context.run.run_id, self._table, self._entries
            )
        for key, before in blocked.items():
            self.left_out.append(key)
            self._record_failure(key, f"not computed, as {before} failed")
        self._context.log.info(in_words(self._table, self._entries))

    def _prepared(self, task: Task, stage: Stage) -> Step | None:
        """The step, or None where what all keys need is at fault: so all failed."""
        try:
            return stage.prepare(task)
        except BadInput as error:
            for key in task.keys:
                self._fail(key, str(error), time.monotonic())
        return None

    def _attempt(self, key: str, step: Step) -> None:
        started = time.monotonic()
        try:
            asked = {**step.inputs(key), "code": self._code_version}
            manifest = self._home.lake.manifest(self._table, key)
            why = self._home.lake.why_computed(self._table, key, asked)
            result = step.work(key) if why or manifest is None else None
        except BadInput as error:
            self._fail(key, str(error), started)
        except Exception as error:
            # The other partitions go on, so the traceback is kept in the log.
            self._context.log.exception(f"{self._table} of {key} failed")
            self._fail(key, f"{type(error).__name__}: {error}", started)
        else:
            if result is not None:
                before = manifest.data_version if manifest else None
                status = "unchanged" if before == result.data_version else "computed"
                seconds = time.monotonic() - started
                self._succeed(key, status, why, result, asked, seconds)
            elif manifest is not None:
                self._reuse(key, manifest)

    def _fail(self, key: str, reason: str, started: float) -> None:
        self.failures[key] = reason
        self._context.log.error(f"{self._table} of {key}: {reason}")
        seconds = time.monotonic() - started
        self._entries.append(
            RunEntry.of(key, "failed", reason, self._code_version, seconds=seconds)
        )
        self._record_failure(key, reason)

    def _record_failure(self, key: str, reason: str) -> None:
        """Record without a version that a key was tried, where that has to be known.

        That is where a backfill goes on after it, and where the lake has lost what was
        recorded before. A partition counts as failed if it was planned after its last
        record: so it is planned once more.
        """
        if not self._is_awaited and not self._is_lost(key):
            return
        self._log(key, NO_VERSION, {"failed": reason})
        self._write()
        self._context.instance.report_dagster_event(
            dg.DagsterEvent.build_asset_materialization_planned_event(
                self._context.job_name,
                str(self._context.op_execution_context.op_handle),
                AssetMaterializationPlannedData(self.asset_key, partition=key),
            ),
            self._context.run.run_id,
        )

    def _is_lost(self, key: str) -> bool:
        """Whether a partition was recorded, and the lake no longer has it."""
        if self._home.lake.has(self._table, key):
            return False
        instance = self._context.instance
        return latest_version(instance, self.asset_key, key) != NO_VERSION

    def _succeed(
        self,
        key: str,
        status: str,
        why: str,
        result: Result,
        inputs: Mapping[str, str],
        seconds: float,
    ) -> None:
        manifest = Manifest(
            data_version=result.data_version,
            inputs={**(result.inputs or inputs), "code": self._code_version},
            rows=result.rows,
            run_id=self._context.run.run_id,
            code_version=self._code_version,
            finished_at=now(),
            seconds=round(seconds, 3),
            details=dict(result.details),
        )
        self._home.lake.finish(self._table, key, manifest)
        self._entries.append(
            RunEntry.of(key, status, why, self._code_version, manifest)
        )
        if why != NEW:
            self._context.log.info(f"{self._table} of {key}: {status}, {why}")
        told = {
            "rows": result.rows,
            "seconds": round(seconds, 3),
            "why": f"{why}; it is the same as before" if status == "unchanged" else why,
        }
        self._wait(key, result.data_version, told, result.metadata)

    def _reuse(self, key: str, manifest: Manifest) -> None:
        self._entries.append(
            RunEntry.of(key, "reused", "", self._code_version, manifest)
        )
        told = {
            "rows": manifest.rows,
            "reused": f"Nothing changed since run {manifest.run_id}.",
        }
        shown = kept_shown(self._home.lake, self._table, key)
        self._log(key, manifest.data_version, {**told, **shown})

    def _wait(
        self,
        key: str,
        version: str,
        told: Mapping[str, Any],
        shown: Mapping[str, Any],
    ) -> None:
        """Record a key at once, or where it has pictures, when they may be drawn."""
        self._waiting.append((key, version, told, shown))
        drawn = any(isinstance(value, Picture) for value in shown.values())
        self._record(len(self._waiting) - (MOST_WAITING if drawn else 0))

    def _record(self, count: int) -> None:
        """Record the keys that have waited longest, and keep what is shown of them."""
        for _ in range(count):
            key, version, told, metadata = self._waiting.pop(0)
            shown = shown_values(metadata)
            self._log(key, version, {**told, **shown})
            keep_shown(self._home.lake, self._table, key, shown)

    def _log(self, key: str, version: str, metadata: Mapping[str, Any]) -> None:
        event = dg.AssetMaterialization(
            self.asset_key,
            partition=key,
            metadata=offer_pictures(metadata, self._context.instance),
            tags=self._provenance.tags(version),
        )
        self._recorded.append(event)
        self._unwritten.append(event)
        if time.monotonic() - self._last_written > SECONDS_BETWEEN_RECORDS:
            self._write()

    def record_again(self) -> None:
        """Record every key once more, where Dagster has recorded the whole range."""
        self._unwritten = list(self._recorded)
        self._write()

    def _write(self) -> None:
        """Give Dagster the records that it does not have yet."""
        with written_together(self._context.instance):
            for event in self._unwritten:
                self._context.log_event(event)
        self._unwritten.clear()
        self._last_written = time.monotonic()

    def _tell(self, progress: Progress) -> None:
        """Write a log line now and then, so that the UI shows how far it is."""
        last = progress.done == progress.total
        if last or time.monotonic() - self._last_line > SECONDS_BETWEEN_LOG_LINES:
            self._context.log.info(str(progress))
            self._last_line = time.monotonic()

    def failure_text(self, total: int) -> str:
        """Name the keys that failed, each with its reason."""
        lines = [f"- {fault}" for fault in faults(self.failures)]
        return (
            f"{self._table}: {len(self.failures)} of {total} partitions failed, the "
            "others are recorded.\n" + "\n".join(lines)
        )
