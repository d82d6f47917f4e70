"""What the forecasts of a configuration are worth, before any trading rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.forecast_quality.bins import NO_BIN, binned, number_of_bins
from whatif_assets.domain.forecast_quality.forward_returns import horizons_of
from whatif_assets.domain.forecast_quality.measuring import Measured, measure, together
from whatif_assets.domain.forecast_quality.plan import BARS, FORECAST, Plan
from whatif_assets.domain.forecast_quality.summary import Tables, summarise
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.feature_tables import read_features
from whatif_assets.steps.forecasting import forecast_reads
from whatif_assets.steps.path_forecasts import read_path

TABLE = "forecast_quality"
# The tables of `whatif_assets.domain.forecast_quality.summary.Tables`, in its order.
TABLES = (TABLE, *LAKE[TABLE].beside)
KEYS = ["symbol", "ts"]
# Rows of bars that are read at once; more sessions are read one after the other.
MOST_ROWS = 1_000_000


def forecast_quality(
    home: Home, study: Study, configuration: Configuration
) -> dict[str, pd.DataFrame]:
    """Compare the out-of-sample forecasts of a configuration with what came true.

    Only bars of test windows are read, so that a holdout stays sealed.

    Returns
    -------
    dict
        The tables `TABLES` by name; without rows for a configuration without a model.

    Raises
    ------
    BadInput
        Forecasts, features or bars are not materialised.
    """
    if configuration.algorithm is None:
        return {name: LAKE[name].empty() for name in TABLES}
    source = _Source.of(home, study, configuration)
    plan = source.plan()
    found = summarise(together(source.measured(plan)), plan)
    return _named(found)


def _named(found: Tables) -> dict[str, pd.DataFrame]:
    frames = (found.quality, found.decay, found.periods, found.bins, found.parts)
    return dict(zip(TABLES, frames))


def forecast_quality_inputs(home: Home, key: str) -> dict[str, str]:
    """Return hashes of the inputs of a configuration's forecast quality, by part."""
    forecasts = home.lake.versions("forecasts", [key])
    return {**forecast_reads(home, key), "forecasts": combined_hash(forecasts)}


@dataclass(frozen=True)
class _Source:
    """The forecasts of a configuration, and the bars and features of its tests.

    Attributes
    ----------
    home, configuration
        The home and the configuration.
    sessions
        Sessions of all test windows, oldest first.
    forecasts
        symbol, ts, and the forecast return as `FORECAST`.
    """

    home: Home
    configuration: Configuration
    sessions: tuple[date, ...]
    forecasts: pd.DataFrame

    @classmethod
    def of(cls, home: Home, study: Study, configuration: Configuration) -> _Source:
        """Read the forecasts, of several paths those of path 0."""
        sessions = evaluated_sessions(home, study)
        wanted = [*KEYS, "expected_return"]
        forecasts = read_path(home, configuration.key, wanted)
        forecasts = forecasts.rename(columns={"expected_return": FORECAST})
        return cls(home, configuration, tuple(sessions), forecasts)

    def plan(self) -> Plan:
        """Choose horizons, periods and bins."""
        configuration, market = self.configuration, self.home.market
        size, bars = self.home.bar_size(configuration), self._bars_of_session()
        return Plan(
            label=configuration.label,
            size=size,
            timezone=str(market.sessions.timezone),
            symbols=tuple(self.home.symbols_learned(configuration)),
            signals=(FORECAST, *self._features()),
            horizons=horizons_of(configuration.label, size, math.ceil(bars)),
            bins=number_of_bins(len(self.forecasts)),
            bars_of_session=bars,
        )

    def _features(self) -> list[str]:
        columns = [feature.column for feature in self.configuration.features]
        return [name for name in columns if name != FORECAST]

    def _bars_of_session(self) -> float:
        """Count the bars of a symbol in a session, at least 1."""
        size, sessions = self.home.bar_size(self.configuration), self.sessions
        if size.timed:
            starts = self.home.market.sessions.starts
            return float(max(len(starts(day, size.length)) for day in sessions))
        symbols = max(self.forecasts["symbol"].nunique(), 1)
        return max(len(self.forecasts) / symbols / len(sessions), 1.0)

    def measured(self, plan: Plan) -> Iterator[Measured]:
        """Measure some sessions after the other, so that few are in memory."""
        ahead, bins = _sessions_ahead(plan), self._bins(plan)
        for chunk in _chunks(self.sessions, plan):
            end = self.sessions.index(chunk[-1]) + 1
            read = (*chunk, *self.sessions[end : end + ahead])
            rows = self._rows(read, chunk, plan)
            found = _looked_up(rows, _between(bins, rows))["bin"]
            rows["bin"] = found.fillna(NO_BIN).astype(np.int64)
            schedule = self.home.market.sessions.schedule(self._calendar(read, plan))
            yield measure(rows, self._signals(rows, read, plan), schedule, plan)

    def _bins(self, plan: Plan) -> pd.DataFrame:
        """Sort all forecasts into bins: symbol, ts, bin."""
        schedule = self.home.market.sessions.schedule(list(self.sessions))
        opens = schedule["open"].to_numpy(dtype="datetime64[us]")
        if plan.size.daily:
            opens = schedule.index.to_numpy(dtype="datetime64[us]")
        times = self.forecasts["ts"].to_numpy(dtype="datetime64[us]")
        sessions = np.searchsorted(opens, times, side="right")
        values = self.forecasts[FORECAST].to_numpy(dtype=np.float64)
        found = binned(values, sessions.astype(np.int64), plan.bins)
        return self.forecasts[KEYS].assign(bin=found)

    def _rows(
        self, read: Sequence[date], chunk: Sequence[date], plan: Plan
    ) -> pd.DataFrame:
        """Read bars, sorted by symbol and time, on the price basis of one session."""
        label = plan.label
        price = "close" if label.price == "typical" else label.price
        columns = list(dict.fromkeys([*KEYS, "open", "high", "low", price]))
        symbols = None if label.relative_to else plan.symbols
        bars = BarReader(self.home, plan.size).over(read, columns, symbols)
        bars = LakeSteps(self.home).adjusted(bars, read[0])
        if label.relative_to == "group":
            bars = self.home.with_groups(bars)
        counted = pd.to_datetime(bars["session"]) <= pd.Timestamp(chunk[-1])
        bars = bars.assign(counted=counted)
        return bars.sort_values(KEYS, kind="stable", ignore_index=True)

    def _signals(
        self, rows: pd.DataFrame, read: Sequence[date], plan: Plan
    ) -> Mapping[str, FloatArray]:
        """Look up the forecast and the features of each row."""
        forecasts = _between(self.forecasts, rows)
        columns = plan.signals[1:]
        features = read_features(self.home, plan.size, read, columns, plan.symbols)
        found = {FORECAST: _looked_up(rows, forecasts)[FORECAST]}
        looked_up = _looked_up(rows, features)
        found |= {name: looked_up[name] for name in columns}
        return {
            name: values.to_numpy(dtype=np.float64) for name, values in found.items()
        }

    def _calendar(self, read: Sequence[date], plan: Plan) -> list[date]:
        """List consecutive sessions from the first to the last that returns reach."""
        following = self.home.market.sessions.dates(read[0])
        end = following.index(read[-1]) + 1
        return following[: end + plan.horizons[-1] + 1]


def _between(values: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the values from the first to the last time of some rows."""
    return values[values["ts"].between(rows["ts"].min(), rows["ts"].max())]


def _looked_up(rows: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Look up values of (symbol, ts); NaN for a row without."""
    values = values.drop(columns="session", errors="ignore")
    return rows[KEYS].merge(values, on=KEYS, how="left", validate="1:1")


def _chunks(sessions: Sequence[date], plan: Plan) -> Iterator[Sequence[date]]:
    """Divide sessions into chunks of few rows, if sessions are compared alone."""
    most = int(MOST_ROWS / (plan.bars_of_session * len(plan.symbols))) or 1
    if plan.compares == BARS:
        most = len(sessions)
    for first in range(0, len(sessions), most):
        yield sessions[first : first + most]


def _sessions_ahead(plan: Plan) -> int:
    """Count the later sessions that the returns of a session may reach."""
    if not plan.crosses:
        return 0
    # A session may have half the usual bars; a daily one has its only bar.
    fewest = 1.0 if plan.size.daily else plan.bars_of_session / 2
    return math.ceil((plan.horizons[-1] + 1) / fewest)
