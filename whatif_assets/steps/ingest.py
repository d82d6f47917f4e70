"""Reading a market's bars from its source, several sessions at a time."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.adjustments import Step
from whatif_assets.domain.bars.schema import (
    PRICES,
    RefusedBars,
    no_bars,
    repeats_symbol,
    session_starts,
    with_vwap,
)
from whatif_assets.domain.bars.tidy import bars_window, stamp_size
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.quality import Finding, Inspection, inspect, rules_hash
from whatif_assets.domain.quality.losses import LeftOut, blocking
from whatif_assets.home.home import Home
from whatif_assets.home.parquet import as_parquet
from whatif_assets.home.quality_findings import left_out_of, refusal
from whatif_assets.settings.market import Market
from whatif_assets.sources import LoadReport, code_of_source, load_bars
from whatif_assets.steps.actions import Actions


@dataclass(frozen=True)
class SessionLoad:
    """The bars of one session of a source, with findings about them.

    Attributes
    ----------
    bars
        As `whatif_assets.domain.bars.tidy.tidy` returns them, without ``session`` and
        without the symbols that a finding leaves out; empty if ingest refused them.
    report
        The loader's report, as plain values.
    findings
        Findings of the data checks.
    steps
        Splits and dividends of the session, by symbol.
    content
        The bars as Parquet, as the lake stores them.
    """

    bars: pd.DataFrame
    report: dict[str, Any]
    findings: list[Finding]
    steps: Mapping[str, Step] = field(default_factory=dict)
    content: bytes = b""


class SessionBars:
    """Bars of the sessions of a run, read from the source in stretches.

    A stretch of sessions is read and checked together, and divided by session. If it
    cannot be read, its first half is tried, and so on, so that only the faulty session
    fails. The findings of a session do not depend on its stretch: the session is always
    compared with the source's bars of the session before it, even if that is not part
    of the run.

    Parameters
    ----------
    home
        The home, with its market.
    keys
        Sessions of the run, ``YYYY-MM-DD``, in order.
    """

    def __init__(self, home: Home, keys: Sequence[str]) -> None:
        self._home, self._market = home, home.market
        self._keys = list(keys)
        self._source = home.market.open_source(home.path)
        self._rules = home.market.rules
        self._at_a_time = home.market.sessions_at_a_time(len(home.symbols))
        self._actions = Actions(home)
        self._encoders = ThreadPoolExecutor(os.cpu_count())
        self._read: dict[str, Future[SessionLoad]] = {}
        self._last_bars: dict[date, pd.DataFrame] = {}
        excluded = {"name", "last_session", "quality", "facts", "lake"}
        # The lake has bars as traded, of each symbol by itself.
        excluded |= {"adjust", "actions", "multiplier", "groups"}
        settings = self._market.model_dump(mode="json", exclude=excluded)
        self._of_all = {
            "settings": combined_hash([settings]),
            "quality": rules_hash(self._rules, home.market.may_lose),
            **code_of_source(home.market.source),
        }
        self._hash_of = functools.lru_cache(maxsize=8)(combined_hash)

    def inputs(self, key: str) -> dict[str, str]:
        """Return hashes of what decides a session's bars and findings, by part.

        The parts are the market's settings, the severities of findings, the splits and
        dividends of the session, and the source's files with the bars of the session
        and of the session before, with which it is compared.
        """
        day, sessions = date.fromisoformat(key), self._market.sessions
        before = sessions.previous(day, 1) or [day]
        stamped = stamp_size(self._market.bar_size, self._source.of_trades)
        start, end = bars_window(sessions, stamped, before[0], day)
        state = self._source.state(start, end)
        return {
            **self._of_all,
            "source": self._hash_of(tuple(state)),
            "actions": self._actions.hash_of(day),
        }

    def of(self, key: str) -> SessionLoad:
        """Return the tidy bars of one session, with findings about them.

        Raises
        ------
        BadInput
            The source cannot be read. If it can be read, but has no bars or rows that
            are not bars, this is a finding.
        """
        try:
            if key not in self._read:
                self._read |= self._inspect_first(self._stretch(key))
            load = self._read.pop(key).result()
            if load.bars.empty and not blocking(load.findings):
                raise RefusedBars(
                    "no_bars",
                    f"Session {key}: the source '{self._market.source}' has no bars.",
                )
        except RefusedBars as error:
            found = [self._refusal(date.fromisoformat(key), error)]
            none = with_vwap(no_bars())[0]
            return SessionLoad(none, {}, found, content=as_parquet(none, "price_bars"))
        return load

    def _inspect_first(self, stretch: Sequence[str]) -> dict[str, Future[SessionLoad]]:
        """Inspect a stretch, or as much of its start as can be read."""
        try:
            return self._inspect(stretch)
        except BadInput:
            if not stretch[1:]:
                raise
        return self._inspect_first(stretch[: len(stretch) // 2])

    def _stretch(self, key: str) -> list[str]:
        start = self._keys.index(key)
        return self._keys[start : start + self._at_a_time]

    def _inspect(self, stretch: Sequence[str]) -> dict[str, Future[SessionLoad]]:
        """Read and inspect the sessions from the first to the last of a stretch.

        Other threads select the bars of each session and encode them.
        """
        first, last = (date.fromisoformat(stretch[n]) for n in (0, -1))
        frame, report, before = self._with_last_bars(first, last)
        days = self._market.sessions.dates(first, last)
        steps = {day: self._steps(day, frame) for day in days}
        inspected = Inspection(
            bars=frame,
            report=report,
            days=days,
            steps=steps,
            before=before,
            sessions=self._market.sessions,
            bar_size=self._market.bar_size,
            repairs=self._market.repairs,
        )
        found = inspect(inspected, self._rules)
        rows = _rows_by_session(frame, days)

        def _load_of(day: date) -> SessionLoad:
            refused = report.refused.get(day, {})
            findings = [self._refusal(day, e, name) for name, e in refused.items()]
            # A symbol that was refused did not vanish.
            gone = {("symbols_vanish", symbol) for symbol in refused}
            others = found.get(day, [])
            findings += [one for one in others if (one.check, one.symbol) not in gone]
            bars = _without(_taken(frame, rows[day]), blocking(findings))
            summary = report.of_session(bars, day).metadata()
            content = as_parquet(bars, "price_bars")
            return SessionLoad(bars, summary, findings, steps[day], content)

        self._last_bars[last] = last_bars(frame.take(rows[last]))
        days_of = {session: date.fromisoformat(session) for session in stretch}
        return {s: self._encoders.submit(_load_of, day) for s, day in days_of.items()}

    def _refusal(
        self, day: date, error: RefusedBars, symbol: str | None = None
    ) -> Finding:
        """Make a finding of a refusal; its paths stay valid if the home is moved."""
        found = refusal(day, error, symbol)
        return replace(found, example=self._home.within(found.example))

    def _steps(self, day: date, frame: pd.DataFrame) -> dict[str, Step]:
        """Compute the steps of a session; ``frame`` may have the bars before it."""
        paying = self._actions.paying(day)
        if not paying:
            return self._actions.steps(day, {})
        at_hand = frame[frame["symbol"].isin(paying)]
        at_hand = at_hand[at_hand["session"] < pd.Timestamp(day)]
        closes = last_closes(at_hand, self._market)
        earlier = self._market.sessions.previous(
            frame["session"].min().date() if len(frame) else day, len(self._calendar)
        )
        reach = 1
        while earlier and (lacking := sorted(set(paying) - closes.keys())):
            some, earlier = earlier[-reach:], earlier[:-reach]
            bars, _ = self._load(some[0], some[-1], lacking)
            closes.update(last_closes(bars, self._market))
            reach *= 8
        return self._actions.steps(day, closes)

    @functools.cached_property
    def _calendar(self) -> list[date]:
        return self._market.sessions.dates()

    def _with_last_bars(
        self, first: date, last: date
    ) -> tuple[pd.DataFrame, LoadReport, pd.DataFrame | None]:
        """Read sessions, and the last bars of the session before them, if any."""
        previous = self._market.sessions.previous(first, 1)
        known = self._known_last_bars(previous[0]) if previous else None
        if not previous or known is not None:
            return *self._load(first, last), known
        try:
            frame, report = self._load(previous[0], last)
        except BadInput:  # caused by the session before, or raised again here
            return *self._load(first, last), None
        own = frame["session"] >= pd.Timestamp(first)
        return frame[own].reset_index(drop=True), report, last_bars(frame[~own])

    def _known_last_bars(self, day: date) -> pd.DataFrame | None:
        """Return the last bars of a session, if this run or the lake has them."""
        if day in self._last_bars:
            return self._last_bars[day]
        manifest = self._home.lake.manifest("price_bars", day.isoformat())
        now = self.inputs(day.isoformat())
        same_bars = ("settings", "source")
        if manifest is None or any(manifest.inputs.get(p) != now[p] for p in same_bars):
            return None
        if left_out_of(self._home.lake, [day]):
            return None
        columns = ["symbol", *PRICES]
        return last_bars(self._home.lake.read("price_bars", str(day), columns))

    def _load(
        self, first: date, last: date, symbols: Sequence[str] = ()
    ) -> tuple[pd.DataFrame, LoadReport]:
        return load_bars(
            self._source,
            list(symbols or self._home.symbols),
            self._market.sessions,
            self._market.bar_size,
            first,
            last,
            self._market.hours,
            self._market.repairs,
            categories=True,
            negative_prices=self._market.negative_prices,
            leave_out=True,
        )


def _rows_by_session(
    bars: pd.DataFrame, sessions: Sequence[date]
) -> dict[date, npt.NDArray[np.intp]]:
    """Return the positions of each session's rows, in order."""
    first = session_starts(bars)
    days, number = np.unique(bars["session"].to_numpy()[first], return_inverse=True)
    of_each = np.repeat(number.astype(np.int16), np.diff(first, append=len(bars)))
    rows = np.argsort(of_each, kind="stable")  # int16 makes this a fast radix sort
    counts = np.bincount(of_each, minlength=len(days))
    ends = np.cumsum(counts)
    found = zip(pd.DatetimeIndex(days).date, ends - counts, ends, strict=True)
    of_day = {day: rows[start:end] for day, start, end in found}
    return {session: of_day.get(session, rows[:0]) for session in sessions}


def _taken(bars: pd.DataFrame, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Take some rows of bars, with a new index and without the column ``session``."""
    own = {name: column.array.take(rows) for name, column in bars.items()}
    del own["session"]
    return pd.DataFrame(own, copy=False)


def _without(bars: pd.DataFrame, left_out: Sequence[LeftOut]) -> pd.DataFrame:
    """Keep the bars of symbols that are not left out; none if the session is."""
    if not left_out:
        return bars
    symbols = {one.symbol for one in left_out}
    kept = ~bars["symbol"].isin([*symbols]) & (None not in symbols)
    return bars[kept].reset_index(drop=True)


def last_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """Return symbol (text) and prices of each symbol's last bar, from sorted bars."""
    last = np.append(~repeats_symbol(bars)[1:], True)[: len(bars)]
    return bars.loc[last, ["symbol", *PRICES]].astype({"symbol": object})


def last_closes(bars: pd.DataFrame, market: Market) -> dict[str, float]:
    """Return the last close of each symbol in trading hours, or else outside them."""
    if bars.empty:
        return {}
    hours = market.sessions.schedule(sorted(bars["session"].dt.date.unique()))
    ends = bars["session"].map(dict(zip(pd.to_datetime(hours.index), hours["close"])))
    late = (bars["ts"] >= ends) & (not market.bar_size.daily)
    ordered = bars.assign(early=~late).sort_values(["early", "ts"])
    closes = ordered.groupby("symbol", observed=True)["close"].last()
    return {str(symbol): float(close) for symbol, close in closes.items()}
