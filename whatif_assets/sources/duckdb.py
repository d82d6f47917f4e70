"""Source `duckdb`: bars from a SQL query over files or a database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import duckdb
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, Field, field_validator

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import (
    BAR_COLUMNS,
    REQUIRED_COLUMNS,
    outside_era,
)
from whatif_assets.domain.bars.sessions import DAY
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.cells import where
from whatif_assets.sources.csv_format import check_time_zone
from whatif_assets.sources.files import file_versions, find_files
from whatif_assets.sources.time_ranges import rows_between

SETTINGS: dict[str, Any] = {"autoinstall_known_extensions": "false"}
NUMBERS = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$")
Answer = TypeVar("Answer")
Column = Literal[
    "symbol", "ts", "open", "high", "low", "close", "volume", "vwap", "trade_count"
]


class DuckDbOptions(Settings):
    """Options of the source `duckdb`."""

    query: str = Field(
        min_length=1,
        description="One SELECT. Files in the query, such as FROM 'bars/*.parquet', "
        "are found like a path; bars are read again when one of the files changes.",
    )
    path: str | None = Field(
        default=None, description="A database file, opened read-only."
    )
    columns: dict[Column, str] = Field(
        default_factory=dict,
        description="Names of the columns in the query result, where they differ from "
        "these names.",
    )
    symbol: str | None = Field(
        default=None, min_length=1, description="Symbol of all rows."
    )
    stamp: Literal["start", "end"] = Field(
        default="start", description="Whether ts is the bar's start or its end."
    )
    timezone: str | None = Field(
        default=None,
        description="Time zone of ts, if the column has no zone. Dates need none.",
    )

    _check_time_zone = field_validator("timezone")(check_time_zone)


class DuckDb:
    """Bars from the result of a query, with renamed columns and checked types.

    Nothing is written: the query must be a single SELECT, the database is opened
    read-only, and no DuckDB extension is downloaded.
    """

    Options: ClassVar[type[BaseModel]] = DuckDbOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: DuckDbOptions, base: Path) -> None:
        """Keep the options; no file is opened yet."""
        self._options, self._base = options, base

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        query = " ".join(self._options.query.split())
        shown = self._options.path or (query if len(query) < 60 else query[:57] + "...")
        return f"The source 'duckdb' ({shown})"

    def symbols(self) -> list[str]:
        """List the symbols of the result, sorted."""
        if self._options.symbol is not None:
            return [self._options.symbol]
        name = self._columns["symbol"]
        rows = self._answer(f"SELECT DISTINCT {name} FROM {self._query}")
        return sorted(str(value) for value in rows.iloc[:, 0].dropna())

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List path, size and mtime of the database and of the files in the query."""
        return self.file_ages

    @cached_property
    def file_ages(self) -> list[str]:
        """Path, size and mtime of the files that the query reads, read once."""
        paths = [
            self._options.path or "",
            *re.findall("'([^']+)'", self._options.query),
        ]
        files = [file for path in paths for file in self._files_of(path)]
        return file_versions(dict.fromkeys(files), self._base)

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars whose ts is in [start, end)."""
        daily = bar_size.daily
        self._check_era(daily)
        ends = self._options.stamp == "end" and not daily
        shift = bar_size.length if ends else pd.Timedelta(0)
        chosen = {n: c for n, c in self._columns.items() if n != "symbol"}
        chosen["symbol"] = self._columns.get("symbol", "$symbol")
        ts = chosen["ts"]
        listed = ", ".join(f"{column} AS {name}" for name, column in chosen.items())
        # One more day at both ends: the time zone of ts is known only after reading.
        sql = (
            f"SELECT {listed} FROM {self._query} WHERE {ts} >= $first AND {ts} < $last "
            f"AND {chosen['symbol']} IN (SELECT unnest($symbols)) ORDER BY symbol, ts"
        )
        stamps = [(at + shift).tz_localize(None) for at in (start, end)]
        rows = self._answer(
            sql,
            first=stamps[0] - DAY,
            last=stamps[1] + DAY,
            symbols=symbols,
            **({"symbol": self._options.symbol} if self._options.symbol else {}),
        )
        rows = rows.assign(ts=self._instants(rows["ts"], daily) - shift)
        return rows_between(rows, start, end)

    @property
    def _query(self) -> str:
        # On separate lines, because the query may end with a comment.
        return f"(\n{self._options.query.strip().rstrip(';')}\n) AS bars"

    @cached_property
    def _database(self) -> Path | None:
        if self._options.path is None:
            return None
        return find_files(self._options.path, self._base, (".duckdb", ".db"))[0]

    @cached_property
    def _columns(self) -> dict[str, str]:
        """Map our column names to the columns of the result, quoted for SQL."""
        described = self._answer(f"DESCRIBE SELECT * FROM {self._query}")
        kinds = dict(zip(described["column_name"], described["column_type"]))
        lower = {name.lower(): name for name in kinds}
        found: dict[str, str] = {}
        for ours in BAR_COLUMNS:
            theirs = self._options.columns.get(ours, ours)  # type: ignore[call-overload]
            needed = ours in self._options.columns or ours in REQUIRED_COLUMNS
            name = lower.get(theirs.lower())
            if name is not None:
                self._check_type(ours, name, kinds[name])
                found[ours] = '"' + name.replace('"', '""') + '"'
            elif needed and not (ours == "symbol" and self._options.symbol):
                raise BadInput(
                    f"{self.where}: column '{theirs}' is missing; found "
                    f"{', '.join(kinds)}.{did_you_mean(theirs, kinds)} Rename the "
                    "column in the query (AS), or write its name in columns."
                )
        if self._options.symbol is not None:
            found.pop("symbol", None)
        return found

    def _check_type(self, ours: str, name: str, kind: str) -> None:
        """Raise if the type of a column is wrong: the query must cast it."""
        if ours == "symbol":
            right, needed = kind == "VARCHAR" or kind.startswith("ENUM"), "text"
        elif ours == "ts":
            right, needed = kind == "DATE" or kind.startswith("TIMESTAMP"), "a time"
        else:
            right, needed = NUMBERS.match(kind) is not None, "a number"
        if not right:
            raise BadInput(
                f"{self.where}: column '{name}' is {kind} and must be {needed}; cast "
                "the column in the query."
            )
        zoned = kind == "DATE" or "TIME ZONE" in kind or "TZ" in kind
        naive = ours == "ts" and not zoned
        if naive and self._options.timezone is None:
            raise BadInput(
                f"{self.where}: column '{name}' is {kind}, a time without a time "
                "zone. Set timezone to the zone of these times, such as "
                "America/New_York."
            )

    def _check_era(self, daily: bool) -> None:
        """Raise if ts is missing in a row, or is a time when no bar can exist."""
        ts, absent = self._span
        for name, rows in absent.items():
            if rows:
                raise BadInput(f"{self.where}: {name} is missing in {rows} row(s).")
        odd = where(outside_era(self._instants(ts, daily), daily))
        if odd:
            raise BadInput(
                f"{self.where}: ts is {ts.iloc[odd[0]]} in some row, when no bar can "
                "exist; is the unit of ts right?"
            )

    @cached_property
    def _span(self) -> tuple[pd.Series[Any], dict[str, int]]:
        """First and last ts of the result, and number of rows without ts or symbol."""
        ts = self._columns["ts"]
        symbol = self._columns.get("symbol", "1")
        row = self._answer(
            f"SELECT min({ts}) AS first, max({ts}) AS last, count(*) AS rows, "
            f"count({ts}) AS ts, count({symbol}) AS symbol FROM {self._query}"
        ).iloc[0]
        if not row["rows"]:
            raise BadInput(f"{self.where}: the query returns no rows.")
        absent = {name: int(row["rows"] - row[name]) for name in ("ts", "symbol")}
        return pd.Series([row["first"], row["last"]]), absent

    def _instants(self, ts: pd.Series[Any], daily: bool) -> pd.Series[pd.Timestamp]:
        """Convert ts to UTC; for daily bars to their date at 00:00."""
        stamps: pd.Series[pd.Timestamp] = pd.to_datetime(ts)
        zone = self._options.timezone or "UTC"
        if daily:
            if stamps.dt.tz is not None:
                stamps = stamps.dt.tz_convert(zone).dt.tz_localize(None)
            return stamps.dt.normalize().dt.tz_localize("UTC").dt.as_unit("us")
        if stamps.dt.tz is None:
            known = stamps.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
            odd = where(known.isna() & stamps.notna())
            if odd:
                raise BadInput(
                    f"{self.where}: ts {stamps.iloc[odd[0]]} occurs twice or never in "
                    f"{zone} because clocks change; return such times in UTC."
                )
            stamps = known
        return stamps.dt.tz_convert("UTC").dt.as_unit("us")

    def _files_of(self, path: str) -> list[Path]:
        try:
            return find_files(path, self._base, ()) if path else []
        except BadInput:
            return []  # a text in the query that is not a path

    def table(self) -> pa.Table:
        """Return the full result of the query, with all its columns.

        Raises
        ------
        BadInput
            The query fails; the message contains the error of DuckDB.
        """
        return self._run(
            lambda connection: connection.sql(
                f"SELECT * FROM {self._query}"
            ).to_arrow_table()
        )

    def _answer(self, sql: str, **values: object) -> pd.DataFrame:
        """Run a statement that contains the query."""
        return self._run(
            lambda connection: connection.execute(sql, values or None).df()
        )

    def _run(self, execute: Callable[[duckdb.DuckDBPyConnection], Answer]) -> Answer:
        """Run a function with a connection; errors of DuckDB become BadInput."""
        try:
            with self._connected() as connection:
                return execute(connection)
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise BadInput(f"{self.where}: DuckDB reports: {reason}") from None

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a restricted connection and check that the query is one SELECT."""
        database = self._database
        connection = duckdb.connect(
            str(database or ":memory:"), read_only=database is not None, config=SETTINGS
        )
        with connection:
            statements = connection.extract_statements(self._options.query)
            kinds = [statement.type for statement in statements]
            if kinds != [duckdb.StatementType.SELECT]:
                raise BadInput(f"{self.where}: the query must be one SELECT.")
            folders = f"{self._base.absolute()},{Path.cwd()}"
            connection.execute("SET file_search_path = ?", [folders])
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET python_enable_replacements = false")
            connection.execute("SET lock_configuration = true")
            yield connection
