"""The two axes, and the one way in which an asset goes through its partitions."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from whatif_assets.claims import claim_name
from whatif_assets.core.errors import BadInput, faults
from whatif_assets.core.home import Home
from whatif_assets.core.lake import NEW, Manifest, why_computed
from whatif_assets.core.market import Market
from whatif_assets.core.report.drawing import Picture, draw_beside
from whatif_assets.core.run_log import RunEntry, in_words, write_run_log
from whatif_assets.excluded_dates import leave_out_excluded_dates
from whatif_assets.progress import Progress

leave_out_excluded_dates()

MIDNIGHT = "0 0 * * *"
SECONDS_BETWEEN_LOG_LINES = 5.0
KEY_TAGS = (
    PARTITION_NAME_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    ASSET_PARTITION_RANGE_END_TAG,
)


@dataclass(frozen=True)
class Result:
    """What one partition's work gives back for the record.

    Attributes
    ----------
    rows
        Rows written.
    data_version
        Hash of the content written.
    metadata
        Values for the UI: numbers, text, tables (DataFrame) and pictures
        (:class:`whatif_assets.core.report.drawing.Picture`).
    details
        Values for the manifest, where later steps read them.
    inputs
        Hashes of what it was computed from, by part, where the work alone finds out;
        otherwise they are as they were asked for before it.
    """

    rows: int
    data_version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] | None = None


Work = Callable[[str], Result]
Inputs = Callable[[str], Mapping[str, str]]
Checks = Callable[[], Iterable[dg.AssetCheckResult]]


def session_partitions(market: Market) -> dg.TimeWindowPartitionsDefinition:
    """One partition per session of the market's exchange calendar."""
    last = market.last_session
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule=MIDNIGHT,
        start=_midnight(market.first_session),
        end=_midnight(last + timedelta(days=1)) if last else None,
        fmt="%Y-%m-%d",
        exclusions=_exclusions(market),
    )


def _exclusions(market: Market) -> list[str | datetime]:
    """What is no session: weekdays without any as cron strings, then single days.

    Dagster writes the definition into many of its records, and a cron string takes the
    place of hundreds of dates. A weekday with a single session, such as a special one
    on a Saturday, has its other days listed.
    """
    closed = pd.DatetimeIndex(market.sessions.holidays())
    if closed.empty:
        return []
    last = market.last_session or closed[-1].date()
    days = pd.date_range(market.first_session, last)
    traded = set(days.difference(closed).weekday)
    # Weekdays start on Monday in pandas, and on Sunday in cron.
    never = [number for number in range(7) if number not in traded]
    left = closed[~closed.weekday.isin(never)]
    crons = [f"0 0 * * {(number + 1) % 7}" for number in never]
    return [*crons, *left.to_pydatetime()]


def configuration_partitions(market: Market) -> dg.DynamicPartitionsDefinition:
    """One partition per configuration; added by the sensor, or by hand."""
    prefix = f"{market.name}_" if market.name else ""
    return dg.DynamicPartitionsDefinition(name=f"{prefix}configurations")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def for_each_partition(
    context: dg.AssetExecutionContext,
    home: Home,
    work: Work,
    inputs: Inputs,
    checks: Checks = tuple,
) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """Do an asset's work for every partition of the run.

    A partition that stands as it would be computed is reused. Each key that
    succeeds is recorded, with its own metadata and data version, whatever happens
    to the others; the step fails at the end if any key failed. An output recorded
    by Dagster itself would mark the whole range, so it is given only when every key
    succeeded, and the records of the keys follow it: the latest record is what the
    UI shows.

    Parameters
    ----------
    context
        The asset's context, for one partition or a range.
    home
        The home whose lake the work writes to.
    work
        Does one partition: takes its key, writes, and says what it wrote.
    inputs
        Hashes of what a key's partition would be computed from, by part.
    checks
        Gives the results of the asset's checks, after the work.

    Raises
    ------
    dagster.Failure
        A key asked for is no partition, or some keys failed; the message names
        each one with its reason.
    """
    table, keys = context.asset_key.path[-1], asked_partitions(context, home)
    log = _Recorder(context, home, table)
    if len(keys) > 1:
        draw_beside()
    progress = Progress(table, len(keys))
    progress.tell()
    for key in keys:
        log.attempt(key, work, inputs)
        progress.advance(key)
        log.tell(progress)
    write_run_log(home.lake, context.run.run_id, table, log.entries)
    context.log.info(log.summary())
    if not log.failures:
        yield dg.Output(None)
    log.record()
    yield from checks()
    if log.failures:
        raise dg.Failure(
            description=_failure_text(table, log.failures, len(keys)),
            allow_retries=False,
        )


class _Recorder:
    """Runs the work key by key and keeps what has to be recorded."""

    def __init__(
        self, context: dg.AssetExecutionContext, home: Home, table: str
    ) -> None:
        self._context, self._home, self._table = context, home, table
        self._code_version = code_version_of(context)
        self._notes: list[tuple[str, str, Mapping[str, Any]]] = []
        self._last_line = time.monotonic()
        self.entries: list[RunEntry] = []
        self.failures: dict[str, str] = {}

    def attempt(self, key: str, work: Work, inputs: Inputs) -> None:
        started = time.monotonic()
        try:
            now = {**inputs(key), "code": self._code_version}
            manifest = self._home.lake.manifest(self._table, key)
            why = why_computed(manifest, now)
            result = work(key) if why or manifest is None else None
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
                self._succeed(key, status, why, result, now, seconds)
            elif manifest is not None:
                self._reuse(key, manifest)

    def _fail(self, key: str, reason: str, started: float) -> None:
        self.failures[key] = reason
        self._context.log.error(f"{self._table} of {key}: {reason}")
        seconds = time.monotonic() - started
        self.entries.append(
            RunEntry.of(key, "failed", reason, self._code_version, seconds=seconds)
        )

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
        self.entries.append(RunEntry.of(key, status, why, self._code_version, manifest))
        if why != NEW:
            self._context.log.info(f"{self._table} of {key}: {status}, {why}")
        metadata = {
            "rows": result.rows,
            "seconds": round(seconds, 3),
            "why": f"{why}; it is the same as before" if status == "unchanged" else why,
        }
        self._note(key, result.data_version, {**metadata, **result.metadata})

    def _reuse(self, key: str, manifest: Manifest) -> None:
        self.entries.append(
            RunEntry.of(key, "reused", "", self._code_version, manifest)
        )
        metadata = {
            "rows": manifest.rows,
            "reused": f"Nothing changed since run {manifest.run_id}.",
        }
        self._note(key, manifest.data_version, metadata)

    def _note(self, key: str, version: str, metadata: Mapping[str, Any]) -> None:
        self._notes.append((key, version, metadata))

    def tell(self, progress: Progress) -> None:
        """Write a log line now and then, so that the UI shows how far it is."""
        last = progress.done == progress.total
        if last or time.monotonic() - self._last_line > SECONDS_BETWEEN_LOG_LINES:
            self._context.log.info(str(progress))
            self._last_line = time.monotonic()

    def summary(self) -> str:
        """Say which partitions were computed, and why, and how many stand."""
        return in_words(self._table, self.entries)

    def record(self) -> None:
        """Record what was noted; only now are pictures needed."""
        for key, version, metadata in self._notes:
            materialization = dg.AssetMaterialization(
                self._context.asset_key,
                partition=key,
                metadata={name: as_metadata(value) for name, value in metadata.items()},
                tags={
                    DATA_VERSION_TAG: version,
                    DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
                    CODE_VERSION_TAG: self._code_version,
                },
            )
            self._context.log_event(materialization)


def code_version_of(context: dg.AssetExecutionContext) -> str:
    """Code version of the asset that is being computed."""
    return str(context.assets_def.code_versions_by_key.get(context.asset_key) or "")


def now() -> str:
    """Return the time, UTC, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def whole_result(
    context: dg.AssetExecutionContext,
    home: Home,
    work: Callable[[Home], tuple[int, str, dict[str, Any]]],
) -> dg.MaterializeResult[None]:
    """Do the work of an asset without partitions, and record it.

    Parameters
    ----------
    work
        Takes the home, writes, and gives rows, data version and metadata.

    Raises
    ------
    dagster.Failure
        With the message alone, where the input is at fault.
    """
    started = time.monotonic()
    try:
        claim_name(home, context.instance)
        rows, version, metadata = work(home)
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    seconds = round(time.monotonic() - started, 3)
    _log_whole(context, home, rows, version, seconds)
    return dg.MaterializeResult(
        metadata={
            "rows": rows,
            "seconds": seconds,
            **{name: as_metadata(value) for name, value in metadata.items()},
        },
        data_version=dg.DataVersion(version),
    )


def _log_whole(
    context: dg.AssetExecutionContext,
    home: Home,
    rows: int,
    version: str,
    seconds: float,
) -> None:
    """Keep the run of an asset without partitions in the run log."""
    code = code_version_of(context)
    run_id = context.run.run_id
    manifest = Manifest(version, {}, rows, run_id, code, now(), seconds)
    entry = RunEntry.of("", "computed", "asked for", code, manifest)
    write_run_log(home.lake, run_id, context.asset_key.path[-1], [entry])


def asked_partitions(context: dg.AssetExecutionContext, home: Home) -> list[str]:
    """List the partition keys of a run, refusing one that is no partition.

    Dagster itself runs an excluded date as the next session, silently.

    Raises
    ------
    dagster.Failure
        The message says what the key is and what would be allowed.
    """
    try:
        claim_name(home, context.instance)
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    tags = context.run.tags
    asked = sorted({tags[name] for name in KEY_TAGS if name in tags})
    if isinstance(context.assets_def.partitions_def, dg.TimeWindowPartitionsDefinition):
        for key in asked:
            _refuse_non_session(home, key)
    return list(context.partition_keys)


def _refuse_non_session(home: Home, key: str) -> None:
    try:
        home.market.sessions.check(date.fromisoformat(key))
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    except ValueError:
        raise dg.Failure(
            description=f"{key!r} is no date; write a session as YYYY-MM-DD.",
            allow_retries=False,
        ) from None


def as_metadata(value: Any) -> Any:
    """Turn a table or a picture into metadata; leave what Dagster knows as it is."""
    if isinstance(value, Picture):
        return _drawn(value)
    if not isinstance(value, pd.DataFrame):
        return value
    if value.empty:
        return "no rows"
    records = value.astype(object).where(value.notna(), None).to_dict("records")
    return dg.MetadataValue.table(
        [
            dg.TableRecord({str(name): _plain(cell) for name, cell in record.items()})
            for record in records
        ]
    )


def _drawn(picture: Picture) -> Any:
    """Picture for the UI; what cannot be drawn says so, as the result stands."""
    try:
        encoded = base64.b64encode(picture.png()).decode("ascii")
    except Exception as error:
        return f"could not be drawn: {type(error).__name__}: {error}"
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{encoded})")


def _plain(cell: Any) -> Any:
    return cell if isinstance(cell, (int, float, bool, type(None))) else str(cell)


def _failure_text(table: str, failures: Mapping[str, str], total: int) -> str:
    lines = [f"- {fault}" for fault in faults(failures)]
    return (
        f"{table}: {len(failures)} of {total} partitions failed, the others are "
        "recorded.\n" + "\n".join(lines)
    )
