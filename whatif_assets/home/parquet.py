"""Rows of declared tables as Parquet, and back, in the declared types."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.home.atomic import write_bytes
from whatif_assets.home.damage import DamagedFile
from whatif_assets.home.tables import in_lake

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
    where: Path,
    table: str,
    columns: Sequence[str] | None = None,
    having: tuple[str, int] | None = None,
) -> pa.Table:
    """Read one file of a table, without looking for partitions in its path.

    Columns have their declared types, whatever version of the project wrote them.

    Parameters
    ----------
    source
        The file, opened.
    where
        Its path, for messages.
    table
        Name of the table, as `whatif_assets.home.tables` declares it.
    columns
        Columns to read; all where left out.
    having
        A column and a value: row groups that state that they lack it are left out.

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
            groups = _groups(file.metadata, having)
            found = file.read_row_groups(groups, columns=wanted, use_threads=many)
        try:
            return declared.conformed(found, columns)
        except BadInput as error:
            raise BadInput(f"{where}: {error}") from None


def _groups(metadata: pq.FileMetaData, having: tuple[str, int] | None) -> list[int]:
    """Number the row groups that may have a column's value."""
    numbers = range(metadata.num_row_groups)
    names = metadata.schema.names
    if having is None or having[0] not in names:
        return list(numbers)
    place, value = names.index(having[0]), having[1]

    def _may_have(number: int) -> bool:
        found = metadata.row_group(number).column(place).statistics
        return not (found and found.has_min_max) or found.min <= value <= found.max

    return [number for number in numbers if _may_have(number)]


def columns_of(source: pa.NativeFile, where: Path) -> list[str]:
    """Return the names of a file's columns, in order; errors as of `read_rows`."""
    with _damage_named(where):
        return list(pq.read_schema(source).names)


def fault_within(source: pa.NativeFile, where: Path) -> str:
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
def _damage_named(path: Path) -> Iterator[None]:
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
