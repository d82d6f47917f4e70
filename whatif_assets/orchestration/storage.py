"""Dagster's SQLite storage, with files kept open and events written in batches.

Dagster opens and closes a file for each event that it records, which takes longer than
the work on most sessions. The files and tables have Dagster's own format: its storage
can read files that this one wrote, and the reverse.
"""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from whatif_assets.orchestration.dagster_private import (
    ASSET_EVENTS,
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    DagsterSqliteStorage,
    EventLogEntry,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
    SqliteRunStorage,
    SqliteScheduleStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from whatif_assets.orchestration.excluded_dates import leave_out_excluded_dates

# Called here because the web server and the daemon load no other module of the project.
leave_out_excluded_dates()

# Makes Dagster store the planned partitions of a run in batches.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")


@contextmanager
def batched_events(instance: dg.DagsterInstance) -> Iterator[None]:
    """Write the events of the block in one batch at its end.

    With another storage than `OpenEventLog`, events are written one by one.
    """
    log = instance.event_log_storage
    if not isinstance(log, OpenEventLog):
        yield
        return
    with log.together():
        yield


class OpenEventLog(SqliteEventLogStorage):
    """Event log that keeps two files open: the index of runs, and the last run used."""

    # An event log without events, made by Dagster once per process. Dagster looks
    # through all of its migrations to make one, and each run has its own.
    _empty: bytes = b""

    def __init__(self, base_dir: str) -> None:
        self._open: dict[str, Engine] = {}
        self._known_tables: set[str] = set()
        self._waiting: list[EventLogEntry] | None = None
        super().__init__(base_dir)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Collect the events of the block, and write them when it ends."""
        self._waiting = []
        try:
            yield
        finally:
            waiting, self._waiting = self._waiting, None
            self.store_event_batch(waiting)

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event now, or at the end of the block; see `together`."""
        if self._waiting is not None:
            self._waiting.append(event)
        else:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Write events in their order; asset events in one transaction per file."""
        groups = itertools.groupby(
            events, lambda event: (_is_asset_event(event), event.run_id)
        )
        for (of_assets, run_id), group in groups:
            if of_assets:
                self._store_asset_events(run_id, list(group))
                continue
            for entry in group:
                super().store_event(entry)

    def _store_asset_events(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        """Write asset events; the last event of each asset becomes its latest state."""
        rows = [self._event_to_row(entry) for entry in events]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(run_id) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            ids = [connection.execute(insert, row).lastrowid for row in rows]
            self._store_asset_event_tags(connection, events, ids)
            last = {
                (row["asset_key"], row["dagster_event_type"]): (entry, number)
                for row, entry, number in zip(rows, events, ids, strict=True)
            }
            for entry, number in sorted(last.values(), key=lambda pair: pair[1]):
                self._store_asset_event(connection, entry, number)

    def has_table(self, table_name: str) -> bool:
        """Whether a table exists; the answer yes is cached."""
        if table_name not in self._known_tables:
            if not super().has_table(table_name):
                return False
            self._known_tables.add(table_name)
        return True

    def _has_asset_key_col_on_connection(
        self, conn: Connection, column_name: str
    ) -> bool:
        column = f"column {column_name}"
        if column not in self._known_tables:
            if not super()._has_asset_key_col_on_connection(conn, column_name):
                return False
            self._known_tables.add(column)
        return True

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._open:
            self._close([name for name in self._open if name != INDEX_SHARD_NAME])
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            self._open[shard] = engine
        return self._open[shard]

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Make a new file by copying an empty event log; check any other file."""
        path = Path(str(engine.url.database))
        if path.exists() or not _create(path, self._empty_log()):
            super()._initdb(engine, for_index_shard)

    def _empty_log(self) -> bytes:
        if not OpenEventLog._empty:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "empty.db"
                engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
                super()._initdb(engine)
                engine.dispose()
                OpenEventLog._empty = path.read_bytes()
        return OpenEventLog._empty

    def _close(self, shards: list[str]) -> None:
        for shard in shards:
            self._open.pop(shard).dispose()

    def wipe(self) -> None:
        """Close all files, and delete all events."""
        with self._db_lock:
            self._close(list(self._open))
        super().wipe()

    def dispose(self) -> None:
        """Close all files."""
        with self._db_lock:
            self._close(list(self._open))
        super().dispose()


class OpenSqliteStorage(DagsterSqliteStorage):
    """Dagster's default storage with an `OpenEventLog` as its event log.

    The files of runs and of schedules begin as copies of empty ones, as event logs do.
    """

    def __init__(
        self, base_dir: str, inst_data: ConfigurableClassData | None = None
    ) -> None:
        for storage, folder in (
            (SqliteRunStorage, _runs_directory(base_dir)),
            (SqliteScheduleStorage, _schedule_directory(base_dir)),
        ):
            name, content = _empty_file(storage)
            path = Path(folder, name)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _create(path, content)
        super().__init__(base_dir, inst_data)
        self._event_log_storage = OpenEventLog(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenSqliteStorage:
        """Build the storage from ``dagster.yaml``; Dagster calls this method."""
        return cls.from_local(inst_data=inst_data, **config_value)


@functools.cache
def _empty_file(
    storage: type[SqliteRunStorage | SqliteScheduleStorage],
) -> tuple[str, bytes]:
    """Let Dagster make an empty file once per process; return its name and content."""
    with tempfile.TemporaryDirectory() as folder:
        storage.from_local(folder)
        (path,) = Path(folder).glob("*.db")
        return path.name, path.read_bytes()


def _is_asset_event(event: EventLogEntry) -> bool:
    return event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS


def _create(path: Path, content: bytes) -> bool:
    """Create a file, whole from the first moment, unless another process did so first.

    Returns whether this process created it; not every file system has hard links.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / path.name
        whole.write_bytes(content)
        try:
            path.hardlink_to(whole)
        except OSError:
            return False
    return True


def _engine(connection_string: str) -> Engine:
    """Make an engine with one connection, which all threads share one at a time."""
    engine = create_engine(
        connection_string,
        poolclass=StaticPool,
        connect_args={
            "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
            "check_same_thread": False,
        },
    )

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        # A power failure can lose only the last events: SQLite logs writes first.
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
