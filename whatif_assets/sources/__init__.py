"""Sources of bars, by name: one class in one file, and one line in `SOURCES`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pandas as pd
from pydantic import BaseModel, ValidationError

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.load_report import LoadReport
from whatif_assets.domain.bars.schema import RefusedBars, session_starts
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.bars.tidy import Hours, bars_window, stamp_size, tidy
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.sources.alpaca import Alpaca
from whatif_assets.sources.csv import Csv
from whatif_assets.sources.databento import Databento
from whatif_assets.sources.duckdb import DuckDb
from whatif_assets.sources.files import UnreadableSymbol
from whatif_assets.sources.freqtrade import Freqtrade
from whatif_assets.sources.index_daily import IndexDaily
from whatif_assets.sources.lean import Lean
from whatif_assets.sources.parquet import Parquet
from whatif_assets.sources.polygon import Polygon
from whatif_assets.sources.sample import Sample
from whatif_assets.sources.yfinance import YFinance

__all__ = [
    "SOURCES",
    "LoadReport",
    "Source",
    "check_bar_size",
    "load_bars",
    "open_source",
]


class Source(Protocol):
    """Where bars come from.

    A source is constructed from its options and the folder that relative paths
    refer to, and touches no file before it is asked for something. One that knows
    splits and dividends has a further method, ``actions(symbols)``, which lists them
    as `whatif_assets.domain.bars.adjustments.Action`; its bars are not adjusted for
    them.
    """

    Options: ClassVar[type[BaseModel]]

    @property
    def where(self) -> str:
        """What messages call the source, such as its name and path."""

    @property
    def of_trades(self) -> bool:
        """Whether its rows are trades, of which bars are made."""

    def symbols(self) -> list[str]:
        """Every symbol that the source has, sorted."""

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List what the bars in [start, end) depend on, such as ages of files.

        As it was when the source was first asked. A source that does not know
        which of its files have bars of that time lists all of them.
        """

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Bars of the symbols whose ts lies in [start, end), instants in UTC.

        The columns are those that `whatif_assets.domain.bars.tidy.tidy` takes, and the
        rows may come in any order, but trades of one instant as they happened. A
        symbol that the source lacks has none. What is read for a range is what a
        longer range has in it.
        """


SOURCES: dict[str, Any] = {
    "sample": Sample,
    "index_daily": IndexDaily,
    "parquet": Parquet,
    "csv": Csv,
    "lean": Lean,
    "freqtrade": Freqtrade,
    "duckdb": DuckDb,
    "yfinance": YFinance,
    "alpaca": Alpaca,
    "polygon": Polygon,
    "databento": Databento,
}


def open_source(name: str, options: Mapping[str, Any], base: Path) -> Source:
    """Open a source by name.

    Parameters
    ----------
    name
        One of `SOURCES`.
    options
        Fields of the source's ``Options``.
    base
        Folder that relative paths refer to; where they lead nowhere, the
        working directory is tried.

    Raises
    ------
    BadInput
        For an unknown source and for a wrong option, naming what is allowed.
    """
    if name not in SOURCES:
        raise BadInput(
            f"There is no source '{name}'.{did_you_mean(name, SOURCES)} "
            f"Allowed: {one_of(SOURCES)}."
        )
    model = SOURCES[name].Options
    try:
        checked = model.model_validate(dict(options))
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, detail['loc'])) or 'options'}: "
            f"{explain(model, detail)}"
            for detail in error.errors()
        ]
        first = [str(part) for part in error.errors()[0]["loc"][:1]]
        raise BadInput(
            f"Source '{name}': {'; '.join(faults)}",
            field=tuple(first if first == ["path"] else ["options", *first]),
        ) from None
    source: Source = SOURCES[name](checked, base)
    return source


def check_bar_size(source: Source, bar_size: BarSize) -> None:
    """Refuse bars that end by what was traded, of a source that has no trades.

    Raises
    ------
    BadInput
        Naming the source.
    """
    spans = getattr(source, "spans", None)
    if spans is not None and str(bar_size) not in spans:
        raise BadInput(
            f"{source.where} has {', '.join(spans)} bars, and base_bar is {bar_size}. "
            "Set base_bar to one of those.",
            field=("base_bar",),
        )
    if bar_size.by_activity and not source.of_trades:
        raise BadInput(
            f"{source.where} has bars, and {bar_size} bars are made of "
            "trades: of the source csv with 'ticks: true', or lean with 'resolution: "
            "tick'. Set base_bar to what the source has.",
            field=("base_bar",),
        )


def load_bars(
    source: Source,
    symbols: Iterable[str] | None,
    sessions: Sessions,
    bar_size: BarSize,
    first: date,
    last: date,
    hours: Hours = "all",
    repairs: Sequence[str] = (),
    categories: bool = False,
    negative_prices: bool = False,
    leave_out: bool = False,
) -> tuple[pd.DataFrame, LoadReport]:
    """Read the bars of some sessions: the one way from a source to tidy bars.

    Parameters
    ----------
    source
        As `open_source` gives it.
    symbols
        Symbols to read; None for all that the source has.
    sessions
        The market's sessions.
    bar_size
        Of the market's bars.
    first, last
        Days; the sessions in [first, last] are read.
    hours
        ``all`` or ``regular``, see `whatif_assets.domain.bars.tidy.tidy`.
    repairs
        Repairs to make, see `whatif_assets.domain.bars.tidy.tidy`; none unless said.
    categories
        Whether ``symbol`` is to be a category; a text unless said.
    negative_prices, leave_out
        What is admitted, see `whatif_assets.domain.bars.tidy.tidy`.

    Returns
    -------
    bars : DataFrame
        As `whatif_assets.domain.bars.tidy.tidy` returns them.
    report : LoadReport
        What was left out, filled, repaired and missing, and what looks wrong.

    Raises
    ------
    BadInput
        Where there is no session to read, a symbol is unknown to the source, the
        source cannot have such bars, or a row is no bar.
    """
    check_bar_size(source, bar_size)
    wanted = sessions.dates(first, last)
    if not wanted:
        raise BadInput(
            f"There is no session of {sessions.calendar} from {first} to {last} in "
            "this market."
        )
    names = sorted(set(source.symbols() if symbols is None else symbols))
    stamped = stamp_size(bar_size, source.of_trades)
    start, end = bars_window(sessions, stamped, wanted[0], wanted[-1])
    one_session = len(wanted) == 1
    raw, broken = _read(source, names, start, end, bar_size, leave_out, one_session)
    where = source.where
    _check_symbols(sorted(set(names) - broken.keys()), raw, source)
    bars, report = tidy(
        raw,
        sessions,
        bar_size,
        where,
        hours,
        repairs,
        source.of_trades,
        categories,
        negative_prices,
        leave_out,
    )
    refused = {
        day: {**report.refused.get(day, {}), **broken}
        for day in (wanted if broken else report.refused)
    }
    missing = _missing(bars, names, wanted)
    return bars, dataclasses.replace(report, missing=missing, refused=refused)


def _read(
    source: Source,
    names: Sequence[str],
    start: pd.Timestamp,
    end: pd.Timestamp,
    bar_size: BarSize,
    leave_out: bool,
    one_session: bool,
) -> tuple[pd.DataFrame, dict[str, RefusedBars]]:
    """Read rows, and say of which symbols the files cannot be read.

    Where that is a file of a day, and several days are asked for, they are refused:
    nobody knows which of the others is whole.
    """
    broken: dict[str, RefusedBars] = {}
    while True:
        asked = [name for name in names if name not in broken]
        try:
            return source.read(asked, start, end, bar_size), broken
        except UnreadableSymbol as error:
            last = error.symbol in broken or len(asked) == 1
            if not leave_out or last or (error.of_a_day and not one_session):
                raise RefusedBars("unreadable", str(error)) from None
            broken[error.symbol] = RefusedBars("unreadable", str(error))
        except BadInput as error:
            raise RefusedBars("unreadable", str(error)) from None


def _check_symbols(names: list[str], raw: pd.DataFrame, source: Source) -> None:
    """Tell a symbol without bars in these sessions from one that is misspelt."""
    without = set(names) - set(raw["symbol"].unique())
    # Only then, since listing its symbols can mean reading all of a source.
    unknown = sorted(without - set(source.symbols())) if without else []
    if unknown:
        others = f" Nor has it {', '.join(unknown[1:])}." if unknown[1:] else ""
        raise BadInput(
            f"{source.where} has no symbol '{unknown[0]}'."
            f"{did_you_mean(unknown[0], source.symbols())}{others}"
        )


def _missing(
    bars: pd.DataFrame, names: list[str], wanted: list[date]
) -> dict[date, tuple[str, ...]]:
    """Symbols without a bar, by session that lacks any."""
    # Bars are sorted, so that the bars of a symbol and session are together, mostly.
    found = bars[["session", "symbol"]].iloc[session_starts(bars)]
    present = set(zip(found["session"].dt.date, found["symbol"], strict=True))
    gaps = {
        day: tuple(name for name in names if (day, name) not in present)
        for day in wanted
    }
    return {day: absent for day, absent in gaps.items() if absent}
