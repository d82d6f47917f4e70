"""The DuckDB file that users query: it is built as a new file, which replaces the old.

DuckDB lets a process write only while no other process has the file open. So the file
is never written in place: a new file replaces it, and readers that have the old file
open keep reading the old one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.columns import NUMBER, Table
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.adjustments import adjustments_table
from whatif_assets.home.atomic import atomic_path
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.home.home import Home
from whatif_assets.home.lake import Lake
from whatif_assets.report.macros import create_bars_macros, create_macros
from whatif_assets.report.views import (
    create_view,
    describe,
    quoted,
    read_lake_of,
    rows_of_files,
    text,
)
from whatif_assets.steps.feature_tables import table_of
from whatif_assets.steps.freshness import Freshness

# The rows of a table, or a function that reads its parts.
Rows = pd.DataFrame | Callable[[], Iterable[pd.DataFrame]]

# A format that duckdb-cli from PyPI and every DuckDB since 1.5 can read.
STORAGE_VERSION = "v1.5.0"
# Tables that are read from the lake, with their order; the caller passes the others.
FROM_FILES = {
    "data_quality": 'session, "check", symbol',
    "left_out": "session, symbol",
    "runs": "finished_at, run_id, asset, partition",
}
# Errors of DuckDB if the disk is full or the folder is not writable.
NOT_WRITTEN = (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)


def build_database(
    home: Home,
    tables: Mapping[str, Rows],
    left_out: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Build ``whatif.duckdb`` from tables and from the lake, atomically.

    Parameters
    ----------
    home
        The home. From its lake come the views ``price_bars``, ``features`` (and
        ``features_5min`` if there are bars of that size) and ``forecasts``, which are
        tables if the lake is in a store, and the tables ``adjustments``,
        ``data_quality``, ``left_out`` and ``runs``.
    tables
        All other tables by name, as `whatif_assets.home.database_tables` declares
        them. An empty table is created with its columns. A large one may be given as
        a function that reads its parts one after the other.
    left_out
        Keys of partitions that the views do not show, by table.

    Returns
    -------
    Path
        The database file.

    Raises
    ------
    BadInput
        The file cannot be written, because the disk is full or the folder is not
        writable. The earlier file is unchanged.
    """
    try:
        _set_damaged_aside(home.lake)
        try:
            _build(home, tables, left_out or {})
        except duckdb.Error:
            if not _set_damaged_aside(home.lake, thoroughly=True):
                raise
            _build(home, tables, left_out or {})
    except (*NOT_WRITTEN, OSError) as error:
        raise BadInput(
            f"{home.database}: the database can't be written "
            f"({' '.join(str(error).split())}). All results are in the lake, and the "
            "database of an earlier run is unchanged. Free disk space, or make the "
            "folder writable, and run again."
        ) from None
    return home.database


def _build(
    home: Home,
    tables: Mapping[str, Rows],
    left_out: Mapping[str, Sequence[str]],
) -> None:
    with atomic_path(home.database) as temporary:
        with _writable(temporary) as path:
            written = _write(path, home, tables, left_out)
            _verify(path, home, written)
        _sync(temporary)
        # A killed process may have left one, which DuckDB would apply to the new file.
        _sidecar(home.database).unlink(missing_ok=True)


def _set_damaged_aside(lake: Lake, thoroughly: bool = False) -> int:
    """Rename damaged files of the tables that DuckDB reads; return how many."""
    views = ("price_bars", "features", *lake.sized("features"), "forecasts")
    names = (*views, *FROM_FILES)
    return sum(lake.set_damaged_aside(name, thoroughly) for name in names)


@contextlib.contextmanager
def opened(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database of a home for reading, even if another process is writing it.

    DuckDB does not open a file that another process has open for writing. In that case
    a copy is opened, which is the database as it was built.

    Raises
    ------
    BadInput
        The database does not exist, or it is damaged.
    """
    with contextlib.ExitStack() as stack:
        try:
            found = duckdb.connect(str(home.database), read_only=True)
        except duckdb.Error:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            found = _copied(home.database, Path(folder))
        connection = stack.enter_context(found)
        read_lake_of(connection, home)
        yield connection


def _copied(database: Path, folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a copy of a database, without the write-ahead log of another process."""
    try:
        copy = shutil.copyfile(database, folder / database.name)
        return duckdb.connect(str(copy), read_only=True)
    except (duckdb.Error, OSError) as error:
        raise BadInput(
            f"{database}: the database can't be read ({' '.join(str(error).split())}). "
            "'whatif run' writes it again."
        ) from None


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[Path]:
    """Yield a path that DuckDB can write to, which must not contain a ``?``.

    DuckDB reads the text after a ``?`` as options of a URL.
    """
    if "?" not in str(path.resolve()):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = Path(folder) / path.name
        yield elsewhere
        shutil.copyfile(elsewhere, path)


def _write(
    path: Path,
    home: Home,
    tables: Mapping[str, Rows],
    left_out: Mapping[str, Sequence[str]],
) -> dict[str, int]:
    """Write a database; return the number of rows of each table and view."""
    config: dict[str, Any] = {"storage_compatibility_version": STORAGE_VERSION}
    with duckdb.connect(str(path), config=config) as connection:
        read_lake_of(connection, home)
        home.lake.let_read(connection)
        connection.begin()
        for name, rows in tables.items():
            create_table(connection, DATABASE[name], rows)
        create_adjustments(connection, home.lake)
        create_from_files(connection, home.lake)
        create_views(connection, home, left_out)
        create_macros(connection, METRICS)
        create_bars_macros(connection)
        connection.commit()
        connection.execute("CHECKPOINT")  # on closing, a failure would not be raised
        return _counts(connection)


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    found = "SELECT table_name FROM information_schema.tables ORDER BY ALL"
    names = [name for (name,) in connection.execute(found).fetchall()]
    counted = {}
    for name in names:
        row = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()  # noqa: S608
        counted[name] = int(row[0]) if row else 0
    return counted


def _verify(path: Path, home: Home, written: Mapping[str, int]) -> None:
    """Open the written database, and compare its row counts with those written.

    Raises
    ------
    OSError
        The database does not contain what was written.
    """
    if _sidecar(path).exists():
        raise OSError("DuckDB could not move what it wrote into the file")
    with duckdb.connect(str(path), read_only=True) as connection:
        read_lake_of(connection, home)
        found = _counts(connection)
    if found != dict(written):
        lost = [name for name in written if found.get(name) != written[name]]
        raise OSError(f"reading it back shows other rows of {', '.join(lost)}")


def _sync(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sidecar(database: Path) -> Path:
    """Return the path of a database's write-ahead log."""
    return database.with_name(f"{database.name}.wal")


def create_table(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: Rows
) -> None:
    """Create a table from its declaration, and insert its rows."""
    parts = map(table.arrow, [rows] if isinstance(rows, pd.DataFrame) else rows())
    begun = list(itertools.islice(parts, 1))
    names = begun[0].column_names if begun else list(table.kinds)
    _declare(connection, table, names)
    for part in itertools.chain(begun, parts):
        connection.register("incoming", part)
        statement = f"INSERT INTO {quoted(table.name)} BY NAME FROM incoming"
        connection.execute(statement)
        connection.unregister("incoming")


def _declare(
    connection: duckdb.DuckDBPyConnection, table: Table, names: Iterable[str]
) -> None:
    further = table.others or NUMBER
    columns = ", ".join(
        f"{quoted(name)} {table.kinds.get(name, further).duckdb}" for name in names
    )
    connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")
    describe(connection, table, "TABLE")


def create_from_files(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Create the tables in `FROM_FILES`: findings, bars left out, and run history."""
    for name, order in FROM_FILES.items():
        _declare(connection, DATABASE[name], DATABASE[name].kinds)
        if lake.has_rows(name):
            (files,) = lake.globs(name)
            rows = rows_of_files(DATABASE[name], text(files))
            ordered = f"INSERT INTO {quoted(name)} BY NAME {rows} ORDER BY {order}"
            connection.execute(ordered)


def create_adjustments(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Create the table of splits and dividends, for which prices are adjusted."""
    steps = adjustments_table(lake, lake.keys("price_bars"))
    create_table(connection, DATABASE["adjustments"], steps)


def create_views(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    left_out: Mapping[str, Sequence[str]],
) -> None:
    """Create the views of bars, features and forecasts, whose data is in the lake."""
    for name in ("price_bars", "forecasts"):
        create_view(connection, DATABASE[name], home, left_out.get(name, ()))
    for size, features in home.features().items():
        table = replace(DATABASE["features"], name=table_of(home, size))
        columns = [feature.column for feature in features]
        hidden = left_out.get("features", ())
        create_view(connection, table, home, hidden, columns)


def configurations_table(
    home: Home, keys: Mapping[str, list[str]], fresh: Freshness
) -> pd.DataFrame:
    """List the configurations with their settings and the state of their results.

    Configurations that are left out of the ranking are listed with their state only.

    Parameters
    ----------
    home
        The home of the studies.
    keys
        Configuration keys by study.
    fresh
        The freshness of the home.
    """
    rows = []
    for study, names in keys.items():
        for key in names:
            configuration, _ = home.find(key)
            state = fresh.of("backtest_results", key)
            rows.append(
                {
                    "study": study,
                    "configuration": key,
                    "strategy": configuration.strategy,
                    "algorithm": configuration.algorithm,
                    "variants": len(configuration.variants()),
                    "settings": json.dumps(configuration.settings(), sort_keys=True),
                    "state": state.status.value,
                    "because": state.because,
                }
            )
        left_out = fresh.results(home.study(study)).left_out
        nothing = dict.fromkeys(("strategy", "algorithm", "variants", "settings"))
        rows += [
            {"study": study, "configuration": key, **nothing}
            | {"state": one.status.value, "because": one.because}
            for key, one in left_out.items()
            if key not in names
        ]
    return pd.DataFrame(rows, columns=list(DATABASE["configurations"].kinds))
