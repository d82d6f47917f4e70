"""Reading columns of a table of facts as times, days and numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import types

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.cells import Cells, where
from whatif_assets.sources.csv_rows import OFFSET
from whatif_assets.sources.facts.options import Availability, FactOptions

DATE = re.compile(r"\d{4}-\d\d-\d\d")
# Times outside this range are misread, such as counts in another unit.
EARLIEST, LATEST = (pd.Timestamp(day, tz="UTC") for day in ("1800", "2200"))


@dataclass(frozen=True)
class Stamps:
    """A column of times.

    Attributes
    ----------
    instants
        datetime64[us, UTC]; a date is the midnight at which it begins; NaT where a
        row has no time.
    dates
        Whether the column has dates only, without a time of day.
    """

    instants: pd.Series[pd.Timestamp]
    dates: bool


def texts_of(column: pa.ChunkedArray) -> list[str]:
    """Return each cell as text; null is an empty text."""
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def stamps_of(
    name: str, column: pa.ChunkedArray, cells: Cells, options: FactOptions
) -> Stamps:
    """Read a column of times; a cell that cannot be read is a fault of its row.

    Raises
    ------
    BadInput
        The type of the column is not a time, or neither the column nor the options
        have a time zone.
    """
    kind, texts = column.type, texts_of(column)
    if types.is_timestamp(kind):
        times = pd.Series(column.to_pandas()).dt.as_unit("us")
        parsed, dates = times, False
    elif types.is_date(kind):
        days = column.cast(pa.date32()).cast(pa.timestamp("us"))
        parsed, dates = pd.Series(days.to_pandas()).dt.as_unit("us"), True
    elif types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind):
        parsed, dates = _parsed(name, texts, cells, options.format)
    else:
        raise BadInput(
            f"{cells.faults.file}: column {name} is {kind} and must be a time, a date "
            "or text."
        )
    if parsed.dt.tz is None:
        parsed = _localised(name, parsed, texts, dates, cells, options)
    instants = parsed.dt.tz_convert("UTC").dt.as_unit("us")
    for n in where((instants < EARLIEST) | (instants >= LATEST)):
        cells.fault(
            n,
            f"{name} '{texts[n]}' is read as {instants.iloc[n]:%Y-%m-%d}; is its unit "
            "or format right?",
        )
    return Stamps(instants, dates)


def _parsed(
    name: str, texts: list[str], cells: Cells, written: str | None
) -> tuple[pd.Series[pd.Timestamp], bool]:
    """Read times from text, with a time zone if all texts have one."""
    texts = [text.strip() for text in texts]
    filled = [n for n, text in enumerate(texts) if text]
    dates = [n for n in filled if DATE.fullmatch(texts[n])]
    zoned = [n for n in filled if OFFSET.search(texts[n])]
    only_dates, all_zoned = bool(dates), bool(zoned)
    if written is not None:
        only_dates = not re.search(r"%[HIcXsT]", written)
        all_zoned = "%z" in written.lower()
    parsed: pd.Series[pd.Timestamp] = pd.to_datetime(
        pd.Series([text or None for text in texts], dtype=object),
        format=written or "ISO8601",
        utc=all_zoned,
        errors="coerce",
    )
    for n in filled:
        if pd.isna(parsed.iloc[n]):
            cells.fault(
                n, f"{name} '{texts[n]}' is not a time in {written or 'ISO 8601'}"
            )
    if written is None:
        with_time = sorted(set(filled) - set(dates))
        _add_mixed(name, texts, cells, filled, with_time, "time")
        _add_mixed(name, texts, cells, filled, zoned, "UTC offset")
    return parsed.dt.as_unit("us"), only_dates


def _add_mixed(
    name: str,
    texts: list[str],
    cells: Cells,
    filled: list[int],
    complete: list[int],
    what: str,
) -> None:
    """Add a fault for each row that lacks a time or an offset that others have."""
    if not complete:
        return
    for n in sorted(set(filled) - set(complete)):
        cells.fault(n, f"{name} '{texts[n]}' has no {what}, but others do")


def _localised(
    name: str,
    parsed: pd.Series[pd.Timestamp],
    texts: list[str],
    dates: bool,
    cells: Cells,
    options: FactOptions,
) -> pd.Series[pd.Timestamp]:
    """Attach the time zone of the options to times without a zone."""
    if options.timezone is None:
        raise BadInput(
            f"{cells.faults.file}: column {name} has {'dates' if dates else 'times'} "
            "without a time zone. Set timezone to the zone of these "
            f"{'dates' if dates else 'times'}, such as America/New_York."
        )
    if dates:  # in some zones clocks change at midnight
        return at_wall_clock(parsed, options.timezone)
    return cells.localised(parsed, texts, options.timezone)


def at_wall_clock(naive: pd.Series[pd.Timestamp], zone: str) -> pd.Series[pd.Timestamp]:
    """Attach a time zone to wall-clock times.

    Of a time that occurs twice the later one is used; of a time that clocks skip, the
    next one that exists.
    """
    later = np.zeros(len(naive), dtype=bool)
    return naive.dt.tz_localize(zone, ambiguous=later, nonexistent="shift_forward")


def local_days(instants: pd.Series[pd.Timestamp], zone: str) -> pd.Series[float]:
    """Return days since 1970-01-01 in a time zone, as float64; NaN for NaT."""
    days = instants.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    return (days - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)


def numbers_of(
    name: str, column: pa.ChunkedArray, cells: Cells, nulls: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """Read a column of values; a missing value is NaN.

    Raises
    ------
    BadInput
        The type of the column is not a number.
    """
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind):
        texts = [text.strip() for text in texts_of(column)]
        known = ["" if text in nulls else text for text in texts]
        values = cells.floats(name, [text or "nan" for text in known], required=False)
        unknown = np.array([not text for text in known], dtype=bool)
    elif types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind):
        values = column.cast(pa.float64(), safe=False).to_numpy()
        unknown = np.isnan(values)
    else:
        raise BadInput(
            f"{cells.faults.file}: column {name} is {kind} and must be a number."
        )
    odd = np.isinf(values) | (np.isnan(values) & ~unknown)
    for n in where(odd):
        cells.fault(
            n,
            f"{name} {values[n]} is not a finite number; if the text means a missing "
            "value, add it to nulls",
        )
    return values


def known_by_rule(
    events: Stamps, rule: Availability, zone: str
) -> pd.Series[pd.Timestamp]:
    """Compute when events are known, by the rule ``available``.

    Returns
    -------
    Series
        datetime64[us, UTC]; for times when clocks change see `at_wall_clock`.

    Raises
    ------
    BadInput
        Events are dates, and the rule makes them known at the start of the day.
    """
    if events.dates and not rule.days and rule.at is None:
        raise BadInput(
            "available: the events are dates, and an event is not known at the start "
            "of its day. Write {days: 1, at: '00:00'}, or set at to a time of day."
        )
    if rule.at is None and not events.dates:
        return events.instants + pd.Timedelta(days=rule.days)
    local = events.instants.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    at = pd.Timedelta(0)
    if rule.at is not None:
        at = pd.Timedelta(
            hours=rule.at.hour, minutes=rule.at.minute, seconds=rule.at.second
        )
    known = at_wall_clock(local + pd.Timedelta(days=rule.days) + at, zone)
    return known.dt.tz_convert("UTC").dt.as_unit("us")
