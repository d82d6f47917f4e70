"""Forecast quality equals plain pandas, finds an edge that is there, and no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.forecast_quality.correlations import (
    RETURN_CONSTANT,
    SIGNAL_CONSTANT,
    TOO_FEW,
)
from whatif_assets.domain.forecast_quality.forward_returns import (
    LABEL_PRICE,
    NEXT_OPEN,
    STARTS,
    ForwardReturns,
)
from whatif_assets.domain.forecast_quality.measuring import measure, together
from whatif_assets.domain.forecast_quality.plan import FORECAST
from whatif_assets.domain.forecast_quality.summary import summarise
from whatif_assets.domain.models.labels import Label
from whatif_assets_tests.domain.forecast_quality.panels import (
    daily,
    intraday,
    plan_of,
    quality,
    realised,
    schedule,
)

WITHIN = Label("close", 3, "return")


def gappy(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return bars of 8 symbols with gaps, and forecasts, some of which are missing."""
    rng = np.random.default_rng(seed)
    rows = intraday(8, 6, seed=seed)
    rows = rows[rng.random(len(rows)) < 0.95].reset_index(drop=True)
    forecasts = rng.normal(0, 1e-3, len(rows))
    forecasts[rng.random(len(rows)) < 0.05] = np.nan
    return rows, forecasts


def of_reference(rows, forecasts, start, horizon) -> pd.DataFrame:
    """Return factor and forward return, as alphalens has them."""
    opens = rows.assign(entry=rows["open"], price=rows["close"])
    times = rows["ts"].drop_duplicates().sort_values()
    wide = {
        name: opens.pivot(index="ts", columns="symbol", values=name).reindex(times)
        for name in ("entry", "price")
    }
    day = pd.Series(times.dt.date.to_numpy(), index=times)

    def _ahead(frame, bars):
        later = frame.shift(-bars)
        later[(day.shift(-bars) != day).to_numpy()] = np.nan
        return later

    if start == LABEL_PRICE:
        returns = _ahead(wide["price"], horizon) / wide["price"] - 1
    else:
        returns = _ahead(wide["entry"], horizon + 1) / _ahead(wide["entry"], 1) - 1
    long = returns.stack(future_stack=True).rename("returns").reset_index()
    factor = rows[["symbol", "ts", "session"]].assign(factor=forecasts)
    return factor.merge(long, on=["symbol", "ts"])


def enough(group) -> bool:
    return len(group) >= 5


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_coefficients_are_those_of_alphalens(seed, start):
    """The coefficient of a session is the mean of those of its bars."""
    rows, forecasts = gappy(seed)
    plan = plan_of(rows, WITHIN)
    tables = quality(rows, forecasts, plan, 6)
    for horizon in plan.horizons:
        clean = of_reference(rows, forecasts, start, horizon).dropna()
        clean = clean.groupby("ts").filter(enough)
        by_bar = clean.groupby(["session", "ts"])[["factor", "returns"]]
        for name, method in (("rank_ic", "spearman"), ("ic", "pearson")):
            ics = by_bar.apply(
                lambda bar, how=method: bar["factor"].corr(bar["returns"], method=how)
            )
            of_session = ics.groupby("session").mean()
            (own,) = tables.decay[
                tables.decay["returns_from"].eq(start)
                & tables.decay["horizon"].eq(horizon)
            ].to_dict("records")
            assert own[name] == pytest.approx(of_session.mean(), abs=1e-12)
            assert own[f"{name}_std"] == pytest.approx(of_session.std())
            assert own["periods"] == len(of_session)


@pytest.mark.parametrize("start", STARTS)
def test_bins_and_hits_are_those_of_pandas(start):
    rows, forecasts = gappy(2)
    tables = quality(rows, forecasts, plan_of(rows, WITHIN), 6)
    frame = of_reference(rows, forecasts, start, 3)
    frame["bin"] = frame.groupby("session")["factor"].transform(
        lambda values: pd.qcut(values, 5, labels=False) + 1
    )
    means = frame.groupby(["session", "bin"])["returns"].mean().unstack()
    found = tables.bins[tables.bins["returns_from"] == start]
    np.testing.assert_allclose(found["mean_return"], means.mean(), atol=1e-15)
    (row,) = tables.quality[tables.quality["returns_from"] == start].to_dict("records")
    assert row["spread"] == pytest.approx((means[5] - means[1]).mean())
    known = frame.dropna()
    same = np.sign(known["factor"]) == np.sign(known["returns"])
    assert row["hit_rate"] == pytest.approx(
        same.groupby(known["session"]).mean().mean()
    )
    assert row["observations"] == len(known)
    slope, intercept = np.polyfit(known["factor"], known["returns"], 1)
    assert row["slope"] == pytest.approx(slope)
    assert row["intercept"] == pytest.approx(intercept)


def test_rank_autocorrelation_is_that_of_consecutive_bars():
    rows = intraday(7, 3)
    forecasts = np.random.default_rng(5).normal(size=len(rows))
    tables = quality(rows, forecasts, plan_of(rows, WITHIN), 3)
    wide = rows.assign(f=forecasts).pivot(index="ts", columns="symbol", values="f")
    ranks, day = wide.rank(axis=1), wide.index.date
    pairs = ranks.corrwith(ranks.shift(-1), axis=1)[day == np.append(day[1:], None)]
    expected = pairs.groupby(pairs.index.date).mean().mean()
    assert tables.quality["rank_autocorrelation"].tolist() == pytest.approx(
        [expected] * 2
    )


@pytest.mark.parametrize("target", [WITHIN, Label("close", 4, "return", True)])
@pytest.mark.parametrize("symbols", [1, 8])
def test_a_perfect_forecast_has_a_coefficient_of_one(symbols, target):
    rows = intraday(symbols, 8)
    plan = plan_of(rows, target)
    tables = quality(rows, realised(rows, plan, 8), plan, 8)
    own = tables.quality.set_index("returns_from").loc[LABEL_PRICE]
    assert own["ic"] == pytest.approx(1)
    assert own["rank_ic"] == pytest.approx(1)
    assert own["hit_rate"] == 1
    assert own["slope"] == pytest.approx(1)
    assert own["intercept"] == pytest.approx(0, abs=1e-12)


def test_a_forecast_of_what_is_over_is_worth_nothing_from_the_next_open():
    """The close of a bar against its open says all of a return from the open."""
    rows = intraday(12, 30)
    rows["open"] = rows.groupby(["symbol", "session"])["close"].shift(1)
    rows["open"] = rows["open"].fillna(rows["close"])
    noise = np.random.default_rng(1).normal(0, 0.01, len(rows))
    seen = rows["close"].to_numpy().copy()
    rows["close"] = seen * np.exp(noise)  # a price off the market, as a vwap may be
    tables = quality(rows, -noise, plan_of(rows, Label("close", 1, "return")), 30)
    own = tables.quality.set_index("returns_from")
    assert own.loc[LABEL_PRICE, "rank_ic_p"] < 1e-6
    assert own.loc[NEXT_OPEN, "rank_ic_p"] > 0.01
    assert own.loc[LABEL_PRICE, "rank_ic"] > 10 * abs(own.loc[NEXT_OPEN, "rank_ic"])


@pytest.mark.parametrize("edge", [0.1, 0.3])
def test_a_known_edge_is_recovered_within_its_interval(edge):
    """Forecast and return are bivariate normal, with correlation ``edge``."""
    rows = daily(40, 120, seed=3)
    target = Label("close", 1, "return")
    plan = plan_of(rows, target, "1day")
    forward = ForwardReturns(rows, target, plan.size, schedule(190)).at([1])
    returns = np.log1p(forward[LABEL_PRICE, 1])
    scaled = returns / np.nanstd(returns)
    noise = np.random.default_rng(4).normal(size=len(rows))
    forecasts = edge * scaled + np.sqrt(1 - edge**2) * noise
    own = quality(rows, forecasts, plan, 120).quality.set_index("returns_from")
    found = own.loc[LABEL_PRICE]
    error = found["ic_std"] / np.sqrt(found["periods"])
    assert abs(found["ic"] - edge) < 3 * error
    spearman = 6 / np.pi * np.arcsin(edge / 2)
    assert abs(found["rank_ic"] - spearman) < 3 * error


@pytest.mark.parametrize("symbols", [1, 6])
def test_noise_is_rarely_significant(symbols):
    significant = dict.fromkeys(STARTS, 0)
    for seed in range(100):
        if seed % 20 == 0:
            rows = intraday(symbols, 40, seed=1000 + seed)
        plan = replace(plan_of(rows, Label("close", 2, "return")), horizons=(2,))
        forecasts = np.random.default_rng(seed).normal(size=len(rows))
        own = quality(rows, forecasts, plan, 40).quality
        for start, p_value in zip(own["returns_from"], own["rank_ic_p"]):
            significant[start] += p_value < 0.05
    assert max(significant.values()) <= 8


@settings(max_examples=15)
@given(seed=st.integers(0, 50))
def test_a_monotone_map_changes_no_rank(seed):
    rows, forecasts = gappy(seed)
    plan = plan_of(rows, WITHIN)
    plain = quality(rows, forecasts, plan, 6).decay
    mapped = quality(rows, np.expm1(300 * forecasts), plan, 6).decay
    ranks = [name for name in plain if name.startswith("rank_ic")]
    pd.testing.assert_frame_equal(plain[ranks], mapped[ranks])


@pytest.mark.parametrize("size", ["30min", "1day"])
@pytest.mark.parametrize("symbols", [2, 8])
def test_sessions_may_be_measured_one_after_the_other(size, symbols):
    """For daily bars of few symbols, a period is a month."""
    sessions = 70 if size == "1day" else 9
    rows = daily(symbols, sessions) if size == "1day" else intraday(symbols, sessions)
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    plan = plan_of(rows, Label("close", 2, "return"), size)
    whole = quality(rows, forecasts, plan, sessions)
    month = rows["session"].dt.month if size == "1day" else rows["session"]
    parts = []
    for one in month.unique():
        later = (month == one) | (rows["session"] > rows["session"][month == one].max())
        part = rows[later].assign(counted=month == one).reset_index(drop=True)
        signals = {FORECAST: forecasts[later]}
        parts.append(measure(part, signals, schedule(sessions + 70), plan))
    apart = summarise(together(parts), plan)
    # At the end of a chunk, it is not known what follows in the bins.
    turnovers = ["turnover_top", "turnover_bottom"] if size == "1day" else []
    for name in ("quality", "decay", "periods", "bins", "parts"):
        expected = getattr(whole, name).drop(columns=turnovers, errors="ignore")
        found = getattr(apart, name).drop(columns=turnovers, errors="ignore")
        pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


def test_one_symbol_is_compared_over_its_bars():
    rows = intraday(1, 6)
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    tables = quality(rows, forecasts, plan_of(rows, WITHIN), 6)
    assert set(tables.quality["compares"]) == {"bars"}
    frame = of_reference(rows, forecasts, LABEL_PRICE, 3).dropna()
    by_session = frame.groupby("session")[["factor", "returns"]]
    expected = by_session.apply(lambda day: day.rank().corr().iloc[0, 1])
    assert tables.quality["rank_ic"][0] == pytest.approx(expected.mean())


def test_daily_bars_of_one_symbol_are_compared_over_months():
    rows = daily(1, 90)
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    target = Label("close", 1, "return")
    tables = quality(rows, forecasts, plan_of(rows, target, "1day"), 90)
    assert set(tables.quality["period"]) == {"month"}
    returns = rows["close"].shift(-1) / rows["close"] - 1
    frame = pd.DataFrame({"f": forecasts, "r": returns}).dropna()
    months = frame.groupby(rows["session"].dt.to_period("M"))
    expected = months.apply(lambda month: month["f"].corr(month["r"]))
    own = tables.periods[tables.periods["returns_from"] == LABEL_PRICE]
    np.testing.assert_allclose(own["ic"], expected, atol=1e-12)
    assert tables.quality["lag"].tolist() == [0, 0]
    assert (tables.parts["kind"] != "hour").all()


@pytest.mark.parametrize(
    ("forecast", "price", "why"),
    [
        (0.1, None, SIGNAL_CONSTANT),
        (np.nan, None, TOO_FEW),
        (None, 5.0, RETURN_CONSTANT),
    ],
)
@pytest.mark.parametrize("symbols", [1, 6])
def test_what_cannot_be_measured_is_missing_with_a_reason(
    symbols, forecast, price, why
):
    """Without a warning: the tests treat one as an error."""
    rows = intraday(symbols, 6)
    if price is not None:
        rows[["open", "high", "low", "close"]] = price
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    if forecast is not None:
        forecasts = np.full(len(rows), forecast)
    tables = quality(rows, forecasts, plan_of(rows, WITHIN), 6)
    assert tables.quality["rank_ic"].isna().all()
    assert tables.quality["ic_t"].isna().all()
    own = tables.decay[tables.decay["horizon"] == 3]
    assert set(own["why_none"]) == {why}


def test_few_sessions_have_a_mean_but_no_t_value():
    rows = intraday(6, 3)
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    own = quality(rows, forecasts, plan_of(rows, WITHIN), 3).quality
    assert own["rank_ic"].notna().all()
    assert own["rank_ic_t"].isna().all()
    assert set(own["why_none"]) == {"3 periods have one; a t value needs 5"}


def test_parts_by_hour_and_symbol_are_those_of_pandas():
    rows = intraday(6, 4)
    forecasts = np.random.default_rng(8).normal(size=len(rows))
    parts = quality(rows, forecasts, plan_of(rows, WITHIN), 4).parts
    parts = parts[parts["returns_from"] == LABEL_PRICE].set_index(["kind", "part"])
    frame = of_reference(rows, forecasts, LABEL_PRICE, 3).dropna()
    hour = frame["ts"].dt.tz_convert("America/New_York").dt.hour
    for ten, own in frame.groupby(hour):
        bars = own.groupby(["session", "ts"])[["factor", "returns"]]
        ics = bars.apply(lambda bar: bar.rank().corr().iloc[0, 1])
        found = parts.loc[("hour", f"{ten:02d}:00")]
        assert found["rank_ic"] == pytest.approx(ics.groupby("session").mean().mean())
        assert found["observations"] == len(own)
    for symbol, own in frame.groupby("symbol"):
        days = own.groupby("session")[["factor", "returns"]]
        ics = days.apply(lambda day: day.corr().iloc[0, 1])
        found = parts.loc[("symbol", symbol)]
        assert found["ic"] == pytest.approx(ics.mean())
        same = np.sign(own["factor"]) == np.sign(own["returns"])
        assert found["hit_rate"] == pytest.approx(same.mean())


def test_a_feature_alone_is_measured_like_a_forecast():
    rows, forecasts = gappy(4)
    plan = plan_of(rows, WITHIN, signals=(FORECAST, "ema"))
    found = quality(rows, np.zeros(len(rows)), plan, 6, ema=forecasts).decay
    alone = quality(rows, forecasts, plan_of(rows, WITHIN), 6).decay
    of_feature = found[found["signal"] == "ema"].drop(columns="signal")
    pd.testing.assert_frame_equal(
        of_feature.reset_index(drop=True), alone.drop(columns="signal")
    )


def test_a_later_session_is_no_part_of_the_measure():
    """It only serves for returns: a label may end in it."""
    rows = intraday(6, 5)
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    plan = plan_of(rows, Label("close", 2, "return", True))
    rows["counted"] = rows["session"] < rows["session"].max()
    found = quality(rows, forecasts, plan, 5)
    assert len(found.periods) == 2 * 4
    assert found.quality["observations"][0] == 6 * 13 * 4
