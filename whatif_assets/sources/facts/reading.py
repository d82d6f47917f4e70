"""Reading and checking the facts of a market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from whatif_assets.domain.bars.schema import outside_era
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.sources.cells import Cells, where
from whatif_assets.sources.facts.cells import (
    Stamps,
    known_by_rule,
    numbers_of,
    stamps_of,
    texts_of,
)
from whatif_assets.sources.facts.files import Table, tables_of
from whatif_assets.sources.facts.options import FactOptions

KEY = ["fact", "symbol", "event_ts", "available_ts"]
COLUMNS = [*KEY, "value"]
ALL_SYMBOLS = ""  # the symbol of a fact that is about all symbols


@dataclass(frozen=True, eq=False)
class ReadFacts:
    """Facts of one entry of a market.

    Attributes
    ----------
    rows
        ``fact``, ``symbol`` (empty for all), ``event_ts`` and ``available_ts``
        (datetime64[us, UTC]) and ``value`` (float64, NaN if the entry has only
        events), sorted by all of these.
    counts
        Numbers of rows by fact: ``nulls`` (without a value) and ``repeated``, which
        were left out, and ``by_rule`` (known from the time of the rule ``available``).
    """

    rows: pd.DataFrame
    counts: pd.DataFrame


def no_facts() -> pd.DataFrame:
    """Return an empty table of facts, with the types of the columns."""
    ts: Any = pd.Series(dtype="datetime64[us, UTC]")
    texts = {name: pd.Series(dtype=object) for name in ("fact", "symbol")}
    times = {name: ts for name in ("event_ts", "available_ts")}
    return pd.DataFrame({**texts, **times, "value": pd.Series(dtype="float64")})


def read_facts(name: str, options: FactOptions, base: Path) -> ReadFacts:
    """Read and check one entry of a market's facts.

    Parameters
    ----------
    name
        Name of the entry, which is the name of its fact; if rows have a series, the
        facts are called ``name.series``.
    options
        Origin and meaning of the rows.
    base
        Folder that relative paths start from.

    Raises
    ------
    BadInput
        A file cannot be read, a column is missing, or a row is not a fact: a time, the
        time from which it was known or a symbol is missing, a value is not a number,
        or an event has two values known from the same time. The message names the
        file, the rows and the column. Nothing is read from any file then.
    """
    parts = [_tidied(name, table, options) for table in tables_of(options, base)]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.sort_values([*COLUMNS, "file", "line"], ignore_index=True)
    valued = rows[~rows["nulls"]]
    _refuse_contradictions(valued)
    rows["repeated"] = valued.duplicated(KEY).reindex(rows.index, fill_value=False)
    counts = rows.groupby("fact")[["nulls", "repeated", "by_rule"]].sum()
    kept = rows.loc[~rows["nulls"] & ~rows["repeated"], COLUMNS]
    return ReadFacts(kept.reset_index(drop=True), counts)


def _tidied(name: str, table: Table, options: FactOptions) -> pd.DataFrame:
    """Read the rows of one table, with the flags ``nulls`` and ``by_rule``."""
    table = _kept(table, options)
    cells, rows = table.cells, table.rows
    found = _columns(table, options)
    event = stamps_of(found["event_ts"], rows[found["event_ts"]], cells, options)
    _add_missing(event, found["event_ts"], cells)
    known, ruled = _known(event, found, rows, cells, options)
    size, value = len(rows), np.full(len(rows), np.nan)
    if "value" in found:
        column = rows[found["value"]]
        value = numbers_of(found["value"], column, cells, options.nulls)
    frame = pd.DataFrame(
        {
            "fact": _names(name, found, rows, cells),
            "symbol": _texts("symbol", found, rows, cells) or [ALL_SYMBOLS] * size,
            "event_ts": event.instants,
            "available_ts": known,
            "value": value,
            "by_rule": ruled,
            "nulls": np.isnan(value) if "value" in found else False,
        }
    )
    cells.faults.refuse()
    origin = {"file": str(cells.faults.file), "unit": cells.faults.unit}
    return frame.assign(**origin, line=cells.numbers)


def _kept(table: Table, options: FactOptions) -> Table:
    """Return the rows that the option ``keep`` selects."""
    rows, file = table.rows, table.cells.faults.file
    keep = np.ones(len(rows), dtype=bool)
    for column, value in options.keep.items():
        if column not in rows.column_names:
            raise _missing(column, table, "keep")
        keep &= np.array([text == value for text in texts_of(rows[column])])
    if not keep.any():
        wanted = " and ".join(f"{name} {value}" for name, value in options.keep.items())
        raise BadInput(f"{file}: keep: no row has {wanted}.")
    numbers = [table.cells.numbers[n] for n in where(keep)]
    return Table(rows.filter(pa.array(keep)), Cells(numbers, [], table.cells.faults))


def _columns(table: Table, options: FactOptions) -> dict[str, str]:
    """Map our column names to the columns of the table."""
    present = table.rows.column_names
    found = {}
    for ours in ("event_ts", "available_ts", "symbol", "series", "value"):
        theirs = options.columns.get(ours, ours)  # type: ignore[call-overload]
        if theirs in options.keep and ours not in options.columns:
            continue
        if theirs in present:
            found[ours] = theirs
        elif ours == "event_ts" or ours in options.columns:
            raise _missing(theirs, table, "columns")
    if "available_ts" not in found and options.available is None:
        raise BadInput(
            f"{_missing('available_ts', table, 'columns')} Or set available to the "
            "time after its event from which a row is known, such as {days: 1, at: "
            "'00:00'}."
        )
    return found


def _missing(column: str, table: Table, field: str) -> BadInput:
    """Return the error for a column that a table does not have."""
    present = table.rows.column_names
    return BadInput(
        f"{table.cells.faults.file}: column '{column}' is missing; found "
        f"{', '.join(present)}.{did_you_mean(column, present)} Write the column's "
        f"name in this file in {field}."
    )


def _known(
    event: Stamps,
    found: Mapping[str, str],
    rows: pa.Table,
    cells: Cells,
    options: FactOptions,
) -> tuple[pd.Series[pd.Timestamp], pd.Series[bool]]:
    """Compute when each row is known, and whether this is by the rule."""
    known = pd.Series(pd.NaT, range(len(rows)), dtype="datetime64[us, UTC]")
    label = found.get("available_ts", "available_ts")
    if "available_ts" in found:
        stamps = stamps_of(label, rows[label], cells, options)
        if stamps.dates and stamps.instants.notna().any():
            raise BadInput(
                f"{cells.faults.file}: column {label} has dates, and the time of day "
                "is needed from which a row is known. Write times, or remove the "
                "column from columns and set available."
            )
        known = stamps.instants
    without = known.isna()
    if options.available is None:
        for n in where(without):
            cells.fault(
                n,
                f"{label} is missing; set available, the time from which such rows "
                "are known, or remove the row",
            )
    else:
        by_rule = known_by_rule(event, options.available, options.zone)
        known = known.where(~without, by_rule)
        for n in where(without & (known < event.instants)):
            cells.fault(n, "known before its event, by the rule available")
    for n in where(outside_era(known, daily=True)):
        cells.fault(
            n,
            f"{label} is read as {known.iloc[n]:%Y-%m-%d %H:%M} UTC, which is in the "
            "future, or near 1970; is its unit or format right?",
        )
    return known, without


def _add_missing(event: Stamps, label: str, cells: Cells) -> None:
    """Add a fault for each row without an event time."""
    for n in where(event.instants.isna()):
        cells.fault(n, f"{label} is missing")


def _texts(
    ours: str, found: Mapping[str, str], rows: pa.Table, cells: Cells
) -> list[str]:
    """Return the texts of a column, required in each row; empty without the column."""
    if ours not in found:
        return []
    texts = [text.strip() for text in texts_of(rows[found[ours]])]
    for n in where(np.array([not text for text in texts], dtype=bool)):
        cells.fault(n, f"{found[ours]} is missing")
    return texts


def _names(
    name: str, found: Mapping[str, str], rows: pa.Table, cells: Cells
) -> list[str]:
    """Return the name of the fact of each row."""
    series = _texts("series", found, rows, cells)
    return [f"{name}.{text}" for text in series] if series else [name] * len(rows)


def _refuse_contradictions(rows: pd.DataFrame) -> None:
    """Raise if an event has two values that became known at the same time."""
    same = rows.duplicated(KEY).to_numpy()
    values = rows["value"].to_numpy()
    before = np.roll(values, 1)
    other = same & (values != before) & ~(np.isnan(values) & np.isnan(before))
    wrong = where(other)
    if wrong:
        now, then = rows.iloc[wrong[0]], rows.iloc[wrong[0] - 1]
        about = f" of {now['symbol']}" if now["symbol"] else ""
        raise BadInput(
            f"{then['file']}, {then['unit']} {then['line']} and {now['file']}, "
            f"{now['unit']} {now['line']}: {now['fact']}{about} of event "
            f"{now['event_ts']:%Y-%m-%d %H:%M} UTC has the values {then['value']:g} "
            f"and {now['value']:g}, both known from "
            f"{now['available_ts']:%Y-%m-%d %H:%M} UTC. Remove one, or correct "
            "the time from which the later one was known."
        )
