"""What a row must be to count as a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from whatif_assets.core.errors import BadInput, did_you_mean

PRICES = ("open", "high", "low", "close")
BAR_COLUMNS = ("symbol", "ts", *PRICES, "volume", "vwap", "trade_count")
REQUIRED_COLUMNS = ("symbol", "ts", *PRICES, "volume")
DTYPES: dict[str, Any] = {
    **dict.fromkeys(BAR_COLUMNS, "float64"),
    "symbol": "object",
    "ts": "datetime64[us, UTC]",
    "trade_count": "Int64",
}
# Where a source knows the file and line of a row, its errors name them.
ORIGIN_COLUMNS = ("file", "line")

BASE_BARS: Mapping[str, pd.Timedelta] = {
    "1min": pd.Timedelta(minutes=1),
    "5min": pd.Timedelta(minutes=5),
    "15min": pd.Timedelta(minutes=15),
    "30min": pd.Timedelta(minutes=30),
    "1h": pd.Timedelta(hours=1),
    "1day": pd.Timedelta(days=1),
}


def no_bars() -> pd.DataFrame:
    """Bars of nothing: each of `BAR_COLUMNS` in its type, and no row."""
    return pd.DataFrame({name: pd.Series(dtype=DTYPES[name]) for name in BAR_COLUMNS})


def bar_length(base_bar: str) -> pd.Timedelta:
    """How long a base bar lasts.

    Raises
    ------
    BadInput
        For a name that is none of `BASE_BARS`.
    """
    if base_bar not in BASE_BARS:
        raise BadInput(
            f"'{base_bar}' is no base bar.{did_you_mean(base_bar, BASE_BARS)} "
            f"Allowed: {', '.join(BASE_BARS)}."
        )
    return BASE_BARS[base_bar]


def typed(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Bring the columns of a tidy frame to their types, in a new frame."""
    lacking = [name for name in REQUIRED_COLUMNS if name not in frame]
    if lacking:
        raise BadInput(
            f"{where}: column {', '.join(lacking)} is missing; "
            f"found {', '.join(map(str, frame.columns))}."
        )
    columns: dict[str, Any] = {}
    for name in BAR_COLUMNS:
        missing = pd.Series(np.nan, index=frame.index)
        values: pd.Series[Any] = frame.get(name, missing)
        try:
            columns[name] = values.astype(DTYPES[name])
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"{where}: column {name} is {values.dtype} and cannot be read as "
                f"{DTYPES[name]}: {error}."
            ) from None
    origin = {name: frame[name] for name in ORIGIN_COLUMNS if name in frame}
    return pd.DataFrame(columns | origin)


def _schema() -> pa.DataFrameSchema:
    """Say what each row of bars must fulfil."""
    positive = pa.Check.in_range(
        0, np.inf, include_min=False, include_max=False, error="a positive number"
    )
    at_least_0 = pa.Check.in_range(0, np.inf, include_max=False, error="0 or more")
    return pa.DataFrameSchema(
        {
            "symbol": pa.Column(object, pa.Check.ne("", error="a name")),
            "ts": pa.Column(pd.DatetimeTZDtype("us", "UTC")),
            **{name: pa.Column("float64", positive) for name in PRICES},
            "volume": pa.Column("float64", at_least_0),
            "vwap": pa.Column("float64", positive, nullable=True),
            "trade_count": pa.Column("Int64", at_least_0, nullable=True),
        },
        checks=pa.Check(
            lambda bars: bars["high"] >= bars["low"], error="high at or above low"
        ),
    )


SCHEMA = _schema()


def check_rows(rows: pd.DataFrame, where: str) -> None:
    """Refuse rows that are no bars, and bars that are there twice."""
    try:
        SCHEMA.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as errors:
        # A rule about one column says more than one about the row: it comes first.
        cases = errors.failure_cases.sort_values(["index", "schema_context"])
        failed, number = cases.iloc[0], int(cases["index"].iloc[0])
        raise BadInput(
            f"{where}: {cases['index'].nunique()} row(s) are no bars. The first, "
            f"{_name(rows, number)}, has {_failure(failed)}. Correct or remove them."
        ) from None
    twice = np.flatnonzero(rows.duplicated(["symbol", "ts"]))
    if len(twice):
        pairs = [f"{_name(rows, n)} and {_name(rows, n - 1)}" for n in twice[:3]]
        raise BadInput(
            f"{where}: {len(twice)} row(s) repeat a bar, such as {'; '.join(pairs)}. "
            "Keep one row for each symbol and ts."
        )


def _failure(case: pd.Series[Any]) -> str:
    """Say one line of pandera's failures in words."""
    if case["schema_context"] == "DataFrameSchema":
        return f"not {case['check']}"
    rule = "a value" if case["check"] == "not_nullable" else case["check"]
    return f"{case['column']} {case['failure_case']} where {rule} is needed"


def _name(rows: pd.DataFrame, number: int) -> str:
    """Say which row it is: symbol, time, and file and line where known."""
    row = rows.iloc[number]
    origin = f" ({row['file']}, line {row['line']})" if "line" in rows else ""
    return f"{row['symbol']} {_written(row['ts'])}{origin}"


def _written(ts: pd.Timestamp) -> str:
    return "without ts" if pd.isna(ts) else f"{ts.tz_localize(None)} UTC"


def check_stamps(rows: pd.DataFrame, base_bar: str, where: str) -> None:
    """Refuse stamps that betray another kind of bar than the market's."""
    length, day = bar_length(base_bar), BASE_BARS["1day"]
    ts = rows["ts"]
    unit = day if length == day else BASE_BARS["1min"]
    odd = ts != ts.dt.floor(unit)
    if odd.any():
        number = int(np.argmax(odd))
        needed = "date at 00:00 UTC" if length == day else "start, on a whole minute"
        raise BadInput(
            f"{where}: {_name(rows, number)} is no {base_bar} bar: its ts must be its "
            f"{needed}. Set base_bar to what the source has, or correct the stamps."
        )
    if length < day and len(ts) and (ts == ts.dt.normalize()).all():
        raise BadInput(
            f"{where}: each row is stamped 00:00 UTC, as daily bars are, and base_bar "
            f"is {base_bar}. Set base_bar: 1day, or give the time of day."
        )
    gaps = ts.diff()[rows["symbol"] == rows["symbol"].shift()]
    if len(gaps) and (gaps < length).mean() > 0.5:
        minutes = pd.Timedelta(gaps.median()) / BASE_BARS["1min"]
        raise BadInput(
            f"{where}: most bars are {minutes:g} minutes apart, and base_bar is "
            f"{base_bar}. Set base_bar to what the source has."
        )
