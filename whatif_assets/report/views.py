"""DuckDB views of the lake's files, with declared columns instead of inferred ones.

A lake in a store, such as S3, has tables in place of views: DuckDB alone, such as its
command line, can't reach the store.

A view reads the lake in the folder of the database file that was opened, so that a home
can be copied or moved. A view can find this folder only from DuckDB's setting
``temp_directory``, which by default is next to the database file. If the database is
attached to another one, the view reads the lake where it was when the database was
built.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from whatif_assets.domain.base.columns import Table
from whatif_assets.home.home import DATABASE as FILE
from whatif_assets.home.home import Home
from whatif_assets.home.lake_names import FOLDER, pattern_of

# A DuckDB variable with the home whose lake the views read, if it is set.
VARIABLE = "whatif_home"
_TEMPORARY = "current_setting('temp_directory')"
_OURS = "'^(|.*/)" + f"{FILE}.tmp".replace(".", r"\.") + "$'"
_OPENED = f"regexp_matches({_TEMPORARY}, {_OURS})"
_BESIDE = f"regexp_extract({_TEMPORARY}, {_OURS}, 1)"
_FOUND = """
SELECT CASE
    WHEN getvariable('{variable}') IS NOT NULL THEN true
    WHEN {opened} AND (count(*) = 1 OR {beside} = {made_in} || '/') THEN true
    WHEN NOT {opened} AND bool_or(path = {made_in} || '/{file}') THEN true
    ELSE error({moved}) END
FROM duckdb_databases() WHERE path IS NOT NULL
"""


def create_view(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    home: Home,
    left_out: Sequence[str] = (),
    further: Sequence[str] = (),
) -> None:
    """Create the view of a table of the lake, or a copy of it if that is in a store.

    Parameters
    ----------
    connection
        Connection to a database in the folder of the home.
    table
        The declaration of the table, with its axis as a column.
    home
        The home. If its lake has no file of the table, the view is empty.
    left_out
        Keys of partitions that the view does not show. Incomplete partitions are never
        shown.
    further
        Names of columns beyond the declared ones, for a table whose columns depend on
        the data. Such a table without further columns has no rows.
    """
    rows = _no_rows(table, further)
    if home.lake.has_rows(table.name) and (further or not table.others):
        left_out = [*left_out, *home.lake.incomplete(table.name)]
        rows = rows_of_files(table, _glob(table, home), further)
        rows = f"{rows} WHERE ({_found(table, home)})"
        if left_out:
            keys = ", ".join(map(text, left_out))
            rows = f"{rows} AND {quoted(str(table.axis))}::VARCHAR NOT IN ({keys})"
    kind = "VIEW" if home.lake.folder else "TABLE"
    connection.execute(f"CREATE {kind} {quoted(table.name)} AS {rows}")
    describe(connection, table, kind)


def read_lake_of(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Let the views of a connection read the lake of a home, wherever the file is.

    Parameters
    ----------
    connection
        Connection to a database with views.
    home
        The home.
    """
    folder = text(str(home.path.resolve()))
    connection.execute(f"SET VARIABLE {VARIABLE} = {folder}")


def describe(connection: duckdb.DuckDBPyConnection, table: Table, kind: str) -> None:
    """Write the descriptions of a table and of its columns to the database as comments.

    Parameters
    ----------
    connection
        Connection to a database with the table.
    table
        The declaration of the table, with its descriptions.
    kind
        ``TABLE`` or ``VIEW``.
    """
    name = quoted(table.name)
    connection.execute(f"COMMENT ON {kind} {name} IS {text(table.about)}")
    for column in table.columns:
        if column.about:
            of = f"{name}.{quoted(column.name)}"
            connection.execute(f"COMMENT ON COLUMN {of} IS {text(column.about)}")


def _glob(table: Table, home: Home) -> str:
    """Compose a SQL expression for the glob of a table's files in the current lake."""
    if not _is_beside(home):
        (files,) = home.lake.globs(table.name)
        return text(files)
    folder = (
        f"coalesce(getvariable('{VARIABLE}') || '/', "
        f"CASE WHEN {_OPENED} THEN {_BESIDE} ELSE {_made_in(home)} || '/' END)"
    )
    literal = rf"regexp_replace({folder}, '([*?\[])', '[\1]', 'g')"
    return f"{literal} || {text(f'{FOLDER}/{pattern_of(table.name)}')}"


def _is_beside(home: Home) -> bool:
    """Whether the lake is in the home's folder, beside the database."""
    return home.lake.folder == home.path / FOLDER


def _found(table: Table, home: Home) -> str:
    """Compose a query that fails if the glob would read the lake of another home.

    If several databases are open, ``temp_directory`` belongs to the first one.
    """
    if not _is_beside(home):
        return "true"
    moved = (
        f"{table.name}: this database was made in {home.path.resolve()}. Either "
        "another database was opened first, or this one was moved and is attached. "
        "Open it alone, or set the folder of its home: "
        f"SET VARIABLE {VARIABLE} = '...'."
    )
    return _FOUND.format(
        variable=VARIABLE,
        opened=_OPENED,
        beside=_BESIDE,
        made_in=_made_in(home),
        file=FILE,
        moved=text(moved),
    )


def _made_in(home: Home) -> str:
    return text(str(home.path.resolve()))


def rows_of_files(table: Table, files: str, further: Iterable[str] = ()) -> str:
    """Compose a query of the rows of a table's files, each column in its type.

    Parameters
    ----------
    table
        The declaration of the table. A column that a file lacks is null.
    files
        SQL expression whose value is a glob.
    further
        Names of columns beyond the declared ones.
    """
    kinds = _kinds(table, further)
    columns = ", ".join(f"{quoted(n)}::{k} AS {quoted(n)}" for n, k in kinds.items())
    hive = "hive_partitioning = false"
    if table.axis:
        types = f"{{'{table.axis}': {kinds[table.axis]}}}"
        hive = f"hive_partitioning = true, hive_types = {types}"
    return (
        f"SELECT {columns} FROM ({_no_rows(table, further)} UNION ALL BY NAME "  # noqa: S608
        f"SELECT * FROM read_parquet({files}, {hive}, union_by_name = true))"
    )


def _no_rows(table: Table, further: Iterable[str] = ()) -> str:
    kinds = _kinds(table, further)
    columns = ", ".join(f"NULL::{kind} AS {quoted(n)}" for n, kind in kinds.items())
    return f"SELECT {columns} WHERE false"


def _kinds(table: Table, further: Iterable[str] = ()) -> dict[str, str]:
    declared = {name: kind.duckdb for name, kind in table.kinds.items()}
    other = table.others.duckdb if table.others else ""
    return {**declared, **dict.fromkeys(further, other)}


def quoted(name: str) -> str:
    """Quote the name of a table or column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a text as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"
