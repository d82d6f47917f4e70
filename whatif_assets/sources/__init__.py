"""Registry of the sources of bars, and the loader that turns one into tidy bars.

A source is one class in one module, registered by name in `SOURCES`.
"""

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
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.registry import Registry
from whatif_assets.engines.installed_code import version_of_plugin
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
    "code_of_source",
    "load_bars",
    "open_source",
]


class Source(Protocol):
    """Interface of a source of bars.

    A source is constructed from its options and the folder that relative paths
    start from. The constructor opens no file. A source that knows splits and
    dividends also has a method ``actions(symbols)``, which lists them as
    `whatif_assets.domain.bars.adjustments.Action`; the bars of such a source are not
    adjusted.
    """

    Options: ClassVar[type[BaseModel]]

    @property
    def where(self) -> str:
        """Name of the source in messages, such as its name and path."""

    @property
    def of_trades(self) -> bool:
        """Whether the rows are trades, from which bars are built."""

    def symbols(self) -> list[str]:
        """Every symbol that the source has, sorted."""

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List what the bars in [start, end) depend on, such as file versions.

        The bars may have changed if this list has changed. A source reads the
        versions once and then keeps them. A source that does not know which of its
        files have bars in the range lists all files.
        """

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars of the symbols whose ts is in [start, end), in UTC.

        The columns are the input columns of `whatif_assets.domain.bars.tidy.tidy`.
        Rows may be in any order, except that trades with the same ts must be in the
        order in which they happened. A symbol that the source does not have gets no
        rows. A longer range must return the same rows within [start, end).
        """


def _fault(entry: Any) -> str:
    """Say why a plug-in is not a class with the interface of a source."""
    if not isinstance(entry, type):
        return f"found {entry!r}; name a class with the interface of a source"
    wanted = ("Options", "where", "of_trades", "symbols", "state", "read")
    lacking = [name for name in wanted if not hasattr(entry, name)]
    return f"the class {entry.__name__} lacks {', '.join(lacking)}" if lacking else ""


SOURCES: Registry[Any] = Registry(
    "sources",
    {
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
    },
    _fault,
)


def code_of_source(name: str) -> dict[str, str]:
    """Return the code version of an installed package's source as a part of inputs.

    Empty for the sources of this package, whose code is that of the bars.
    """
    if not SOURCES.is_plugin(name):
        return {}
    return {f"code of {name}": version_of_plugin(SOURCES[name].__module__)}


def open_source(name: str, options: Mapping[str, Any], base: Path) -> Source:
    """Open a source by name.

    Parameters
    ----------
    name
        One of `SOURCES`.
    options
        Fields of the source's ``Options``.
    base
        Folder that relative paths start from; if nothing is found there, the
        working directory is tried.

    Raises
    ------
    BadInput
        The source is unknown or an option is wrong; the message lists what is
        allowed.
    """
    if name not in SOURCES:
        raise BadInput(f"There is no source '{name}'; {SOURCES.allowed(name)}")
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
    """Check that a source can deliver bars of a size.

    Raises
    ------
    BadInput
        The source does not have bars of this size, or the bars are built from
        trades (volume, money or ticks) and the source has no trades.
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
            f"{source.where} has bars but no trades, and {bar_size} bars are built "
            "from trades. Use the source csv with 'ticks: true' or lean with "
            "'resolution: tick', or set base_bar to a size that the source has.",
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
    """Read the bars of a range of sessions and tidy them.

    Parameters
    ----------
    source
        An open source, see `open_source`.
    symbols
        Symbols to read; None for every symbol of the source.
    sessions, bar_size
        Sessions of the market and size of its bars.
    first, last
        Days; the sessions in [first, last] are read.
    hours, repairs, categories, negative_prices, leave_out
        Passed on to `whatif_assets.domain.bars.tidy.tidy`. With ``leave_out``, a
        symbol whose file cannot be read is reported instead of raised.

    Returns
    -------
    bars : DataFrame
        As returned by `whatif_assets.domain.bars.tidy.tidy`.
    report : LoadReport
        What was left out, filled and repaired, what is missing and what looks wrong.

    Raises
    ------
    BadInput
        There is no session in the range, the source does not have a symbol, the
        source cannot deliver bars of this size, or a row is not a bar.
    """
    check_bar_size(source, bar_size)
    wanted = _sessions_in(sessions, first, last)
    names = sorted(set(source.symbols() if symbols is None else symbols))
    raw, unreadable = _raw_rows(source, names, sessions, wanted, bar_size, leave_out)
    bars, report = tidy(
        raw,
        sessions,
        bar_size,
        source.where,
        hours,
        repairs,
        source.of_trades,
        categories,
        negative_prices,
        leave_out,
    )
    return bars, _with_gaps(report, bars, names, wanted, unreadable)


def _sessions_in(sessions: Sessions, first: date, last: date) -> list[date]:
    """List the sessions in [first, last]; raise if there are none."""
    wanted = sessions.dates(first, last)
    if not wanted:
        raise BadInput(
            f"There is no session of {sessions.calendar} from {first} to {last} in "
            "this market."
        )
    return wanted


def _raw_rows(
    source: Source,
    names: list[str],
    sessions: Sessions,
    wanted: list[date],
    bar_size: BarSize,
    leave_out: bool,
) -> tuple[pd.DataFrame, dict[str, RefusedBars]]:
    """Read the rows of some sessions, and the errors of unreadable symbols."""
    stamped = stamp_size(bar_size, source.of_trades)
    start, end = bars_window(sessions, stamped, wanted[0], wanted[-1])
    one_session = len(wanted) == 1
    raw, unreadable = _read(source, names, start, end, bar_size, leave_out, one_session)
    _check_symbols(sorted(set(names) - unreadable.keys()), raw, source)
    return raw, unreadable


def _read(
    source: Source,
    names: Sequence[str],
    start: pd.Timestamp,
    end: pd.Timestamp,
    bar_size: BarSize,
    leave_out: bool,
    one_session: bool,
) -> tuple[pd.DataFrame, dict[str, RefusedBars]]:
    """Read rows in [start, end), and the errors of symbols whose files are unreadable.

    An unreadable file of a single day is an error if several sessions are read: it
    does not show which of the other days are readable.
    """
    unreadable: dict[str, RefusedBars] = {}
    while True:
        readable = [name for name in names if name not in unreadable]
        try:
            return source.read(readable, start, end, bar_size), unreadable
        except UnreadableSymbol as error:
            none_left = error.symbol in unreadable or len(readable) == 1
            if not leave_out or none_left or (error.of_a_day and not one_session):
                raise RefusedBars("unreadable", str(error)) from None
            unreadable[error.symbol] = RefusedBars("unreadable", str(error))
        except BadInput as error:
            raise RefusedBars("unreadable", str(error)) from None


def _check_symbols(names: list[str], raw: pd.DataFrame, source: Source) -> None:
    """Raise for a symbol that the source does not have, such as a misspelt one.

    A symbol that the source has may be without bars in the sessions.
    """
    without = set(names) - set(raw["symbol"].unique())
    # Listing the symbols can mean reading the whole source: only if it is needed.
    unknown = sorted(without - set(source.symbols())) if without else []
    if unknown:
        others = f" Also unknown: {', '.join(unknown[1:])}." if unknown[1:] else ""
        raise BadInput(
            f"{source.where} has no symbol '{unknown[0]}'."
            f"{did_you_mean(unknown[0], source.symbols())}{others}"
        )


def _with_gaps(
    report: LoadReport,
    bars: pd.DataFrame,
    names: list[str],
    wanted: list[date],
    unreadable: Mapping[str, RefusedBars],
) -> LoadReport:
    """Add the missing symbols and the unreadable ones to a report, by session."""
    refused = {
        day: {**report.refused.get(day, {}), **unreadable}
        for day in (wanted if unreadable else report.refused)
    }
    missing = _missing(bars, names, wanted)
    return dataclasses.replace(report, missing=missing, refused=refused)


def _missing(
    bars: pd.DataFrame, names: list[str], wanted: list[date]
) -> dict[date, tuple[str, ...]]:
    """List the symbols without a bar, for each session that lacks one."""
    # Bars are sorted: one row per run of a symbol and session is enough.
    found = bars[["session", "symbol"]].iloc[session_starts(bars)]
    present = set(zip(found["session"].dt.date, found["symbol"], strict=True))
    gaps = {
        day: tuple(name for name in names if (day, name) not in present)
        for day in wanted
    }
    return {day: absent for day, absent in gaps.items() if absent}
