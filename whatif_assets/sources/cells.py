"""Cells of text files: their lines, numbers and times, and the lines that are wrong."""

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

NAMED = 3  # malformed lines that a message names

# The longest first: that of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
Line = tuple[int, list[str]]  # its number, from 1, and its cells
UNREADABLE = (
    csv.Error,
    UnicodeDecodeError,
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,  # a zip's compression
    RuntimeError,  # a zip that asks for a password
)


@dataclass
class Faults:
    """Malformed lines of a file, each with what is wrong with it.

    Attributes
    ----------
    file
        The file, or what messages call the place of the rows.
    lines
        What is wrong, by number of the line.
    unit
        What is numbered: lines of text, or rows of a table.
    """

    file: Path | str
    lines: dict[int, str] = field(default_factory=dict)
    unit: str = "line"

    def add(self, line: int, what: str) -> None:
        """Note a line; its first fault counts."""
        self.lines.setdefault(line, what)

    def refuse(self) -> None:
        """Raise BadInput if there is any."""
        if not self.lines:
            return
        first = sorted(self.lines.items())[:NAMED]
        named = "; ".join(f"{self.unit} {line}: {what}" for line, what in first)
        more = len(self.lines) - len(first)
        raise BadInput(
            f"{self.file}, {named}{f'; and {more} more {self.unit}s' if more else ''}. "
            "Correct or remove them, or change the options of the source; nothing of "
            "the file was read."
        )


@dataclass(frozen=True)
class Cells:
    """Lines of a file as columns of text, all of one length."""

    numbers: list[int]
    columns: list[Sequence[str]]
    faults: Faults

    @classmethod
    def of(cls, lines: Sequence[Line], width: int, faults: Faults) -> Cells:
        """Take the lines that have so many fields; the others are faults."""
        whole = [line for line in lines if len(line[1]) == width]
        if len(whole) < len(lines):
            for number, cells in lines:
                if len(cells) != width:
                    need = f"{len(cells)} fields where {width} are needed"
                    faults.add(number, need)
        columns = [*zip(*(cells for _, cells in whole), strict=True)] or [()] * width
        return cls([number for number, _ in whole], list(columns), faults)

    def fault(self, n: int, what: str) -> None:
        """Note what is wrong with the n-th of the lines."""
        self.faults.add(self.numbers[n], what)

    def floats(self, name: str, texts: Sequence[str], required: bool) -> FloatArray:
        """Read numbers; an empty text is NaN where the column is not required."""
        # Python reads 1_000 as a number, which no vendor means.
        if "_" not in "".join(texts):
            try:
                # Python's own conversion, which is exact to the last bit.
                return np.array(texts, dtype=object).astype(np.float64)
            except ValueError:
                pass
        values = np.full(len(texts), np.nan)
        for n, text in enumerate(texts):
            try:
                values[n] = float(text.replace("_", "x"))
            except ValueError:
                if text.strip() or required:
                    self.fault(n, f"{name} '{_short(text)}' is no number")
        return values

    def localised(
        self, stamps: pd.Series[pd.Timestamp], texts: Sequence[str], zone: str
    ) -> pd.Series[pd.Timestamp]:
        """Give naive stamps a zone, if its clocks show them just once."""
        known = stamps.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        doubtful = stamps.notna() & known.isna()
        if doubtful.any():
            either = stamps.dt.tz_localize(
                zone, ambiguous=np.ones(len(stamps), bool), nonexistent="NaT"
            )
            for n in where(doubtful):
                times = "never" if pd.isna(either.iloc[n]) else "twice"
                self.fault(
                    n,
                    f"timestamp '{texts[n]}' comes {times} in {zone}, where clocks "
                    "change then; write such times with their UTC offset",
                )
        return known


def _short(text: str) -> str:
    """What a message shows of a cell."""
    return text if len(text) <= 40 else f"{text[:40]}..."


def where(mask: pd.Series[bool] | npt.NDArray[np.bool_]) -> list[int]:
    """Positions at which a mask is true."""
    return [int(n) for n in np.flatnonzero(mask)]


def read_lines(
    file: Path, delimiter: str = ",", encoding: str | None = None, skip: int = 0
) -> Iterator[Line]:
    """Yield number and cells of each line that is not blank.

    Parameters
    ----------
    file
        Text as it is, in gzip (``.gz``), or alone in a zip (``.zip``).
    delimiter
        Between two cells.
    encoding
        Of the text; where absent the one that its first bytes tell (UTF-8, UTF-16 and
        UTF-32 with a byte order mark), else UTF-8.
    skip
        Lines at the beginning that are left out, blank ones too.

    Raises
    ------
    BadInput
        For a file that cannot be read so, naming it and the last good line.
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
            f"{last}: {error}. If it is of another encoding, name it in the option "
            "encoding."
        ) from None


def encoding_of(file: Path) -> str:
    """Encoding that the first bytes of a text tell; UTF-8 where they tell none."""
    with _binary(file) as content:
        first = content.read(4)
    for mark, name in MARKS:
        if first.startswith(mark):
            return name
    return "utf-8"


def _binary(file: Path) -> IO[bytes]:
    """Open the bytes of a text, unpacked."""
    if file.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(file, "rb"))
    if file.suffix != ".zip":
        return file.open("rb")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise OSError(f"the zip holds {len(names)} files, and must hold one")
        return io.BytesIO(archive.read(names[0]))
