"""Tables of facts as files have them, or as a query gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.cells import Cells, Faults, read_lines
from whatif_assets.sources.csv_rows import refuse_repeated
from whatif_assets.sources.duckdb import DuckDb, DuckDbOptions
from whatif_assets.sources.facts.options import FactOptions
from whatif_assets.sources.files import find_files, parquet_table

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".txt", ".gz", ".zip")


@dataclass(frozen=True)
class Table:
    """Rows of one file, or of the answer of a query.

    Attributes
    ----------
    rows
        The columns as they are; those of a text file are text.
    cells
        The numbers of the rows, and what is wrong with them.
    """

    rows: pa.Table
    cells: Cells


def tables_of(options: FactOptions, base: Path) -> Iterator[Table]:
    """Read the tables that the options name, one by one.

    Parameters
    ----------
    options
        Says path or query.
    base
        Folder that relative paths refer to, as for the sources of bars.

    Raises
    ------
    BadInput
        There is no such file, or it cannot be read; the query is wrong.
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
    asked = DuckDbOptions(query=options.query or "", path=options.path)
    return DuckDb(asked, base)


def _files(options: FactOptions, base: Path) -> list[Path]:
    return find_files(options.path or "", base, (*PARQUET, *TEXT))


def _numbered(rows: pa.Table, where: str) -> Table:
    names = rows.column_names
    twice = [name for n, name in enumerate(names) if name in names[:n]]
    if twice:
        raise BadInput(f"{where}: the column '{twice[0]}' is there twice.")
    if not len(rows):
        raise BadInput(f"{where} has no row. Get it again, or take it away.")
    numbers = list(range(1, len(rows) + 1))
    plain = {name: _decoded(rows[name]) for name in names}
    return Table(pa.table(plain), Cells(numbers, [], Faults(where, unit="row")))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write out a column that is kept as codes of its distinct values."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column


def _text(file: Path, delimiter: str) -> Table:
    """Read a text file whole; lines of another width are faults."""
    lines = read_lines(file, delimiter)
    _, header = next(lines, (1, []))
    names = [name.strip() for name in header]
    refuse_repeated(file, names)
    faults = Faults(file)
    cells = Cells.of(list(lines), len(names), faults)
    faults.refuse()
    if not cells.numbers:
        raise BadInput(f"{file} has no row. Get it again, or take it away.")
    columns = {
        name: pa.array(_stripped(texts), pa.string())
        for name, texts in zip(names, cells.columns, strict=True)
    }
    return Table(pa.table(columns), cells)


def _stripped(texts: Sequence[str]) -> list[str]:
    return [text.strip() for text in texts]
