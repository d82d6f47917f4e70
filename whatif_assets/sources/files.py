"""Files that a path of a source means."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from whatif_assets.domain.base.errors import BadInput

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
WILDCARDS = "*?["
# 2018-03-19, 20180319 or 2018/03/19, and nothing longer.
DATED = re.compile(r"(?<!\d)(\d{4})[-_/]?(\d{2})[-_/]?(\d{2})(?!\d)")
NOON = pd.Timedelta(12, "h")  # of the day in UTC, which is in the session everywhere


class UnreadableSymbol(BadInput):
    """A file of one symbol alone cannot be read.

    Attributes
    ----------
    symbol
        The symbol.
    of_a_day
        Whether the file is of a single day; otherwise it is of every day.
    """

    def __init__(self, symbol: str, message: str, of_a_day: bool = False) -> None:
        super().__init__(message)
        self.symbol, self.of_a_day = symbol, of_a_day


@contextlib.contextmanager
def file_of(symbol: str, of_a_day: bool = False) -> Iterator[None]:
    """Say of what goes wrong that it is of one symbol alone."""
    try:
        yield
    except UnreadableSymbol:
        raise
    except BadInput as error:
        raise UnreadableSymbol(symbol, str(error), of_a_day) from None


def attempted(
    read: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result | BadInput:
    """Give what a file has, or what is wrong with it, to be kept either way."""
    try:
        return read(*args, **kwargs)
    except BadInput as error:
        return error


def result_of(found: Result | BadInput) -> Result:
    """Give what `attempted` gave of a file, or raise what is wrong with it."""
    if isinstance(found, BadInput):
        raise found
    return found


def days_in_name(file: Path) -> list[pd.Timestamp]:
    """Dates in a file's name, or else in its folders' names; UTC midnights.

    As in ``bars_2018-03-19.csv``, ``session=2018-03-19/data.parquet`` and
    ``2018/03/19/bars.csv``.
    """
    for place in (file.name, "/".join(file.parts[-4:])):
        texts = ["-".join(parts) for parts in DATED.findall(place)]
        found = pd.to_datetime(
            pd.Series(texts, dtype=object), errors="coerce", utc=True
        )
        if found.notna().any():
            return sorted(found.dropna())
    return []


def may_have(file: Path, start: pd.Timestamp, end: pd.Timestamp) -> bool:
    """Whether a file that cannot be read may have bars of [start, end).

    By the date in its name, from the first to the last where there are several; any
    file that has none there may.
    """
    days = days_in_name(file)
    return not days or (days[0] + NOON < end and days[-1] + NOON >= start)


def find_files(path: str, base: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files of a path.

    Parameters
    ----------
    path
        One file, a folder (all files with these suffixes, however deep) or a
        glob, ``**`` included. A relative one starts at base, and where nothing
        is found there, at the working directory.
    base
        Folder of the file that named the path.
    suffixes
        What files of a folder end with, such as ``.csv``.

    Returns
    -------
    list of Path
        Sorted, at least one; hidden files of a folder or glob are left out.

    Raises
    ------
    BadInput
        Where there is none, saying where it was looked for.
    """
    asked = Path(path).expanduser()
    places = list(dict.fromkeys([base.absolute() / asked, Path.cwd() / asked]))
    for place in places:
        found = _files_at(place, suffixes)
        if found:
            return found
        if place.is_dir():
            raise BadInput(
                f"The folder {place} has no file that ends with "
                f"{' or '.join(suffixes)}."
            )
    raise BadInput(
        f"There is no file, folder or match for path '{path}'. Looked for "
        f"{' and '.join(map(str, places))}."
    )


def parquet_table(file: Path) -> pa.Table:
    """Read a Parquet file whole, columns as they are; BadInput where it is none."""
    try:
        return pq.ParquetFile(file).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{file} cannot be read as Parquet: {error}") from None


def find_folder(path: str, base: Path) -> Path:
    """Find a folder as `find_files` finds files.

    Raises
    ------
    BadInput
        Where there is none, saying where it was looked for.
    """
    asked = Path(path).expanduser()
    places = list(dict.fromkeys([base.absolute() / asked, Path.cwd() / asked]))
    for place in places:
        if place.is_dir():
            return place
    raise BadInput(
        f"There is no folder '{path}'. Looked for {' and '.join(map(str, places))}."
    )


def ages(files: Iterable[Path]) -> list[str]:
    """Path, size and time of change of files: another value once one changed."""
    stats = ((file, file.stat()) for file in files)
    return [f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats]


def is_there(place: Path) -> bool:
    """Whether there is a file or folder, or something that a glob matches.

    Raises
    ------
    BadInput
        It is no path, or no glob.
    """
    return bool(_files_at(place, ())) or place.is_dir()


def _files_at(place: Path, suffixes: tuple[str, ...]) -> list[Path]:
    try:
        if place.is_file():
            return [place]
        is_folder = place.is_dir()
    except OSError as error:
        raise BadInput(f"path '{place}' cannot be read: {error.strerror}.") from None
    if is_folder:
        if not suffixes:
            return []
        return _shown(file for file in place.rglob("*") if file.suffix in suffixes)
    # A glob: the part before its first wildcard is a folder.
    wild = [n for n, part in enumerate(place.parts) if set(part) & set(WILDCARDS)]
    if not wild:
        return []
    folder, pattern = place.parts[: wild[0]], place.parts[wild[0] :]
    try:
        return _shown(Path(*folder).glob(str(Path(*pattern))))
    except (ValueError, NotImplementedError, re.error) as error:
        raise BadInput(
            f"path '{place}' is no glob ({error}). A part of it that is ** matches "
            "any folders, * and ? any characters, [ab] one of some."
        ) from None


def _shown(found: Iterable[Path]) -> list[Path]:
    """Sort the files that are not hidden, as files half written often are."""
    return sorted(
        file for file in found if file.is_file() and not file.name.startswith(".")
    )
