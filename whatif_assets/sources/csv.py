"""Source `csv`: bars in text files, in the formats of data vendors."""

from __future__ import annotations

import contextlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import EPOCH, PRICES
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.csv_format import CsvOptions
from whatif_assets.sources.csv_plain import read_plain
from whatif_assets.sources.csv_rows import Layout, parse, read_layout
from whatif_assets.sources.files import (
    UnreadableSymbol,
    days_in_name,
    errors_of_symbol,
    file_versions,
    find_files,
    may_have_bars,
    try_read,
    value_or_raise,
)
from whatif_assets.sources.time_ranges import FileRows, concatenated

SUFFIXES = (".csv", ".txt", ".tsv", ".gz", ".zip")
MICROSECOND = pd.Timedelta(1, "us")


class Csv:
    """Bars in one or more text files; each file is read once and completely.

    The symbol of a row comes from the option ``symbol``, else from the symbol column,
    else from the file name.
    """

    Options: ClassVar[type[BaseModel]] = CsvOptions

    def __init__(self, options: CsvOptions, base: Path) -> None:
        """Keep the options; no file is opened yet."""
        self._options, self._base = options, base
        self._layouts: dict[Path, Layout | BadInput] = {}
        self._parsed: dict[tuple[Path, bool], FileRows | BadInput] = {}

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return f"The source 'csv' ({self._options.path})"

    @property
    def of_trades(self) -> bool:
        """Whether the rows are trades."""
        return self._options.ticks

    def symbols(self) -> list[str]:
        """List the symbols of all files, sorted."""
        found: set[str] = set()
        faults: list[BadInput] = []
        for file in self._files:
            try:
                name = self._symbol_of(file)
                found.update(self._parse(file).symbols if name is None else [name])
            except BadInput as error:
                faults.append(error)
                if isinstance(error, UnreadableSymbol):
                    found.add(error.symbol)
        if faults and not found:
            raise faults[0]
        return sorted(found)

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List path, size and mtime of all files: each may have bars of any time."""
        return self._ages

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars or trades whose ts is in [start, end).

        If the timestamp of a row is the end of its bar, the row is moved back by one
        base bar. The ts of a daily bar is its date at 00:00 UTC; the time of day in
        the file is ignored. A trade keeps its own time for every bar size.
        """
        daily = bar_size.daily and not self.of_trades
        ends = self._options.stamp == "end" and not daily and not self.of_trades
        shift = (bar_size.length if ends else pd.Timedelta(0)) // MICROSECOND
        since, until = ((at - EPOCH) // MICROSECOND + shift for at in (start, end))

        def _rows_of(file: Path) -> FileRows | None:
            return self._rows_of_file(file, symbols, start, end, daily)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = [
                rows for rows in pool.map(_rows_of, self._files) if rows is not None
            ]
        parts = [rows.between(since, until, symbols) for rows in found]
        return concatenated(parts, -shift)

    @cached_property
    def _files(self) -> list[Path]:
        return find_files(self._options.path, self._base, SUFFIXES)

    @cached_property
    def _ages(self) -> list[str]:
        return file_versions(self._files, self._base)

    def faults(self) -> dict[Path, BadInput]:
        """Return the error of each file that cannot be read."""
        found = {file: try_read(self._parse, file) for file in self._files}
        return {f: error for f, error in found.items() if isinstance(error, BadInput)}

    def _rows_of_file(
        self,
        file: Path,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        daily: bool,
    ) -> FileRows | None:
        """Read all rows of a file; None if the file has no requested symbol or time."""
        try:
            name = self._symbol_of(file)
            if name is None:
                return self._parse(file, daily)
            if name not in symbols:
                return None
            with errors_of_symbol(name, of_a_day=bool(days_in_name(file))):
                return self._parse(file, daily)
        except BadInput as error:
            others = isinstance(error, UnreadableSymbol) and error.symbol not in symbols
            if others or not may_have_bars(file, start, end):
                return None
            raise

    def _layout(self, file: Path) -> Layout:
        """Find the columns of a file, once."""
        if file not in self._layouts:
            self._layouts[file] = try_read(read_layout, file, self._options)
        return value_or_raise(self._layouts[file])

    def _symbol_of(self, file: Path) -> str | None:
        """Return the symbol of all rows of a file; None if a column has the symbols."""
        if self._options.symbol is not None:
            return self._options.symbol
        try:
            layout = self._layout(file)
        except BadInput as error:
            if self._named_by_file:
                raise UnreadableSymbol(
                    self._name_of(file), str(error), bool(days_in_name(file))
                ) from None
            raise
        if "symbol" in layout.columns:
            return None
        return layout.ticker or self._name_of(file)

    @cached_property
    def _named_by_file(self) -> bool:
        """Whether file names are the symbols, judged by the first readable file."""
        for file in self._files:
            with contextlib.suppress(BadInput):
                return "symbol" not in self._layout(file).columns
        return False

    def _name_of(self, file: Path) -> str:
        """Extract the symbol from a file name with ``symbol_pattern``."""
        match = re.search(self._options.symbol_pattern, file.name)
        if match is None:
            raise BadInput(
                f"{file}: symbol_pattern {self._options.symbol_pattern} does not match "
                "the file name. Change the pattern, set symbol, or name the symbol "
                "column in columns."
            )
        return match[1]

    def _parse(self, file: Path, daily: bool = False) -> FileRows:
        """Return the rows of a file, read once."""
        if (file, daily) not in self._parsed:
            self._parsed[file, daily] = try_read(self._rows, file, daily)
        return value_or_raise(self._parsed[file, daily])

    def _rows(self, file: Path, daily: bool) -> FileRows:
        """Read a file: with Arrow if the file is plain, else line by line."""
        arguments = (
            file,
            self._layout(file),
            self._options,
            self._symbol_of(file),
            daily,
        )
        rows = read_plain(*arguments) or parse(*arguments)
        # A trade has one price.
        absent = {name: rows["close"] for name in PRICES if name not in rows}
        return FileRows.of(rows | absent)
