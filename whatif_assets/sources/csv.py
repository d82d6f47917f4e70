"""Source `csv`: bars in text files, as vendors write them."""

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
    ages,
    attempted,
    days_in_name,
    file_of,
    find_files,
    may_have,
    result_of,
)
from whatif_assets.sources.time_ranges import Part, together

SUFFIXES = (".csv", ".txt", ".tsv", ".gz", ".zip")
MICROSECOND = pd.Timedelta(1, "us")


class Csv:
    """Bars in one or more text files, each read whole and once.

    The symbol of a row is that of the option ``symbol``, else of its column, else
    of the file's name.
    """

    Options: ClassVar[type[BaseModel]] = CsvOptions

    def __init__(self, options: CsvOptions, base: Path) -> None:
        """Keep the options; no file is touched yet."""
        self._options, self._base = options, base
        self._layouts: dict[Path, Layout | BadInput] = {}
        self._parsed: dict[tuple[Path, bool], Part | BadInput] = {}

    @property
    def where(self) -> str:
        """What messages call the source."""
        return f"The source 'csv' ({self._options.path})"

    @property
    def of_trades(self) -> bool:
        """Whether the rows are trades."""
        return self._options.ticks

    def symbols(self) -> list[str]:
        """Every symbol of every file, sorted."""
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
        """Path, size and time of change of each file: any may have bars of any time."""
        return self._ages

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars, or trades, whose ts lies in [start, end).

        A row that is stamped with its bar's end is moved back by one base bar. A
        daily bar is stamped with its date at 00:00 UTC, whatever the stamp says
        of the time. A trade has its own instant, whatever the bars.
        """
        daily = bar_size.daily and not self.of_trades
        ends = self._options.stamp == "end" and not daily and not self.of_trades
        shift = (bar_size.length if ends else pd.Timedelta(0)) // MICROSECOND
        since, until = ((at - EPOCH) // MICROSECOND + shift for at in (start, end))

        def part(file: Path) -> Part | None:
            return self._part(file, symbols, start, end, daily)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = [part for part in pool.map(part, self._files) if part is not None]
        return together([p.between(since, until, symbols) for p in parts], -shift)

    @cached_property
    def _files(self) -> list[Path]:
        return find_files(self._options.path, self._base, SUFFIXES)

    @cached_property
    def _ages(self) -> list[str]:
        return ages(self._files)

    def faults(self) -> dict[Path, BadInput]:
        """What is wrong with each file that cannot be read."""
        found = {file: attempted(self._parse, file) for file in self._files}
        return {f: error for f, error in found.items() if isinstance(error, BadInput)}

    def _part(
        self,
        file: Path,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        daily: bool,
    ) -> Part | None:
        """Rows of a file, whatever their time; None where it has none that is asked."""
        try:
            name = self._symbol_of(file)
            if name is None:
                return self._parse(file, daily)
            if name not in symbols:
                return None
            with file_of(name, of_a_day=bool(days_in_name(file))):
                return self._parse(file, daily)
        except BadInput as error:
            others = isinstance(error, UnreadableSymbol) and error.symbol not in symbols
            if others or not may_have(file, start, end):
                return None
            raise

    def _layout(self, file: Path) -> Layout:
        """Where a file has which column."""
        if file not in self._layouts:
            self._layouts[file] = attempted(read_layout, file, self._options)
        return result_of(self._layouts[file])

    def _symbol_of(self, file: Path) -> str | None:
        """Symbol of all rows of a file, or None where a column says it."""
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
        """Whether a file's name says its symbol, as far as files can be read."""
        for file in self._files:
            with contextlib.suppress(BadInput):
                return "symbol" not in self._layout(file).columns
        return False

    def _name_of(self, file: Path) -> str:
        """Symbol that a file's name says."""
        match = re.search(self._options.symbol_pattern, file.name)
        if match is None:
            raise BadInput(
                f"{file}: symbol_pattern {self._options.symbol_pattern} does not match "
                "the file's name. Change it, or set symbol, or name the symbol's "
                "column in columns."
            )
        return match[1]

    def _parse(self, file: Path, daily: bool = False) -> Part:
        if (file, daily) not in self._parsed:
            self._parsed[file, daily] = attempted(self._rows, file, daily)
        return result_of(self._parsed[file, daily])

    def _rows(self, file: Path, daily: bool) -> Part:
        asked = file, self._layout(file), self._options, self._symbol_of(file), daily
        rows = read_plain(*asked) or parse(*asked)
        alike = {name: rows["close"] for name in PRICES if name not in rows}
        return Part.of(rows | alike)
