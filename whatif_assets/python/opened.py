"""A home that was opened in Python: its results as frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.home.home import Home
from whatif_assets.python.frames import Library, conversion
from whatif_assets.python.shown import Bars, Difference, Equity, Outcome, Ranking
from whatif_assets.report.database import opened
from whatif_assets.report.overview import (
    named_study,
    no_report,
    outdated_note,
    studies_table,
)
from whatif_assets.report.queries import run_query
from whatif_assets.report.views import quoted
from whatif_assets.steps.comparison.compare import compare
from whatif_assets.steps.comparison.entries import find_entry
from whatif_assets.steps.feature_tables import table_of

Symbols = str | Iterable[str] | None
Day = str | date | None


class OpenedHome:
    """A home with its results; every frame is what ``whatif.duckdb`` holds.

    Times are UTC. Columns are described in the reference, and in the database as
    comments.

    Parameters
    ----------
    home
        The home.
    frames
        Library of the frames: ``pandas``, ``polars``, ``arrow`` or ``spark``.
    """

    def __init__(self, home: Home, frames: Library = "pandas") -> None:
        self._home, self._convert = home, conversion(frames)

    @property
    def path(self) -> Path:
        """Folder of the home."""
        return self._home.path

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the market."""
        return self._home.symbols

    def studies(self) -> Any:
        """List the studies of the home with their state, winner and verdict."""
        return self._convert(studies_table(self._home))

    def leaderboard(self, study: str | None = None) -> Any:
        """Return all variants of a study, the best first.

        Parameters
        ----------
        study
            Name of a study, or a study file; not needed if the home has one study.

        Raises
        ------
        BadInput
            There is no such study, or it was not run yet.
        """
        name = self._study(study)
        query = "FROM leaderboard WHERE study = ? ORDER BY rank"
        return self._shown(self._of_study(name, query), Ranking)

    def best(self, study: str | None = None) -> Outcome:
        """Return the best configuration of a study; parameters as `leaderboard`."""
        return self._outcome(study, "best_configuration")

    def verdict(self, study: str | None = None) -> Outcome:
        """Return the verdict on the best configuration; parameters as `leaderboard`."""
        return self._outcome(study, "verdicts")

    def bars(self, symbols: Symbols = None, start: Day = None, end: Day = None) -> Any:
        """Return bars of some sessions, sorted by symbol and time.

        Parameters
        ----------
        symbols
            A symbol or several; all by default.
        start, end
            First and last session, as a date or a text such as ``2018-02-20``; by
            default all.

        Raises
        ------
        BadInput
            The market lacks a symbol, a date is wrong, or there was no run yet.
        """
        return self._shown(self._select("price_bars", symbols, start, end), Bars)

    def features(
        self,
        symbols: Symbols = None,
        start: Day = None,
        end: Day = None,
        bar: str | None = None,
    ) -> Any:
        """Return the features of some sessions, a column for each.

        Parameters
        ----------
        symbols, start, end
            As for `bars`.
        bar
            Size of the bars, such as ``5min``; by default that of the market.

        Raises
        ------
        BadInput
            As `bars`; or no study uses bars of this size.
        """
        size = BarSize.parse(bar) if bar else self._home.market.bar_size
        used = self._home.features()
        if size not in used:
            sizes = one_of(str(known) for known in used)
            raise BadInput(f"bar: no study uses {size} bars; allowed are {sizes}.")
        return self._convert(
            self._select(table_of(self._home, size), symbols, start, end)
        )

    def forecasts(
        self,
        configuration: str,
        symbols: Symbols = None,
        start: Day = None,
        end: Day = None,
    ) -> Any:
        """Return the forecasts of a configuration.

        Parameters
        ----------
        configuration
            Its key, such as ``demo.linear``.
        symbols, start, end
            As for `bars`; the dates are those of ``ts`` in UTC.

        Raises
        ------
        BadInput
            As `bars`; or there is no such configuration.
        """
        key = self._home.find(configuration)[0].key
        return self._convert(
            self._select("forecasts", symbols, start, end, ("configuration = ?", key))
        )

    def equity(self, entry: str | None = None) -> Any:
        """Return the equity of a finalist at the end of each session.

        Parameters
        ----------
        entry
            A study (its best configuration), a configuration (its best variant), or
            ``configuration:variant``; not needed if the home has one study.

        Raises
        ------
        BadInput
            There is no such entry, or it is no finalist of its study.
        """
        return self._shown(self._of_entry("equity", entry, "session"), Equity)

    def trades(self, entry: str | None = None) -> Any:
        """Return the closed trades of a finalist; parameters as `equity`."""
        return self._convert(self._of_entry("trades", entry, "opened, symbol"))

    def compare(self, a: str, b: str) -> Difference:
        """Compare two entries, named as for `equity`; differences are B minus A.

        Raises
        ------
        BadInput
            There is no such entry, or both have no session in common.
        """
        return Difference.of(compare(self._home, a, b))

    def sql(self, query: str) -> Any:
        """Return the rows of a query of ``whatif.duckdb``, which only reads.

        Raises
        ------
        BadInput
            DuckDB refuses the query, or there was no run yet.
        """
        return self._convert(self._rows(query))

    def __repr__(self) -> str:
        names = ", ".join(self._home.studies()) or "none"
        return f"Home {self.path}: studies {names}."

    def _repr_html_(self) -> str:
        """Show the studies in a notebook."""
        table = studies_table(self._home).to_html(index=False, border=0)
        return f"<p>Home {self.path}</p>{table}"

    def _rows(self, query: str, values: Sequence[Any] = ()) -> pd.DataFrame:
        if not self._home.database.exists():
            raise no_report(self._home.database)
        with opened(self._home) as connection:
            return run_query(connection, query, values)

    def _shown(self, rows: pd.DataFrame, kind: type[pd.DataFrame]) -> Any:
        """Convert rows; those of pandas can draw themselves."""
        found = self._convert(rows)
        return kind(found) if isinstance(found, pd.DataFrame) else found

    def _study(self, study: str | None) -> str:
        if study is not None:
            return named_study(self._home, study).name
        names = list(self._home.studies())
        if len(names) != 1:
            raise BadInput(
                f"The home {self.path} has {len(names)} studies; name one: "
                f"{one_of(names) or 'none'}."
            )
        return names[0]

    def _of_study(self, name: str, query: str) -> pd.DataFrame:
        rows = self._rows(query, [name])
        if rows.empty:
            raise BadInput(f"Study {name} has no result yet; use 'whatif run {name}'.")
        if note := outdated_note(self._home, self._home.study(name)):
            warnings.warn(note, stacklevel=3)
        return rows

    def _outcome(self, study: str | None, table: str) -> Outcome:
        name = self._study(study)
        query = "FROM best_configuration WHERE study = ?"
        (row,) = self._of_study(name, query).to_dict("records")
        figures = row
        if table != "best_configuration":
            found = self._rows(f"FROM {quoted(table)} WHERE study = ?", [name])
            figures = next(iter(found.to_dict("records")), {})
        reasons = row["reasons"] if isinstance(row["reasons"], str) else ""
        curve = self._rows(
            "SELECT e.* FROM equity e JOIN best_configuration b "
            "USING (study, configuration, variant) WHERE e.study = ? ORDER BY session",
            [name],
        )
        said = tuple(reasons.split("\n")) if reasons else ()
        return Outcome(name, row["conclusion"], said, dict(figures), Equity(curve))

    def _select(
        self,
        table: str,
        symbols: Symbols,
        start: Day,
        end: Day,
        further: tuple[str, Any] | None = None,
    ) -> pd.DataFrame:
        conditions = [further] if further else []
        if symbols is not None:
            conditions.append(("list_contains(?, symbol)", self._checked(symbols)))
        time = "ts::DATE" if table == "forecasts" else "session"
        if start is not None:
            conditions.append((f"{time} >= ?", _day("start", start)))
        if end is not None:
            conditions.append((f"{time} <= ?", _day("end", end)))
        where = " AND ".join(condition for condition, _ in conditions) or "true"
        query = f"FROM {quoted(table)} WHERE {where} ORDER BY symbol, ts"
        return self._rows(query, [value for _, value in conditions])

    def _checked(self, symbols: str | Iterable[str]) -> list[str]:
        wanted = [symbols] if isinstance(symbols, str) else list(symbols)
        for symbol in wanted:
            if symbol not in self._home.symbols:
                raise BadInput(
                    f"symbols: the market has no '{symbol}'."
                    f"{did_you_mean(str(symbol), self._home.symbols)}"
                )
        return wanted

    def _of_entry(self, table: str, entry: str | None, order: str) -> pd.DataFrame:
        found = find_entry(self._home, entry or self._study(None))
        values = found.study.name, found.configuration.key, found.variant.id
        rows = self._rows(
            f"FROM {quoted(table)} WHERE study = ? AND configuration = ? "
            f"AND variant = ? ORDER BY {order}",
            values,
        )
        if rows.empty and table == "equity":
            raise BadInput(
                f"{found.name}: the database has the sessions and trades of the "
                f"{found.study.finalists} best variants of a configuration only, its "
                "finalists. Raise 'finalists' in the study and run it again."
            )
        return rows


def open_home(home: str | Path = "data", *, frames: Library = "pandas") -> OpenedHome:
    """Open a home, to read its results.

    Parameters
    ----------
    home
        Folder of the home.
    frames
        Library of the frames: ``pandas``, ``polars``, ``arrow`` or ``spark``.

    Raises
    ------
    BadInput
        The folder is not a home, or ``frames`` is unknown.
    """
    return OpenedHome(Home.open(Path(home)), frames)


def _day(name: str, value: str | date) -> date:
    """Read a date; BadInput names the argument."""
    try:
        return pd.Timestamp(value).date()
    except (ValueError, TypeError):
        raise BadInput(
            f"{name}: found {value!r}; write a date such as 2018-02-20."
        ) from None
