"""Measures of forecasts by session, from some sessions at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray, Mask
from whatif_assets.domain.features.cross_sections import numbers_of_times
from whatif_assets.domain.forecast_quality.bins import (
    hits,
    sums_by_bin,
    turnover,
)
from whatif_assets.domain.forecast_quality.calibration import Moments, combined
from whatif_assets.domain.forecast_quality.correlations import (
    Groups,
    Series,
    correlations,
    mean_by,
    products,
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
    numbered,
)

_BySession = tuple[dict[str, FloatArray], IntArray]
Key = tuple[str, str, int]  # signal, start of the return, horizon


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured in some periods.

    Attributes
    ----------
    decay
        Information coefficients by session: signal, returns_from, horizon, session,
        ic, rank_ic.
    reasons
        For a signal, a start and a horizon, how many groups of rows have no information
        coefficient, by reason.
    periods
        One row per session and start at the label's horizon: session, returns_from,
        observations, ic, rank_ic, hit_rate, rank_autocorrelation, turnover_top,
        turnover_bottom, volatility.
    bins
        One row per session, start and bin: session, returns_from, bin, and the number
        and the sums of its observations, forecasts and returns.
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
        returns), ``bin`` (of the forecast, see
        :func:`whatif_assets.domain.forecast_quality.bins.binned`), and ``group`` if the
        label is relative to the mean of a group. If the label is relative, bars of all
        symbols. If bars of a symbol are compared, all sessions.
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
        self._periods, self._dates = numbered(rows["session"], self._counted)
        self._bin_of = rows["bin"].to_numpy(dtype=np.int64)

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
            return pd.factorize(self._rows["symbol"])[0].astype(np.int64)
        return numbers_of_times(self._rows["ts"])

    @functools.cached_property
    def _together(self) -> Groups:
        """The counted rows that are compared: all of a time, or all of a symbol."""
        return Groups.of(self._compared, self._periods, self._counted)

    def _decay(self) -> tuple[pd.DataFrame, dict[Key, IntArray]]:
        """Correlate all signals with the returns at all horizons, by session."""
        by_session = (
            self._over_bars if self._plan.compares == BARS else self._over_symbols
        )
        frames, reasons = [], {}
        for (start, horizon), returns in self._returns.items():
            for name, (ics, counts) in by_session(returns).items():
                reasons[name, start, horizon] = counts
                frames.append(
                    pd.DataFrame(
                        {
                            "signal": name,
                            "returns_from": start,
                            "horizon": horizon,
                            "session": self._dates,
                            **ics,
                        }
                    )
                )
        return pd.concat(frames, ignore_index=True), reasons

    def _over_symbols(self, returns: FloatArray) -> dict[str, _BySession]:
        """Average the correlations of a session's times, for each signal."""
        groups, count, found = self._together, len(self._dates), {}
        ranked = Series.of(returns, groups)
        for name, signal in self._sorted.items():
            at_times = correlations(signal, ranked, groups)
            ics = {
                "ic": mean_by(at_times.pearson, groups.periods, count),
                "rank_ic": mean_by(at_times.rank, groups.periods, count),
            }
            found[name] = ics, at_times.reasons
        return found

    @functools.cached_property
    def _sorted(self) -> dict[str, Series]:
        return {
            name: Series.of(self._signals[name], self._together)
            for name in self._plan.signals
        }

    def _over_bars(self, returns: FloatArray) -> dict[str, _BySession]:
        """Average what a session's rows add to the correlations of all sessions."""
        found = {}
        for name in self._plan.signals:
            rows = products(self._signals[name], returns, self._together)
            ics = {"ic": self._means(rows.pearson), "rank_ic": self._means(rows.rank)}
            found[name] = ics, rows.reasons
        return found

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
                own[["session", "returns_from", "ic", "rank_ic"]].assign(
                    observations=self._sums(both),
                    hit_rate=self._means(hit),
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

    @functools.cached_property
    def _steadiness(self) -> dict[str, FloatArray]:
        """How much forecasts of a bar and of the next one are alike, by period."""
        later = np.append(self._forecasts, np.nan)[self._following]
        rank = products(self._forecasts, later, self._together).rank
        count = len(self._dates)
        at_ends = {
            name: turnover(self._bin_of, self._following, end, self._periods, count)
            for name, end in (
                ("turnover_top", self._plan.bins - 1),
                ("turnover_bottom", 0),
            )
        }
        return {"rank_autocorrelation": self._means(rank), **at_ends}

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
        places = (self._bin_of, self._periods, len(dates), bins)
        frames = []
        for start, returns in self._of_label.items():
            known = np.isfinite(returns)
            sums = {
                "observations": np.where(known, 1.0, np.nan),
                "forecasts": np.where(known, self._forecasts, np.nan),
                "returns": returns,
            }
            frames.append(
                pd.DataFrame(
                    {
                        "session": np.repeat(dates, bins),
                        "returns_from": start,
                        "bin": np.tile(np.arange(1, bins + 1), len(dates)),
                        **{
                            name: sums_by_bin(values, *places).ravel()
                            for name, values in sums.items()
                        },
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def _by_part(self) -> pd.DataFrame:
        """Sum what rows add to correlations, by symbol and by hour."""
        kept = self._counted
        rows = self._rows.loc[kept, ["symbol", "ts"]]
        found = []
        for start, returns in self._of_label.items():
            added = products(self._forecasts, returns, self._together)
            figures = {
                "ic": added.pearson[kept],
                "rank_ic": added.rank[kept],
                "hit_rate": hits(self._forecasts, returns)[kept],
            }
            both = np.isfinite(self._forecasts) & np.isfinite(returns)
            found.append(sums_by_part(rows, figures, both[kept], start, self._plan))
        return pd.concat(found)
