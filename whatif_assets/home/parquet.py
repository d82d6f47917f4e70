"""Rows of declared tables as Parquet, and back, in the declared types."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.home.atomic import write_bytes
from whatif_assets.home.damage import DamagedFile
from whatif_assets.home.tables import in_lake

Columns = Sequence[str] | None
WhereIn = Mapping[str, Collection[Any]] | None

ROWS_OF_A_THREAD = 10_000  # fewer are read sooner than other threads are asked


def write_parquet(path: Path, frame: pd.DataFrame, table: str) -> str:
    """Write a file of a table atomically and return the hash of its bytes.

    A file that has the same bytes already is left as it is.

    Raises
    ------
    BadInput
        The frame is not as `whatif_assets.home.tables` declares the table.
    """
    return write_content(path, as_parquet(frame, table))


def as_parquet(frame: pd.DataFrame, table: str) -> bytes:
    """Encode rows of a table, in its declared columns and their types.

    The same rows give the same bytes: no time, name or path goes into them. Errors
    are those of `write_parquet`.
    """
    written = pa.BufferOutputStream()
    write_rows(written, [frame], table)
    content: bytes = written.getvalue().to_pybytes()
    return content


def write_rows(
    file: BinaryIO | pa.NativeFile, parts: Iterable[pd.DataFrame], table: str
) -> None:
    """Encode rows of a table that come part by part, each into row groups of its own.

    One part is in memory at a time. Errors are those of `write_parquet`.
    """
    with contextlib.ExitStack() as stack:
        writer = None
        for rows in map(in_lake(table).arrow, parts):
            if writer is None:
                writer = stack.enter_context(_writer(file, rows.schema))
            writer.write_table(rows)
            del rows  # before the next part is made


def _writer(file: BinaryIO | pa.NativeFile, schema: pa.Schema) -> pq.ParquetWriter:
    # A dictionary makes numbers longer and slower to write.
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=texts,
        write_page_checksum=True,
    )


def write_content(path: Path, content: bytes) -> str:
    """Write a file atomically, unless it has that content, and return its hash."""
    version = short_hash(content)
    if not path.exists() or file_hash(path) != version:
        write_bytes(path, content)
    return version


def read_parquet(
    path: Path, table: str, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a local file of a table; see `read_rows`."""
    with _damage_named(path), pa.OSFile(str(path), "rb") as file:
        frame: pd.DataFrame = read_rows(file, path, table, columns).to_pandas()
    return frame


def read_rows(
    source: pa.NativeFile,
    where: Path | str,
    table: str,
    columns: Columns = None,
    where_in: WhereIn = None,
) -> pa.Table:
    """Read one file of a table, without looking for partitions in its path.

    Columns have their declared types, whatever version of the project wrote them.

    Parameters
    ----------
    source
        The file, opened.
    where
        Its path or URL, for messages.
    table
        Name of the table, as `whatif_assets.home.tables` declares it.
    columns
        Columns to read; all where left out.
    where_in
        Values of a column by its name: rows with other values are left out. A file
        without such a column has no other values. No more than a part of the file is in
        memory besides the rows that are kept.

    Raises
    ------
    DamagedFile
        The file cannot be read.
    BadInput
        The file lacks a column that the data names, such as a feature.
    """
    declared = in_lake(table)
    with _damage_named(where):
        with _checked(source) as file:
            held = file.schema_arrow.names
            wanted = None if columns is None else [n for n in columns if n in held]
            many = file.metadata.num_rows > ROWS_OF_A_THREAD
            if where_in:
                found = _selected(file, wanted, where_in)
            else:
                found = file.read(columns=wanted, use_threads=many)
        try:
            return declared.conformed(found, columns)
        except BadInput as error:
            raise BadInput(f"{where}: {error}") from None


def _selected(
    file: pq.ParquetFile,
    columns: Sequence[str] | None,
    where_in: Mapping[str, Collection[Any]],
) -> pa.Table:
    """Read the rows with some values, one batch after the other."""
    schema = file.schema_arrow
    values = {
        name: pa.array(list(those), schema.field(name).type)
        for name, those in where_in.items()
        if name in schema.names
    }
    columns = schema.names if columns is None else columns
    kept = []
    for batch in file.iter_batches(
        columns=list(dict.fromkeys([*columns, *values])),
        row_groups=_groups(file.metadata, values),
    ):
        for name, those in values.items():
            batch = batch.filter(pc.is_in(batch[name], those))
        kept.append(batch.select(columns))
    empty = pa.schema([schema.field(name) for name in columns])
    return pa.Table.from_batches(kept, kept[0].schema if kept else empty)


def _groups(metadata: pq.FileMetaData, values: Mapping[str, pa.Array]) -> list[int]:
    """Number the row groups that may have some values of each column."""
    names = metadata.schema.names

    def _may_have(number: int, name: str) -> bool:
        column = metadata.row_group(number).column(names.index(name))
        found = column.statistics
        return not (found and found.has_min_max) or any(
            found.min <= value <= found.max for value in values[name].to_pylist()
        )

    return [
        number
        for number in range(metadata.num_row_groups)
        if all(_may_have(number, name) for name in values)
    ]


def columns_of(source: pa.NativeFile, where: Path | str) -> list[str]:
    """Return the names of a file's columns, in order; errors as of `read_rows`."""
    with _damage_named(where):
        return list(pq.read_schema(source).names)


def fault_within(source: pa.NativeFile, where: Path | str) -> str:
    """Say why a Parquet file cannot be read to its end; empty where it can."""
    try:
        with _damage_named(where), _checked(source) as file:
            file.read()
    except DamagedFile as error:
        return error.fault
    return ""


def _checked(source: pa.NativeFile) -> pq.ParquetFile:
    """Open Parquet so that a page that was changed after it was written is an error."""
    return pq.ParquetFile(source, page_checksum_verification=True)


@contextlib.contextmanager
def _damage_named(path: Path | str) -> Iterator[None]:
    """Turn errors of reading into one that names the damaged file."""
    try:
        yield
    except pa.ArrowException as error:
        raise DamagedFile(path, str(error)) from None
    except OSError as error:
        if error.errno is not None:  # no fault of the file's content
            raise
        raise DamagedFile(path, str(error)) from None


def file_hash(path: Path) -> str:
    """Hash of a file's bytes, 16 hexadecimal digits of SHA-256."""
    return short_hash(path.read_bytes())
