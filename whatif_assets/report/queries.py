"""Queries of ``whatif.duckdb`` by users: they only read, and errors are plain."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import duckdb
import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.report.database import opened
from whatif_assets.report.views import text

# What a query of someone who is not trusted may take of this machine.
MEMORY, DISK = "2GB", "2GB"


def run_confined(
    home: Home, query: str, *, most_rows: int, seconds: float
) -> pd.DataFrame:
    """Run a query that only reads, and only the database and the lake of a home.

    Parameters
    ----------
    home
        The home; its database exists.
    query
        One SELECT statement, or what DuckDB counts as one, such as DESCRIBE. It can't
        read other files, or write any.
    most_rows, seconds
        As for :func:`run_query`; memory and disk have limits, too.

    Raises
    ------
    BadInput
        It is another statement, or several; or as :func:`run_query`.
    """
    folder = home.lake.folder  # in a store, the database has all that can be read
    lake = text(str(folder.resolve())) if folder else ""
    with opened(home) as connection:
        _check_reads(connection, query)
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(f"SET max_temp_directory_size = '{DISK}'")
        connection.execute("SET python_enable_replacements = false")
        connection.execute(f"SET allowed_directories = [{lake}]")
        connection.execute("SET enable_external_access = false")
        return run_query(connection, query, most_rows=most_rows, seconds=seconds)


def _check_reads(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    try:
        found = [one.type.name for one in connection.extract_statements(query)]
    except duckdb.Error as error:
        raise BadInput(f"The query failed: {' '.join(str(error).split())}") from None
    if found != ["SELECT"]:
        raise BadInput(
            f"sql: found {', '.join(found) or 'no statement'}; write one SELECT "
            "statement, which only reads."
        )


def run_query(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    values: Sequence[Any] = (),
    *,
    most_rows: int | None = None,
    seconds: float | None = None,
) -> pd.DataFrame:
    """Run a query and return its rows; times are in UTC.

    Parameters
    ----------
    connection
        Connection to a database that is open for reading.
    query, values
        The query, and the values of its parameters.
    most_rows
        Rows to return at most; all by default.
    seconds
        Time after which the query is ended; no limit by default.

    Raises
    ------
    BadInput
        DuckDB refuses the query, it takes too long, or it returns no table.
    """
    connection.execute("SET TimeZone = 'UTC'")
    watch = threading.Timer(seconds or 0, connection.interrupt)
    if seconds is not None:
        watch.start()
    try:
        found = connection.execute(query, list(values))
        if most_rows is None:
            return found.df()
        names = [column[0] for column in found.description or ()]
        return pd.DataFrame(found.fetchmany(most_rows), columns=names)
    except duckdb.InterruptException:
        raise BadInput(
            f"The query was ended after {seconds:g} seconds. Ask for less: fewer "
            "sessions, symbols or columns."
        ) from None
    except duckdb.Error as error:
        raise BadInput(f"The query failed: {' '.join(str(error).split())}") from None
    finally:
        watch.cancel()
