"""Dagster's storage in SQLite, with its files kept open between two events.

Dagster opens and closes a file for each event that it records, which takes longer than
the work on most sessions. Files and tables are Dagster's own: its storage reads what
this one wrote, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from whatif_assets.excluded_dates import leave_out_excluded_dates

# Here, since the web server and the daemon load nothing else of the project.
leave_out_excluded_dates()


class OpenEventLog(SqliteEventLogStorage):
    """Keeps two files open: the index of all runs, and the run that was asked last."""

    def __init__(self, base_dir: str) -> None:
        self._open: dict[str, Engine] = {}
        super().__init__(base_dir)

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

    def _close(self, shards: list[str]) -> None:
        for shard in shards:
            self._open.pop(shard).dispose()

    def wipe(self) -> None:
        """Delete all events; the files of runs are closed before."""
        with self._db_lock:
            self._close(list(self._open))
        super().wipe()

    def dispose(self) -> None:
        """Close all files."""
        with self._db_lock:
            self._close(list(self._open))
        super().dispose()


class OpenSqliteStorage(DagsterSqliteStorage):
    """Dagster's default storage but for its event log, which is an `OpenEventLog`."""

    def __init__(
        self, base_dir: str, inst_data: ConfigurableClassData | None = None
    ) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = OpenEventLog(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenSqliteStorage:
        """Make one of what ``dagster.yaml`` says, as Dagster asks of such classes."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _engine(connection_string: str) -> Engine:
    """Make an engine that holds one connection for all threads; they take turns."""
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
        # The log is written ahead: a loss of power can cost the last events, no more.
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
