"""Reading text files as columns of text, numbers and times, with errors by line."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput

NAMED = 3  # malformed lines that a message lists

# Longer byte order marks first: the one of UTF-32 begins with the one of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
Line = tuple[int, list[str]]  # line number, counted from 1, and the cells
UNREADABLE = (
    csv.Error,
    UnicodeDecodeError,
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,  # zipfile does not support the compression
    RuntimeError,  # the zip needs a password
)


@dataclass
class Faults:
    """Malformed lines of a file and what is wrong with each.

    Attributes
    ----------
    file
        The file, or the name of the origin of the rows in messages.
    lines
        What is wrong with each line, by line number.
    unit
        What the numbers count: ``line`` of a text, or ``row`` of a table.
    """

    file: Path | str
    lines: dict[int, str] = field(default_factory=dict)
    unit: str = "line"

    def add(self, line: int, what: str) -> None:
        """Add a fault of a line; only the first fault of a line is kept."""
        self.lines.setdefault(line, what)

    def refuse(self) -> None:
        """Raise BadInput that lists the first malformed lines, if there are any."""
        if not self.lines:
            return
        first = sorted(self.lines.items())[:NAMED]
        named = "; ".join(f"{self.unit} {line}: {what}" for line, what in first)
        more = len(self.lines) - len(first)
        raise BadInput(
            f"{self.file}, {named}{f'; and {more} more {self.unit}s' if more else ''}. "
            "Correct or remove them, or change the options of the source. Nothing was "
            "read from this file."
        )


@dataclass(frozen=True)
class Cells:
    """Lines of a file as columns of text.

    Attributes
    ----------
    numbers
        Line numbers, counted from 1.
    columns
        Text of each column, one per line.
    faults
        Where malformed lines are added.
    """

    numbers: list[int]
    columns: list[Sequence[str]]
    faults: Faults

    @classmethod
    def of(cls, lines: Sequence[Line], width: int, faults: Faults) -> Cells:
        """Keep the lines with ``width`` fields; the other lines are faults."""
        whole = [line for line in lines if len(line[1]) == width]
        if len(whole) < len(lines):
            for number, cells in lines:
                if len(cells) != width:
                    need = f"{len(cells)} fields where {width} are needed"
                    faults.add(number, need)
        columns = [*zip(*(cells for _, cells in whole), strict=True)] or [()] * width
        return cls([number for number, _ in whole], list(columns), faults)

    def fault(self, n: int, what: str) -> None:
        """Add a fault of the n-th line, counted from 0."""
        self.faults.add(self.numbers[n], what)

    def floats(self, name: str, texts: Sequence[str], required: bool) -> FloatArray:
        """Read numbers as float64.

        A text that is not a number is a fault of its line and NaN. An empty text is
        NaN, and a fault only if the column is required.
        """
        # Python reads 1_000 as a number; no vendor writes numbers in this way.
        if "_" not in "".join(texts):
            try:
                # Python's own conversion is exact to the last bit.
                return np.array(texts, dtype=object).astype(np.float64)
            except ValueError:
                pass
        values = np.full(len(texts), np.nan)
        for n, text in enumerate(texts):
            try:
                values[n] = float(text.replace("_", "x"))
            except ValueError:
                if text.strip() or required:
                    self.fault(n, f"{name} '{_short(text)}' is not a number")
        return values

    def localised(
        self, stamps: pd.Series[pd.Timestamp], texts: Sequence[str], zone: str
    ) -> pd.Series[pd.Timestamp]:
        """Attach a time zone to naive timestamps.

        A time that occurs never or twice in the zone, because clocks change, is a
        fault of its line and NaT.
        """
        known = stamps.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        unclear = stamps.notna() & known.isna()
        if unclear.any():
            either = stamps.dt.tz_localize(
                zone, ambiguous=np.ones(len(stamps), bool), nonexistent="NaT"
            )
            for n in where(unclear):
                times = "never" if pd.isna(either.iloc[n]) else "twice"
                self.fault(
                    n,
                    f"timestamp '{texts[n]}' occurs {times} in {zone} because clocks "
                    "change; write such times with their UTC offset",
                )
        return known


def no_rows(place: Path | str) -> BadInput:
    """Return the error for a file, or a query, without rows."""
    return BadInput(f"{place} has no rows. Get the data again, or remove it.")


def _short(text: str) -> str:
    """Shorten the text of a cell for a message."""
    return text if len(text) <= 40 else f"{text[:40]}..."


def where(mask: pd.Series[bool] | npt.NDArray[np.bool_]) -> list[int]:
    """Positions at which a mask is true."""
    return [int(n) for n in np.flatnonzero(mask)]


def read_lines(
    file: Path, delimiter: str = ",", encoding: str | None = None, skip: int = 0
) -> Iterator[Line]:
    """Yield the line number and the cells of each line that is not blank.

    Parameters
    ----------
    file
        Plain text, text in gzip (``.gz``), or a zip (``.zip``) with one text file.
    delimiter
        Character between two cells.
    encoding
        Encoding of the text; None to detect it from a byte order mark (UTF-8, UTF-16
        or UTF-32), with UTF-8 as the default.
    skip
        Number of lines to skip at the beginning, blank lines included.

    Raises
    ------
    BadInput
        The file cannot be read as such a text; the message names the file and the
        last good line.
    """
    last, known = 0, encoding
    try:
        known = encoding or encoding_of(file)
        with io.TextIOWrapper(_binary(file), known, newline="") as text:
            for _ in range(skip):
                text.readline()
            reader = csv.reader(
                text, delimiter=delimiter, skipinitialspace=True, strict=True
            )
            for cells in reader:
                last = skip + reader.line_num
                if cells and cells != [""]:
                    yield last, cells
    except UNREADABLE as error:
        raise BadInput(
            f"{file} cannot be read as text in {(known or 'utf-8').upper()} after line "
            f"{last}: {error}. If the file has another encoding, set the option "
            "encoding."
        ) from None


def encoding_of(file: Path) -> str:
    """Detect the encoding of a text from its byte order mark; UTF-8 without one."""
    with _binary(file) as content:
        first = content.read(4)
    for mark, name in MARKS:
        if first.startswith(mark):
            return name
    return "utf-8"


def _binary(file: Path) -> IO[bytes]:
    """Open a text as bytes, decompressed."""
    if file.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(file, "rb"))
    if file.suffix != ".zip":
        return file.open("rb")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise OSError(f"the zip has {len(names)} files and must have one")
        return io.BytesIO(archive.read(names[0]))
