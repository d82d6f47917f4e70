"""Measures of forecasts by period, from some sessions at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray, Mask
from whatif_assets.domain.features.cross_sections import numbers_of_times
from whatif_assets.domain.forecast_quality.bins import (
    binned,
    hits,
    means_by_bin,
    spread,
    turnover,
)
from whatif_assets.domain.forecast_quality.calibration import Moments, combined
from whatif_assets.domain.forecast_quality.correlations import (
    Groups,
    Series,
    correlations,
    mean_by,
)
from whatif_assets.domain.forecast_quality.forward_returns import (
    STARTS,
    ForwardReturns,
)
from whatif_assets.domain.forecast_quality.parts import sums_by_part
from whatif_assets.domain.forecast_quality.plan import (
    BARS,
    FORECAST,
    Plan,
    first_of,
    numbered,
)

Key = tuple[str, str, int]  # signal, start of the return, horizon


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured in some periods.

    Attributes
    ----------
    decay
        Information coefficients by period: signal, returns_from, horizon, period, ic,
        rank_ic.
    reasons
        For a signal, a start and a horizon, how many groups of rows have no information
        coefficient, by reason.
    periods
        One row per period and start at the label's horizon: period, returns_from,
        observations, ic, rank_ic, hit_rate, spread, rank_autocorrelation, turnover_top,
        turnover_bottom, volatility.
    bins
        One row per period, start and bin: period, returns_from, bin, mean_forecast,
        mean_return.
    parts
        Sums by symbol and by hour, see
        :func:`whatif_assets.domain.forecast_quality.parts.sums_by_part`.
    moments
        Moments of forecasts and returns, by start.
    """

    decay: pd.DataFrame
    reasons: Mapping[Key, IntArray]
    periods: pd.DataFrame
    bins: pd.DataFrame
    parts: pd.DataFrame
    moments: Mapping[str, Moments] = field(default_factory=dict)


def together(measured: Iterable[Measured]) -> Measured:
    """Combine what was measured in consecutive periods, oldest first."""
    all_of = list(measured)
    parts = pd.concat([one.parts for one in all_of])
    keys = all_of[0].reasons
    return Measured(
        decay=pd.concat([one.decay for one in all_of], ignore_index=True),
        reasons={
            key: np.sum([one.reasons[key] for one in all_of], axis=0) for key in keys
        },
        periods=pd.concat([one.periods for one in all_of], ignore_index=True),
        bins=pd.concat([one.bins for one in all_of], ignore_index=True),
        parts=parts.groupby(level=[0, 1, 2], sort=True).sum(),
        moments={
            start: combined(one.moments[start] for one in all_of) for start in STARTS
        },
    )


def measure(
    rows: pd.DataFrame,
    signals: Mapping[str, FloatArray],
    schedule: pd.DataFrame,
    plan: Plan,
) -> Measured:
    """Measure the forecasts of some sessions.

    Parameters
    ----------
    rows
        Bars sorted by (symbol, ts), each once, with prices on the basis of one session:
        symbol, ts (start of the bar, UTC), session, open, high, low, the label's price,
        ``counted`` (whether the session is measured; later ones only serve for
        returns), and ``group`` if the label is relative to the mean of a group. A
        measured month is whole. If the label is relative, bars of all symbols.
    signals
        The forecast (`FORECAST`) and the features of the plan, one value per row; NaN
        where there is none.
    schedule
        As for :func:`whatif_assets.domain.models.labels.label`.
    plan
        What to measure.
    """
    return _Chunk(rows, signals, schedule, plan).measured()


class _Chunk:
    """The rows of some sessions, and what is computed of them once."""

    def __init__(
        self,
        rows: pd.DataFrame,
        signals: Mapping[str, FloatArray],
        schedule: pd.DataFrame,
        plan: Plan,
    ) -> None:
        self._plan, self._signals = plan, signals
        forward = ForwardReturns(rows, plan.label, plan.size, schedule)
        self._returns = forward.at(plan.horizons)
        self._following = forward.rows_ahead(1)
        self._rows = rows
        self._forecasts = signals[FORECAST]
        counted = rows["counted"].to_numpy(dtype=bool)
        self._counted: Mask = counted & rows["symbol"].isin(plan.symbols).to_numpy()
        dates = first_of(rows["session"], plan.monthly)
        self._periods, self._dates = numbered(dates, self._counted)

    def measured(self) -> Measured:
        """Measure everything."""
        decay, reasons = self._decay()
        kept = self._counted
        return Measured(
            decay=decay,
            reasons=reasons,
            periods=self._by_period(decay),
            bins=self._by_bin(),
            parts=self._by_part(),
            moments={
                start: Moments.of(self._forecasts[kept], returns[kept])
                for start, returns in self._of_label.items()
            },
        )

    @property
    def _of_label(self) -> Mapping[str, FloatArray]:
        """Returns at the label's horizon, by start."""
        return {
            start: self._returns[start, self._plan.label.horizon] for start in STARTS
        }

    @functools.cached_property
    def _compared(self) -> IntArray:
        """Number of the rows that are ranked together."""
        if self._plan.compares == BARS:
            symbols = pd.factorize(self._rows["symbol"])[0]
            compared: IntArray = symbols * len(self._dates) + self._periods
            return compared
        return numbers_of_times(self._rows["ts"])

    @functools.cached_property
    def _together(self) -> Groups:
        """The counted rows that are ranked together."""
        return Groups.of(self._compared, self._periods, self._counted)

    def _decay(self) -> tuple[pd.DataFrame, dict[Key, IntArray]]:
        """Correlate all signals with the returns at all horizons, by period."""
        groups = self._together
        signals = {
            name: Series.of(self._signals[name], groups) for name in self._plan.signals
        }
        frames, reasons = [], {}
        for (start, horizon), values in self._returns.items():
            returns = Series.of(values, groups)
            for name, signal in signals.items():
                found = correlations(signal, returns, groups)
                key = (name, start, horizon)
                reasons[key] = found.reasons
                frames.append(self._of_key(key, groups, found.pearson, found.rank))
        return pd.concat(frames, ignore_index=True), reasons

    def _of_key(
        self, key: Key, groups: Groups, pearson: FloatArray, rank: FloatArray
    ) -> pd.DataFrame:
        count = len(self._dates)
        return pd.DataFrame(
            {
                "signal": key[0],
                "returns_from": key[1],
                "horizon": key[2],
                "period": self._dates,
                "ic": mean_by(pearson, groups.periods, count),
                "rank_ic": mean_by(rank, groups.periods, count),
            }
        )

    @functools.cached_property
    def _bin_of(self) -> IntArray:
        count = len(self._dates)
        return binned(self._forecasts, self._periods, count, self._plan.bins)

    def _by_period(self, decay: pd.DataFrame) -> pd.DataFrame:
        of_label = decay[
            decay["signal"].eq(FORECAST) & decay["horizon"].eq(self._plan.label.horizon)
        ]
        frames = []
        for start, returns in self._of_label.items():
            own = of_label[of_label["returns_from"] == start]
            hit = hits(self._forecasts, returns)
            both = np.isfinite(self._forecasts) & np.isfinite(returns)
            frames.append(
                own[["period", "returns_from", "ic", "rank_ic"]].assign(
                    observations=self._sums(both),
                    hit_rate=self._means(hit),
                    spread=spread(self._bin_means(returns)),
                    **self._steadiness,
                    volatility=self._volatility,
                )
            )
        return pd.concat(frames, ignore_index=True)

    def _sums(self, chosen: Mask) -> IntArray:
        inside = self._periods[chosen & self._counted]
        counts: IntArray = np.bincount(inside, minlength=len(self._dates))
        return counts.astype(np.int64)

    def _means(self, values: FloatArray) -> FloatArray:
        kept = self._counted
        return mean_by(values[kept], self._periods[kept], len(self._dates))

    def _bin_means(self, values: FloatArray) -> FloatArray:
        count, bins = len(self._dates), self._plan.bins
        return means_by_bin(values, self._bin_of, self._periods, count, bins)

    @functools.cached_property
    def _steadiness(self) -> dict[str, FloatArray]:
        """How much forecasts of a bar and of the next one are alike, by period."""
        later = np.append(self._forecasts, np.nan)[self._following]
        groups = self._together
        pair = Series.of(self._forecasts, groups), Series.of(later, groups)
        rank = correlations(*pair, groups).rank
        count = len(self._dates)
        at_ends = {
            name: turnover(self._bin_of, self._following, end, self._periods, count)
            for name, end in (
                ("turnover_top", self._plan.bins - 1),
                ("turnover_bottom", 0),
            )
        }
        return {"rank_autocorrelation": mean_by(rank, groups.periods, count), **at_ends}

    @functools.cached_property
    def _volatility(self) -> FloatArray:
        """Volatility of a bar by period, from highs and lows.

        References
        ----------
        Parkinson, The extreme value method for estimating the variance of the rate of
        return, Journal of Business, 1980.
        """
        high, low = (
            self._rows[name].to_numpy(dtype=np.float64) for name in ("high", "low")
        )
        known = (low > 0) & (high >= low)
        ratio = np.divide(high, low, out=np.full(len(high), np.nan), where=known)
        squares = self._means(np.log(ratio) ** 2)
        volatility: FloatArray = np.sqrt(squares / (4 * np.log(2)))
        return volatility

    def _by_bin(self) -> pd.DataFrame:
        bins, dates = self._plan.bins, self._dates
        forecasts = self._bin_means(self._forecasts)
        frames = [
            pd.DataFrame(
                {
                    "period": np.repeat(dates, bins),
                    "returns_from": start,
                    "bin": np.tile(np.arange(1, bins + 1), len(dates)),
                    "mean_forecast": forecasts.ravel(),
                    "mean_return": self._bin_means(returns).ravel(),
                }
            )
            for start, returns in self._of_label.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def _by_part(self) -> pd.DataFrame:
        """Sum correlations and hits by symbol, and by hour of the exchange's clock."""
        kept = self._counted
        rows = self._rows.loc[kept, ["symbol", "ts", "session"]]
        returns = {start: values[kept] for start, values in self._of_label.items()}
        compared, periods = self._compared[kept], self._periods[kept]
        return sums_by_part(
            rows, self._forecasts[kept], returns, compared, periods, self._plan
        )
