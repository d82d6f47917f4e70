"""Corporate actions (splits and dividends) read from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path

import numpy as np

from whatif_assets.domain.bars.adjustments import Action
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.sources.cells import Cells, Faults, Line, no_rows, read_lines, where
from whatif_assets.sources.files import parquet_table

AMOUNTS = ("split", "dividend")
COLUMNS = ("symbol", "date", *AMOUNTS)
YEARS = range(1800, 2100)


def read_actions(file: Path) -> list[Action]:
    """Read a file of corporate actions.

    Parameters
    ----------
    file
        CSV in UTF-8 with a header, or Parquet (``.parquet``), with the columns
        ``symbol``, ``date`` (the ex-date), and ``split`` (new shares per old share),
        ``dividend`` (money per share) or both. An empty cell, null or 0 means no
        split or dividend.

    Raises
    ------
    BadInput
        The file is malformed; the message names the file and the column, or the
        first wrong lines (rows of Parquet).
    """
    parquet = file.suffix == ".parquet"
    lines = _rows(file) if parquet else read_lines(file)
    faults = Faults(file, unit="row" if parquet else "line")
    _, header = next(lines, (1, []))
    names = [name.strip().lower() for name in header]
    _check_header(file, names)
    cells = Cells.of(list(lines), len(names), faults)
    if not cells.numbers and not faults.lines:
        raise no_rows(file)
    actions = _actions(file, cells, names)
    faults.refuse()
    return actions


def _rows(file: Path) -> Iterator[Line]:
    """Yield the header of a Parquet file, then its rows as text."""
    table = parquet_table(file)
    yield 0, list(table.column_names)
    for number, row in enumerate(zip(*(c.to_pylist() for c in table.columns)), 1):
        yield number, [_text(value) for value in row]


def _text(value: object) -> str:
    """Write a cell as text: a midnight as a date, null as an empty text."""
    if isinstance(value, datetime) and value.time() == time():
        return f"{value:%Y-%m-%d}"
    return "" if value is None else str(value)


def _check_header(file: Path, names: list[str]) -> None:
    """Raise for an unknown, a repeated or a missing column."""
    for name in names:
        if name not in COLUMNS:
            raise BadInput(
                f"{file}: unknown column '{name[:40]}' in a file of actions."
                f"{did_you_mean(name, COLUMNS)} Allowed: {one_of(COLUMNS)}."
            )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise BadInput(
            f"{file}: column {', '.join(twice)} appears twice in the header."
        )
    lacking = [name for name in ("symbol", "date") if name not in names]
    lacking += [] if set(AMOUNTS) & set(names) else [" or ".join(AMOUNTS)]
    if lacking:
        raise BadInput(
            f"{file}: column {', '.join(lacking)} is missing; found "
            f"{', '.join(names) or 'nothing'}."
        )


def _actions(file: Path, cells: Cells, names: list[str]) -> list[Action]:
    """Read one action per line; wrong lines are added to the faults."""
    texts = dict(zip(names, cells.columns, strict=True))
    symbols = [text.strip() for text in texts["symbol"]]
    days = _dates(cells, texts["date"])
    amounts = {name: _amounts(cells, texts, name) for name in AMOUNTS}
    seen: dict[tuple[str, date | None, str], int] = {}
    found = []
    for n, (symbol, day) in enumerate(zip(symbols, days, strict=True)):
        given = {name: values[n] for name, values in amounts.items() if values[n]}
        if not symbol:
            cells.fault(n, "symbol is empty")
        if not given:
            cells.fault(n, "has neither a split nor a dividend")
        for name in given:
            line = seen.setdefault((symbol, day, name), cells.numbers[n])
            if line != cells.numbers[n]:
                cells.fault(
                    n,
                    f"a second {name} of {symbol} on {day}, after "
                    f"{cells.faults.unit} {line}; combine them in one row",
                )
        if day is not None:
            origin = f"{file}, {cells.faults.unit} {cells.numbers[n]}"
            found.append(Action(symbol, day, **given, origin=origin))
    return found


def _dates(cells: Cells, texts: Iterable[str]) -> list[date | None]:
    """Read the ex-dates; a wrong one is None and is added to the faults."""
    days: list[date | None] = []
    for n, text in enumerate(texts):
        try:
            day = datetime.strptime(text.strip(), "%Y-%m-%d").date()
        except ValueError:
            cells.fault(n, f"date '{text[:40]}' is not a date such as 2014-06-09")
            days.append(None)
            continue
        if day.year not in YEARS:
            cells.fault(n, f"date '{text}' is in {day.year}; is the year right?")
        days.append(day)
    return days


def _amounts(
    cells: Cells, texts: Mapping[str, Iterable[str]], name: str
) -> list[float | None]:
    """Read splits or dividends: positive numbers, or None for none."""
    if name not in texts:
        return [None] * len(cells.numbers)
    column = list(texts[name])
    values = cells.floats(name, column, required=False)
    for n in where(~((values >= 0) & np.isfinite(values))):
        if column[n].strip():
            cells.fault(n, f"{name} '{column[n][:40]}' is not a positive number")
    return [float(value) if value > 0 else None for value in values]
