"""Queries of ``whatif.duckdb`` by users: they only read, and errors are plain."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import duckdb
import pandas as pd

from whatif_assets.domain.base.errors import BadInput


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
