"""One rule on one frame of bars: ``wi.backtest``, without a home and without files.

It takes the steps of the chain in memory: bars are made tidy, indicators are computed
session by session with their warm-up, and the same engine runs all variants. So its
figures are those that a study on the same bars has.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve, sleeves_of
from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import REQUIRED_COLUMNS
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.bars.tidy import tidy
from whatif_assets.domain.base.errors import BadInput, did_you_mean, few
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.features import features_of_sessions
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.engines.strategies import find_strategy, required_features
from whatif_assets.python.shown import Equity, Ranking
from whatif_assets.settings.configuration import NAME, Configuration
from whatif_assets.settings.entries import expand
from whatif_assets.settings.market import sessions_per_year
from whatif_assets.settings.study import Study

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ONE_SYMBOL = "bars"  # the symbol of a frame that names none
SHOWN = ("pnl", "total_return", "sharpe", "max_drawdown", "trades")
KEYS = ["symbol", "ts"]


@dataclass(frozen=True, eq=False)
class Backtest:
    """A backtest of every variant of a rule.

    Attributes
    ----------
    table
        A row per variant, the best first: ``rank``, ``configuration``, ``variant``, a
        column per setting and a column per metric.
    result
        Accounts and fills of all variants.
    sessions
        The sessions of the backtest.
    """

    table: Ranking
    result: BacktestResult
    sessions: tuple[date, ...]

    @property
    def best(self) -> dict[str, Any]:
        """The row of the best variant, by column."""
        return {str(k): value for k, value in self.table.iloc[0].items()}

    def equity(self, variant: str | None = None) -> Equity:
        """Return the equity of a variant, by default the best, session by session."""
        chosen = self._chosen(variant)
        number = self.result.variants.index(chosen)
        equity = self.result.total_equity[number]
        rows = pd.DataFrame({"session": pd.to_datetime(list(self.sessions))})
        rows["configuration"], rows["variant"] = self.best["configuration"], chosen
        rows["equity"] = equity
        return Equity(rows.assign(pnl=equity - self.result.start_cash[number]))

    def fills(self, variant: str | None = None) -> pd.DataFrame:
        """Return the fills of a variant, by default of the best."""
        return self.result.fills_of([self._chosen(variant)])

    def trades(self, variant: str | None = None) -> pd.DataFrame:
        """Return the closed trades of a variant, by default of the best."""
        return trades_of(self.fills(variant))

    def plot(self, variant: str | None = None) -> Figure:
        """Draw the profit of a variant, by default of the best."""
        return self.equity(variant).plot()

    def __str__(self) -> str:
        row = self.best
        figures = ", ".join(
            f"{name} {format_metric(name, row[name])}" for name in SHOWN
        )
        return (
            f"{row['configuration']}: the best of {len(self.table):,} variants over "
            f"{len(self.sessions)} sessions is {row['variant']}: {figures}. It was "
            "chosen on the sessions that it is measured on; a study judges whether "
            "that is more than luck."
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the sentence and the first variants in a notebook."""
        first = pd.DataFrame(self.table).head(10).to_html(index=False, border=0)
        return f"<p>{html.escape(str(self))}</p>{first}"

    def _chosen(self, variant: str | None) -> str:
        if variant is None:
            return str(self.best["variant"])
        if variant not in self.result.variants:
            raise BadInput(
                f"variant: found '{variant}'; the backtest has "
                f"{few(self.result.variants)}."
                f"{did_you_mean(variant, self.result.variants)}"
            )
        return variant


def backtest(
    bars: pd.DataFrame,
    strategy: str,
    grid: Mapping[str, Any] | None = None,
    *,
    start: str | date | None = None,
    bar: str | None = None,
    calendar: str = "XNYS",
    rank_by: str | Mapping[str, float] = "pnl",
) -> Backtest:
    """Backtest every variant of a rule on bars.

    >>> found = wi.backtest(bars, "ema_cross", {"fastperiod": [5, 10, 20]})
    >>> found.plot()

    Parameters
    ----------
    bars
        A row per bar: ``symbol``, ``ts`` (start of the bar; UTC, unless it has a time
        zone), ``open high low close volume``, and ``vwap`` if known. For one symbol
        the times may be the index, and the symbol may be left out. Capital letters in
        names of columns do not matter. A daily bar is stamped with its date.
    strategy
        Name of a rule, such as ``ema_cross``, or ``file.py:Class``.
    grid
        Fields of a configuration: settings of the rule, ``cash``, ``commission_bps``
        and so on. A list has the values to try; all combinations are run.
    start
        First session to trade; the bars before it warm indicators up. By default all
        sessions are traded.
    bar
        Size of the bars, such as ``5min``; found from the times by default.
    calendar
        Exchange calendar, as in a market; ``24/7`` has every day.
    rank_by
        A metric, or weights of metrics, as in a study.

    Raises
    ------
    BadInput
        A bar, the rule, a field or a date is wrong, or the rule needs a model.
    """
    study, rule = _rule(strategy, grid or {}, rank_by, bar)
    rows = _named(bars)
    size = BarSize.parse(bar) if bar else _size_of(rows)
    days = [day.date() for day in (rows["ts"].min(), rows["ts"].max())]
    week = timedelta(days=7)  # the date at the exchange can differ from the UTC date
    reach = Sessions(calendar, days[0] - week, days[1] + week)
    made, _ = tidy(rows, reach, size, "bars")
    sessions = _traded(made, reach, start)
    sleeves = _sleeves(rule, made, reach, sessions, size)
    result = run_backtests(
        sleeves, strategy, rule.variants(), n_sessions=len(sessions), base=rule.base
    )
    per_year, further = sessions_per_year(calendar), study.ranking.further
    table = _ranked(study, rule, measure(result, per_year, further=further))
    return Backtest(Ranking(table), result, tuple(sessions))


def _traded(
    bars: pd.DataFrame, reach: Sessions, start: str | date | None
) -> list[date]:
    """List the sessions of bars from a first one on; BadInput if there are none."""
    known = [day.date() for day in sorted(bars["session"].unique())]
    first = known[0] if start is None else _first(start)
    sessions = reach.dates(max(first, known[0]), known[-1])
    if not sessions:
        raise BadInput(
            f"start: found {first}, but the bars end on {known[-1]}; choose an earlier "
            "session."
        )
    return sessions


def _ranked(study: Study, rule: Configuration, metrics: pd.DataFrame) -> pd.DataFrame:
    """Describe the variants by their settings, and order them, the best first."""
    settings = pd.DataFrame(
        [
            {name: _cell(variant.settings.get(name)) for name in rule.sweep}
            for variant in rule.variants()
        ]
    )
    described = pd.concat([metrics[["variant"]], settings, metrics.iloc[:, 1:]], axis=1)
    ordered = study.ranking.order(described).reset_index(drop=True)
    ordered.insert(0, "configuration", rule.name)
    ordered.insert(0, "rank", ordered.index + 1)
    return ordered


def _rule(
    strategy: str,
    grid: Mapping[str, Any],
    rank_by: str | Mapping[str, float],
    bar: str | None,
) -> tuple[Study, Configuration]:
    """Validate the rule and its fields as a configuration of a study."""
    if "each" in grid or "search" in grid:
        raise _needs_study()
    swept = {
        name: value.tolist() if isinstance(value, np.ndarray) else list(value)
        for name, value in grid.items()
        if isinstance(value, (list, tuple, range, np.ndarray))
    }
    fixed = {name: value for name, value in grid.items() if name not in swept}
    name = strategy if NAME.fullmatch(strategy) else "rule"
    fields: dict[str, Any] = {"strategy": strategy, **fixed}
    if swept:
        fields["sweep"] = swept
    ranked = rank_by if isinstance(rank_by, str) else dict(rank_by)
    entries = {name: fields}
    try:
        study = Study(name="backtest", rank_by=ranked, configurations=entries)
    except ValidationError as error:
        detail = error.errors()[0]
        field = ".".join(map(str, detail["loc"]))
        raise BadInput(f"{field}: {explain(Study, detail)}") from None
    if "algorithm" in fields or find_strategy(strategy, Path()).needs_forecast:
        raise _needs_study()
    return study, expand(study, Path(), BarSize.parse(bar) if bar else None)[0]


def _needs_study() -> BadInput:
    return BadInput(
        "grid: wi.backtest runs one rule without a model; for models, and for 'each', "
        "write a study and use wi.run."
    )


def _named(bars: pd.DataFrame) -> pd.DataFrame:
    """Give a frame the columns of bars: names in small letters, symbol and ts."""
    if not isinstance(bars, pd.DataFrame):
        raise BadInput(
            f"bars: found {type(bars).__name__}; give a DataFrame of pandas. A frame "
            "of polars or Arrow has to_pandas()."
        )
    rows = bars.rename(columns=lambda name: str(name).lower())
    if "ts" not in rows and isinstance(rows.index, pd.DatetimeIndex):
        rows = rows.assign(ts=rows.index)
    rows = rows.reset_index(drop=True)
    if "symbol" not in rows:
        rows = rows.assign(symbol=ONE_SYMBOL)
    if lacking := [name for name in REQUIRED_COLUMNS if name not in rows]:
        raise BadInput(
            f"bars: {', '.join(lacking)} is missing; found the columns "
            f"{', '.join(map(str, bars.columns))}."
        )
    if rows.empty:
        raise BadInput("bars: there are no rows; give at least one bar.")
    return rows.assign(ts=_utc(rows["ts"]))


def _utc(times: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return pd.to_datetime(times, utc=True)
    except (ValueError, TypeError) as error:
        raise BadInput(f"bars: ts: {error}") from None


def _size_of(rows: pd.DataFrame) -> BarSize:
    """Find the size of bars: the shortest time between two bars of a symbol."""
    times = rows["ts"]
    if (times == times.dt.normalize()).all():
        return BarSize.parse("1day")
    steps = rows.sort_values(KEYS).groupby("symbol", observed=True)["ts"].diff()
    shortest = steps[steps > pd.Timedelta(0)].min()
    try:
        return BarSize.parse(f"{int(shortest.total_seconds() // 60)}min")
    except (BadInput, ValueError):
        raise BadInput(
            "bar: the size of the bars can't be found from their times; name it, such "
            "as bar='5min'."
        ) from None


def _first(start: str | date) -> date:
    try:
        return pd.Timestamp(start).date()
    except (ValueError, TypeError):
        raise BadInput(
            f"start: found {start!r}; write a date such as 2018-02-20."
        ) from None


def _sleeves(
    rule: Configuration,
    bars: pd.DataFrame,
    reach: Sessions,
    sessions: list[date],
    size: BarSize,
) -> list[Sleeve]:
    """Arrange the bars of the sessions and the indicators that the rule reads."""
    settings = [variant.settings for variant in rule.variants()]
    read = required_features(rule.strategy_type(), settings)
    if other := [f.column for f in read if f.bar or f.fact]:
        raise BadInput(
            f"grid: {few(other)} is computed on larger bars or from facts, which "
            "wi.backtest does not have; write a study and use wi.run."
        )
    indicators = [feature for feature in read if feature.column not in bars]
    before = reach.dates(None, sessions[-1])
    history = {day: before[: before.index(day)] for day in sessions}
    computed = features_of_sessions(bars, history, indicators) if indicators else None
    traded = bars[bars["session"] >= pd.Timestamp(sessions[0])]
    if computed is not None:
        traded = traded.merge(computed.drop(columns="session"), on=KEYS, how="left")
    hours = None if size.daily else reach.schedule(sessions)
    columns = [feature.column for feature in read]
    return sleeves_of(traded, sessions, columns, hours, size)


def _cell(value: Any) -> Any:
    return (
        value if isinstance(value, (int, float, str, type(None))) else json.dumps(value)
    )
