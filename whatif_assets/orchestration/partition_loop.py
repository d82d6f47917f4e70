"""The loop over the partitions of a run, shared by all assets of an axis.

One Dagster step computes the assets of an axis. With one step per asset, one failed
partition would fail the step, and Dagster would skip all partitions downstream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput, faults
from whatif_assets.home.home import Home
from whatif_assets.home.in_use import computing, writing
from whatif_assets.home.manifest import NEW, Manifest
from whatif_assets.home.run_history import RunEntry, in_words, write_run_history
from whatif_assets.orchestration.backfills import continues_after
from whatif_assets.orchestration.claims import claim_name
from whatif_assets.orchestration.dagster_private import AssetMaterializationPlannedData
from whatif_assets.orchestration.observed import observe
from whatif_assets.orchestration.page_link import offer_pictures
from whatif_assets.orchestration.partitions import requested_partitions
from whatif_assets.orchestration.progress import Progress
from whatif_assets.orchestration.records import (
    NO_VERSION,
    Provenance,
    Result,
    latest_version,
    metadata_values,
    now,
    store_metadata,
    stored_metadata,
)
from whatif_assets.orchestration.resources import Compute
from whatif_assets.orchestration.storage import batched_events
from whatif_assets.report.drawing import Picture, start_drawing_process
from whatif_assets.sources.secrets import without_secrets
from whatif_assets.steps.freshness import Freshness

SECONDS_BETWEEN_LOG_LINES = 5.0
# How many records may wait for their pictures while the next partitions are computed.
MOST_WAITING = 2
# A commit takes longer than the work on many quick partitions, so batches are written.
SECONDS_BETWEEN_RECORDS = 1.0


@dataclass(frozen=True)
class Task:
    """The task of a stage in a run: the home, the engines and the partition keys."""

    home: Home
    compute: Compute
    keys: Sequence[str]


@dataclass(frozen=True)
class Step:
    """The work of a stage in a run.

    Attributes
    ----------
    work
        Computes and writes the partition of a key, and returns its result.
    inputs
        Returns the hashes of everything that a partition is computed from, by part.
    """

    work: Callable[[str], Result]
    inputs: Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class Stage:
    """One asset of an axis: its specification for Dagster, and how it is computed."""

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
    """Compute the assets of an axis for every partition of the run.

    A partition whose inputs are unchanged is reused. Each key that succeeds is recorded
    by itself, even if other keys fail. The assets that depend on an asset skip the keys
    that failed in it. If any key failed, the step fails at the end.

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
        A requested key is not a partition, or some keys failed, each with its reason.
    """
    keys = _claimed_keys(context, home)
    chosen = {key.path[-1]: key for key in context.selected_asset_keys}
    fresh = Freshness(home, compute.forced_backend)
    observe(fresh, context.instance, of=chosen, keys=keys)
    recorders, failed = list[_Recorder](), dict[str, str]()
    for stage in stages:
        if stage.name not in chosen:
            continue
        recorder = _Recorder(context, home, stage.name, chosen[stage.name])
        recorders.append(recorder)
        needed = _upstream(stage, stages)
        blocked = {key: name for key, name in failed.items() if name in needed}
        task = Task(home, compute, [key for key in keys if key not in blocked])
        with writing(home):
            recorder.compute(task, stage, blocked)
        failed |= {key: stage.name for key in recorder.failures}
    if texts := [r.failure_text(len(keys)) for r in recorders if r.failures]:
        raise dg.Failure(description="\n".join(texts), allow_retries=False)
    if _has_later_steps(context):
        yield from _outputs(recorders)


def _upstream(stage: Stage, stages: Sequence[Stage]) -> set[str]:
    """Return the names of the stages that a stage depends on, directly or not."""
    direct = {dep.asset_key.path[-1] for dep in stage.spec.deps}
    before = [one for one in stages if one.name in direct]
    return direct.union(*(_upstream(one, stages) for one in before))


def _claimed_keys(context: dg.AssetExecutionContext, home: Home) -> list[str]:
    try:
        claim_name(home, context.instance)
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    return requested_partitions(context, home)


def _has_later_steps(context: dg.AssetExecutionContext) -> bool:
    """Whether the run has other steps, which Dagster skips if this one has no output.

    For an output, Dagster records every partition once more. So outputs are left out
    where no other step needs them.
    """
    selected = context.run.asset_selection
    every = context.job_def.asset_layer.executable_asset_keys
    asked = set(every if selected is None else selected)
    return bool(asked - context.selected_asset_keys)


def _outputs(recorders: Sequence[_Recorder]) -> Iterator[dg.MaterializeResult[None]]:
    """Yield the outputs of the assets.

    Dagster then records the whole range and shows the latest record, so the records of
    the keys are written once more after it.
    """
    for recorder in recorders:
        yield dg.MaterializeResult(asset_key=recorder.asset_key)
        recorder.record_again()


class _Recorder:
    """Computes one asset key by key, and records each key."""

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
        self._backfill_continues = continues_after(context, table)
        self._waiting: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = []
        self._recorded: list[dg.AssetMaterialization] = []
        self._unwritten: list[dg.AssetMaterialization] = []
        self._last_written = self._last_line = time.monotonic()
        self._entries: list[RunEntry] = []
        self.failures: dict[str, str] = {}
        self.left_out: list[str] = []

    def compute(self, task: Task, stage: Stage, blocked: Mapping[str, str]) -> None:
        """Compute and record every key; if interrupted, record those that are done.

        Parameters
        ----------
        task
            The home, the engines and the keys.
        stage
            The asset.
        blocked
            Keys that failed before, each with the table that failed.
        """
        progress, say = Progress(self._table, len(task.keys)), self._context.log.info
        progress.notify()
        try:
            if step := self._prepared(task, stage):
                for key in task.keys:
                    with computing(task.home, self._table, key, say):
                        self._attempt(key, step, several=len(task.keys) > 1)
                    progress.advance(key)
                    self._log_progress(progress)
        finally:
            self._record(len(self._waiting))
            self._write()
            of_run = self._context.run.run_id, self._table, self._entries
            write_run_history(self._home.lake, *of_run)
        for key, before in blocked.items():
            self.left_out.append(key)
            self._record_failure(key, f"not computed, as {before} failed")
        say(in_words(self._table, self._entries))

    def _prepared(self, task: Task, stage: Stage) -> Step | None:
        """Return the step; or fail all keys and return None where it is impossible."""
        try:
            return stage.prepare(task)
        except BadInput as error:
            for key in task.keys:
                self._fail(key, str(error), time.monotonic())
        return None

    def _attempt(self, key: str, step: Step, several: bool) -> None:
        started = time.monotonic()
        try:
            inputs = {**step.inputs(key), "code": self._code_version}
            manifest = self._home.lake.manifest(self._table, key)
            why = self._home.lake.why_computed(self._table, key, inputs)
            needed = bool(why) or manifest is None
            if needed and several:
                start_drawing_process()
            result = step.work(key) if needed else None
        except BadInput as error:
            self._fail(key, str(error), started)
        except Exception as error:
            # The run continues with other partitions, so the log keeps the traceback.
            self._context.log.exception(f"{self._table} of {key} failed")
            self._fail(key, f"{type(error).__name__}: {error}", started)
        else:
            if result is not None:
                before = manifest.data_version if manifest else None
                status = "unchanged" if before == result.data_version else "computed"
                seconds = time.monotonic() - started
                self._succeed(key, status, why, result, inputs, seconds)
            elif manifest is not None:
                self._reuse(key, manifest)

    def _fail(self, key: str, reason: str, started: float) -> None:
        reason = without_secrets(reason)  # a user's code may raise what it was given
        self.failures[key] = reason
        self._context.log.error(f"{self._table} of {key}: {reason}")
        seconds = time.monotonic() - started
        entry = RunEntry.of(key, "failed", reason, self._code_version, seconds=seconds)
        self._entries.append(entry)
        self._record_failure(key, reason)

    def _record_failure(self, key: str, reason: str) -> None:
        """Record a failed key without a version, where Dagster has to know of it.

        This is needed in two cases: a backfill continues after this axis, or the lake
        has lost a partition that was recorded before. Dagster counts a partition as
        failed if it was planned after its last record, so it is planned once more.
        """
        if not self._backfill_continues and not self._is_lost(key):
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
        """Whether a partition was recorded but is no longer in the lake."""
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
        entry = RunEntry.of(key, status, why, self._code_version, manifest)
        self._entries.append(entry)
        if why != NEW:
            self._context.log.info(f"{self._table} of {key}: {status}, {why}")
        summary = {
            "rows": result.rows,
            "seconds": round(seconds, 3),
            "why": f"{why}; it is the same as before" if status == "unchanged" else why,
        }
        self._enqueue(key, result.data_version, summary, result.metadata)

    def _reuse(self, key: str, manifest: Manifest) -> None:
        entry = RunEntry.of(key, "reused", "", self._code_version, manifest)
        self._entries.append(entry)
        summary = {
            "rows": manifest.rows,
            "reused": f"Nothing changed since run {manifest.run_id}.",
        }
        shown = stored_metadata(self._home.lake, self._table, key)
        self._log(key, manifest.data_version, {**summary, **shown})

    def _enqueue(
        self,
        key: str,
        version: str,
        summary: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> None:
        """Record a key now; or later if it has pictures, which may still be drawn."""
        self._waiting.append((key, version, summary, metadata))
        has_picture = any(isinstance(value, Picture) for value in metadata.values())
        self._record(len(self._waiting) - (MOST_WAITING if has_picture else 0))

    def _record(self, count: int) -> None:
        """Record the keys that have waited longest, and store their metadata."""
        for _ in range(count):
            key, version, summary, metadata = self._waiting.pop(0)
            shown = metadata_values(metadata)
            self._log(key, version, {**summary, **shown})
            store_metadata(self._home.lake, self._table, key, shown)

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
        """Record every key once more, after Dagster has recorded the whole range."""
        self._unwritten = list(self._recorded)
        self._write()

    def _write(self) -> None:
        """Pass the new records to Dagster."""
        with batched_events(self._context.instance):
            for event in self._unwritten:
                self._context.log_event(event)
        self._unwritten.clear()
        self._last_written = time.monotonic()

    def _log_progress(self, progress: Progress) -> None:
        """Log the progress every few seconds, so that the UI shows it."""
        last = progress.done == progress.total
        if last or time.monotonic() - self._last_line > SECONDS_BETWEEN_LOG_LINES:
            self._context.log.info(str(progress))
            self._last_line = time.monotonic()

    def failure_text(self, total: int) -> str:
        """Return a message that lists the failed keys with their reasons."""
        lines = "\n".join(f"- {fault}" for fault in faults(self.failures))
        failed = f"{len(self.failures)} of {total} partitions failed"
        return f"{self._table}: {failed}, the others are recorded.\n{lines}"
