"""Source `csv`: bars in text files, as vendors write them."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import BaseModel

from whatif_assets.core.bars.bar_size import BarSize
from whatif_assets.core.bars.schema import EPOCH, PRICES
from whatif_assets.core.errors import BadInput
from whatif_assets.core.sources.csv_format import CsvOptions
from whatif_assets.core.sources.csv_plain import read_plain
from whatif_assets.core.sources.csv_rows import Layout, parse, read_layout
from whatif_assets.core.sources.files import ages, find_files
from whatif_assets.core.sources.parts import Part, together

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
        self._parsed: dict[tuple[Path, bool], Part] = {}

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
        for file, layout in self._layouts.items():
            name = self._symbol_of(file, layout)
            found.update(self._parse(file).symbols if name is None else [name])
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
        owners = {f: self._symbol_of(f, layout) for f, layout in self._layouts.items()}
        files = [file for file, name in owners.items() if name in (None, *symbols)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = list(pool.map(lambda file: self._parse(file, daily), files))
        return together([p.between(since, until, symbols) for p in parts], -shift)

    @cached_property
    def _files(self) -> list[Path]:
        return find_files(self._options.path, self._base, (".csv", ".txt", ".gz"))

    @cached_property
    def _ages(self) -> list[str]:
        return ages(self._files)

    @cached_property
    def _layouts(self) -> dict[Path, Layout]:
        """Where each file has which column."""
        return {file: read_layout(file, self._options) for file in self._files}

    def _symbol_of(self, file: Path, layout: Layout) -> str | None:
        """Symbol of all rows of a file, or None where a column says it."""
        if self._options.symbol is not None:
            return self._options.symbol
        if "symbol" in layout.columns:
            return None
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
            layout = self._layouts[file]
            symbol = self._symbol_of(file, layout)
            asked = file, layout, self._options, symbol, daily
            rows = read_plain(*asked) or parse(*asked)
            alike = {name: rows["close"] for name in PRICES if name not in rows}
            self._parsed[file, daily] = Part.of(rows | alike)
        return self._parsed[file, daily]
