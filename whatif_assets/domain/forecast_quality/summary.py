"""Tables of forecast quality, from what was measured by period."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.forecast_quality.bins import spread
from whatif_assets.domain.forecast_quality.correlations import REASONS
from whatif_assets.domain.forecast_quality.forward_returns import STARTS
from whatif_assets.domain.forecast_quality.inference import FEWEST_PERIODS, mean_of
from whatif_assets.domain.forecast_quality.measuring import Measured
from whatif_assets.domain.forecast_quality.parts import OF_REGIME, figures_of
from whatif_assets.domain.forecast_quality.plan import FORECAST, Plan
from whatif_assets.domain.forecast_quality.regimes import regimes

# What is shown of the mean of a series, as a suffix of its name.
_SHOWN = {"deviation": "std", "t_value": "t", "p_value": "p"}
STEADINESS = ("rank_autocorrelation", "turnover_top", "turnover_bottom")


@dataclass(frozen=True, eq=False)
class Tables:
    """Forecast quality of a configuration.

    Attributes
    ----------
    quality
        One row per start of the return, at the label's horizon.
    decay
        One row per signal, start and horizon.
    periods
        One row per period and start.
    bins
        One row per start and bin of forecasts.
    parts
        One row per symbol, hour and regime, and start.
    """

    quality: pd.DataFrame
    decay: pd.DataFrame
    periods: pd.DataFrame
    bins: pd.DataFrame
    parts: pd.DataFrame


def summarise(measured: Measured, plan: Plan) -> Tables:
    """Average over periods what was measured of a configuration."""
    decay = _decay(measured, plan)
    by_start = measured.periods.groupby("returns_from", sort=False)
    periods = measured.periods.assign(
        regime=by_start["volatility"].transform(regimes), spread=np.nan
    )
    for start in STARTS:
        of_start = periods["returns_from"] == start
        periods.loc[of_start, "spread"] = _spread(measured, start, plan)
    return Tables(
        quality=pd.DataFrame(
            [_quality(measured, periods, plan, decay, start) for start in STARTS]
        ),
        decay=decay,
        periods=periods.sort_values(["session", "returns_from"], ignore_index=True),
        bins=_bins(measured),
        parts=_parts(measured, periods),
    )


def _decay(measured: Measured, plan: Plan) -> pd.DataFrame:
    rows = []
    names = ("signal", "returns_from", "horizon")
    groups = measured.decay.groupby([*names], sort=False)
    for key, reasons in measured.reasons.items():
        found, lag = groups.get_group(key), plan.lag(key[-1])
        figures: dict[str, Any] = {}
        for name in ("ic", "rank_ic"):
            figures |= _mean(found[name], lag, name)
        sessions = int(found["rank_ic"].notna().sum())
        row = dict(zip(names, key)) | figures | {"sessions": sessions, "lag": lag}
        rows.append(row | {"why_none": _why_none(reasons, sessions, lag)})
    return pd.DataFrame(rows)


def _mean(series: pd.Series, lag: int, name: str) -> dict[str, float]:
    """Return the mean of a series by period, with its figures, by name."""
    found = asdict(mean_of(series.to_numpy(dtype=np.float64), lag))
    shown = {f"{name}_{suffix}": found[of] for of, suffix in _SHOWN.items()}
    return {name: found["mean"], **shown}


def _why_none(reasons: Any, sessions: int, lag: int) -> str:
    """Tell why a coefficient or its t value is missing; empty if neither is."""
    if not sessions:
        return REASONS[int(np.argmax(reasons))] if reasons.any() else "no forecast"
    needed = max(FEWEST_PERIODS, 2 * (lag + 1))
    if sessions < needed:
        return f"{sessions} sessions have one; a t value needs {needed}"
    return ""


def _quality(
    measured: Measured,
    all_periods: pd.DataFrame,
    plan: Plan,
    decay: pd.DataFrame,
    start: str,
) -> dict[str, Any]:
    horizon = plan.label.horizon
    (own,) = decay[
        decay["signal"].eq(FORECAST)
        & decay["horizon"].eq(horizon)
        & decay["returns_from"].eq(start)
    ].to_dict("records")
    periods = all_periods[all_periods["returns_from"] == start]
    slope, intercept = math.nan, math.nan
    if plan.label.of_kind.forecasts_returns:
        slope, intercept = measured.moments[start].line()
    return {
        **{str(name): value for name, value in own.items() if name != "signal"},
        "compares": plan.compares,
        "observations": int(periods["observations"].sum()),
        "bins": plan.bins,
        **_mean(periods["spread"], plan.lag(horizon), "spread"),
        "hit_rate": _plain_mean(periods["hit_rate"]),
        "slope": slope,
        "intercept": intercept,
        **{name: _plain_mean(periods[name]) for name in STEADINESS},
    }


def _plain_mean(series: pd.Series) -> float:
    known: FloatArray = series.dropna().to_numpy(dtype=np.float64)
    return float(known.mean()) if len(known) else math.nan


def _spread(measured: Measured, start: str, plan: Plan) -> FloatArray:
    """Return what each session adds to the spread."""
    own = measured.bins[measured.bins["returns_from"] == start]
    if not plan.bins:
        return np.full(int((measured.periods["returns_from"] == start).sum()), np.nan)
    sums, counts = (
        own[name].to_numpy(dtype=np.float64).reshape(-1, plan.bins)
        for name in ("returns", "observations")
    )
    return spread(sums, counts)


def _bins(measured: Measured) -> pd.DataFrame:
    """Average forecasts and returns over all rows of each bin."""
    keys = ["returns_from", "bin"]
    sums = ["observations", "forecasts", "returns"]
    found = measured.bins.groupby(keys, sort=True, as_index=False)[sums].sum()
    number = found["observations"].where(found["observations"] > 0)
    return found[keys].assign(
        mean_forecast=found["forecasts"] / number,
        mean_return=found["returns"] / number,
        observations=found["observations"].astype(np.int64),
    )


def _parts(measured: Measured, periods: pd.DataFrame) -> pd.DataFrame:
    known = periods[periods["regime"] != ""]
    found = known.groupby(["regime", "returns_from"], sort=True, as_index=False)
    by_regime = (
        found[["ic", "rank_ic", "hit_rate"]]
        .mean()
        .assign(
            kind=OF_REGIME,
            observations=found["observations"].sum()["observations"],
        )
    )
    by_regime = by_regime.rename(columns={"regime": "part"})
    parts = figures_of(measured.parts)
    return pd.concat([parts, by_regime[list(parts)]], ignore_index=True)
