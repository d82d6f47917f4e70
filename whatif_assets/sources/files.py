"""Finding the files of a path, and the errors of unreadable files."""

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
# 2018-03-19, 20180319 or 2018/03/19, not within a longer number.
DATED = re.compile(r"(?<!\d)(\d{4})[-_/]?(\d{2})[-_/]?(\d{2})(?!\d)")
# Noon UTC is on the same local date in most time zones, from UTC-12 to UTC+11.
NOON = pd.Timedelta(12, "h")


class UnreadableSymbol(BadInput):
    """Error for an unreadable file that has the data of a single symbol.

    Attributes
    ----------
    symbol
        The symbol.
    of_a_day
        Whether the file has a single day; otherwise it has all days of the symbol.
    """

    def __init__(self, symbol: str, message: str, of_a_day: bool = False) -> None:
        super().__init__(message)
        self.symbol, self.of_a_day = symbol, of_a_day


@contextlib.contextmanager
def errors_of_symbol(symbol: str, of_a_day: bool = False) -> Iterator[None]:
    """Turn BadInput raised in the block into `UnreadableSymbol` of a symbol."""
    try:
        yield
    except UnreadableSymbol:
        raise
    except BadInput as error:
        raise UnreadableSymbol(symbol, str(error), of_a_day) from None


def try_read(
    read: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result | BadInput:
    """Return the result of a function, or the BadInput that it raises, to cache it."""
    try:
        return read(*args, **kwargs)
    except BadInput as error:
        return error


def value_or_raise(result: Result | BadInput) -> Result:
    """Return a result of `try_read`, or raise it if it is an error."""
    if isinstance(result, BadInput):
        raise result
    return result


def days_in_name(file: Path) -> list[pd.Timestamp]:
    """Find dates in a file name, else in the folder names; UTC midnights, sorted.

    Examples are ``bars_2018-03-19.csv``, ``session=2018-03-19/data.parquet`` and
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


def may_have_bars(file: Path, start: pd.Timestamp, end: pd.Timestamp) -> bool:
    """Whether an unreadable file may have bars in [start, end).

    The date in the name decides; with several dates, the range from the first to the
    last. A file without a date in its name may have bars of any time.
    """
    days = days_in_name(file)
    return not days or (days[0] + NOON < end and days[-1] + NOON >= start)


def find_files(path: str, base: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files of a path.

    Parameters
    ----------
    path
        One file, a folder (all files with these suffixes, in subfolders too) or a
        glob, which may contain ``**``. A relative path starts from ``base``; if
        nothing is found there, from the working directory.
    base
        Folder of the settings file that contains the path.
    suffixes
        Suffixes of the files to read in a folder, such as ``.csv``.

    Returns
    -------
    list of Path
        Sorted, at least one; hidden files of a folder or glob are skipped.

    Raises
    ------
    BadInput
        There is no such file; the message lists the places that were searched.
    """
    places = _places(path, base)
    for place in places:
        found = _files_at(place, suffixes)
        if found:
            return found
        if place.is_dir():
            raise BadInput(
                f"The folder {place} has no file whose name ends with "
                f"{' or '.join(suffixes)}."
            )
    raise BadInput(
        f"There is no file, folder or match for path '{path}'. Looked for "
        f"{' and '.join(map(str, places))}."
    )


def _places(path: str, base: Path) -> list[Path]:
    """List the absolute paths that a path may mean, the preferred one first."""
    relative = Path(path).expanduser()
    return list(dict.fromkeys([base.absolute() / relative, Path.cwd() / relative]))


def parquet_table(file: Path) -> pa.Table:
    """Read all columns of a Parquet file; BadInput if the file is not Parquet."""
    try:
        return pq.ParquetFile(file).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{file} cannot be read as Parquet: {error}") from None


def find_folder(path: str, base: Path) -> Path:
    """Find a folder, in the same places as `find_files`.

    Raises
    ------
    BadInput
        There is no such folder; the message lists the places that were searched.
    """
    places = _places(path, base)
    for place in places:
        if place.is_dir():
            return place
    raise BadInput(
        f"There is no folder '{path}'. Looked for {' and '.join(map(str, places))}."
    )


def file_versions(files: Iterable[Path], base: Path) -> list[str]:
    """Return path, size and mtime (ns) of each file, which change with the file.

    The path of a file in ``base`` starts from there, so that nothing changes if a home
    is moved or copied together with its files.
    """
    folder = base.absolute()
    stats = ((file, file.stat()) for file in files)
    return [
        f"{file.relative_to(folder) if file.is_relative_to(folder) else file} "
        f"{stat.st_size} {stat.st_mtime_ns}"
        for file, stat in stats
    ]


def path_exists(place: Path) -> bool:
    """Whether a path or glob matches a file or folder.

    Raises
    ------
    BadInput
        The path or glob is invalid.
    """
    return bool(_files_at(place, ())) or place.is_dir()


def _files_at(place: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files of an absolute path: a file, a folder or a glob."""
    try:
        if place.is_file():
            return [place]
        is_folder = place.is_dir()
    except OSError as error:
        raise BadInput(f"path '{place}' cannot be read: {error.strerror}.") from None
    if is_folder:
        if not suffixes:
            return []
        return _not_hidden(file for file in place.rglob("*") if file.suffix in suffixes)
    # A glob: the part before its first wildcard is a folder.
    wildcards = [n for n, part in enumerate(place.parts) if set(part) & set(WILDCARDS)]
    if not wildcards:
        return []
    folder, pattern = place.parts[: wildcards[0]], place.parts[wildcards[0] :]
    try:
        return _not_hidden(Path(*folder).glob(str(Path(*pattern))))
    except (ValueError, NotImplementedError, re.error) as error:
        raise BadInput(
            f"path '{place}' is not a valid glob ({error}). ** matches any folders, "
            "* any characters, ? one character, [ab] one of the characters listed."
        ) from None


def _not_hidden(found: Iterable[Path]) -> list[Path]:
    """Sort the files; skip hidden ones, which are often incomplete downloads."""
    return sorted(
        file for file in found if file.is_file() and not file.name.startswith(".")
    )
