"""Tables of facts from files or from the result of a query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.cells import Cells, Faults, no_rows, read_lines
from whatif_assets.sources.csv_rows import refuse_repeated
from whatif_assets.sources.duckdb import DuckDb, DuckDbOptions
from whatif_assets.sources.facts.options import FactOptions
from whatif_assets.sources.files import find_files, parquet_table

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".txt", ".gz", ".zip")


@dataclass(frozen=True)
class Table:
    """Rows of one file, or of the result of a query.

    Attributes
    ----------
    rows
        The columns in their types; all columns of a text file are text.
    cells
        The row numbers and the faults of the rows.
    """

    rows: pa.Table
    cells: Cells


def tables_of(options: FactOptions, base: Path) -> Iterator[Table]:
    """Read the tables of an entry, one per file.

    Parameters
    ----------
    options
        Options of the entry, with ``path`` or ``query``.
    base
        Folder that relative paths start from, as for sources of bars.

    Raises
    ------
    BadInput
        A file does not exist or cannot be read, or the query fails.
    """
    if options.query is not None:
        source = _query(options, base)
        yield _numbered(source.table(), source.where)
        return
    for file in _files(options, base):
        if file.suffix in PARQUET:
            yield _numbered(parquet_table(file), str(file))
        else:
            yield _text(file, options.delimiter)


def _query(options: FactOptions, base: Path) -> DuckDb:
    return DuckDb(DuckDbOptions(query=options.query or "", path=options.path), base)


def _files(options: FactOptions, base: Path) -> list[Path]:
    return find_files(options.path or "", base, (*PARQUET, *TEXT))


def _numbered(rows: pa.Table, where: str) -> Table:
    """Make a table whose rows are numbered from 1."""
    names = rows.column_names
    twice = [name for n, name in enumerate(names) if name in names[:n]]
    if twice:
        raise BadInput(f"{where}: the column '{twice[0]}' appears twice.")
    if not len(rows):
        raise no_rows(where)
    numbers = list(range(1, len(rows) + 1))
    plain = {name: _decoded(rows[name]) for name in names}
    return Table(pa.table(plain), Cells(numbers, [], Faults(where, unit="row")))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a dictionary-encoded column as plain values."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column


def _text(file: Path, delimiter: str) -> Table:
    """Read a text file; lines with another number of fields are faults."""
    lines = read_lines(file, delimiter)
    _, header = next(lines, (1, []))
    names = [name.strip() for name in header]
    refuse_repeated(file, names)
    faults = Faults(file)
    cells = Cells.of(list(lines), len(names), faults)
    faults.refuse()
    if not cells.numbers:
        raise no_rows(file)
    columns = {
        name: pa.array(_stripped(texts), pa.string())
        for name, texts in zip(names, cells.columns, strict=True)
    }
    return Table(pa.table(columns), cells)


def _stripped(texts: Sequence[str]) -> list[str]:
    return [text.strip() for text in texts]
