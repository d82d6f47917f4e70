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
    with_bins,
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
            assert own["sessions"] == len(of_session)


def before(of_day, days) -> pd.Series:
    return pd.concat([of_day[day] for day in days])


@pytest.mark.parametrize("start", STARTS)
def test_bins_and_hits_are_those_of_pandas(start):
    rows, forecasts = gappy(2)
    tables = quality(rows, forecasts, plan_of(rows, WITHIN), 6)
    frame = of_reference(rows, forecasts, start, 3)
    of_all = rows.assign(factor=forecasts)
    # A session has a hundred forecasts or so: its bins are those of the one before,
    # or of the two before.
    days = sorted(frame["session"].unique())
    of_day = {
        day: rows_of["factor"].dropna() for day, rows_of in of_all.groupby("session")
    }
    frame["bin"] = np.nan
    for number, day in enumerate(days[1:], 1):
        enough = [
            n for n in range(number) if before(of_day, days[n:number]).size >= 100
        ]
        if enough:
            edges = before(of_day, days[enough[-1] : number]).quantile(
                [0.2, 0.4, 0.6, 0.8]
            )
            own = frame["session"].eq(day) & frame["factor"].notna()
            values = frame.loc[own, "factor"].to_numpy()
            frame.loc[own, "bin"] = 1 + (values[:, None] > edges.to_numpy()).sum(axis=1)
    means = frame.dropna().groupby("bin")[["returns", "factor"]].mean()
    found = tables.bins[tables.bins["returns_from"] == start]
    np.testing.assert_allclose(found["mean_return"], means["returns"], atol=1e-15)
    np.testing.assert_allclose(found["mean_forecast"], means["factor"], atol=1e-15)
    (row,) = tables.quality[tables.quality["returns_from"] == start].to_dict("records")
    assert row["spread"] == pytest.approx(means["returns"][5] - means["returns"][1])
    known = frame.dropna(subset=["factor", "returns"])
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
    # Sessions count alike, although the last one has fewer returns across sessions.
    near = 0.02 if symbols == 1 and target.across_sessions else 1e-9
    assert own["ic"] == pytest.approx(1, abs=near)
    assert own["rank_ic"] == pytest.approx(1, abs=near)
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
    error = found["ic_std"] / np.sqrt(found["sessions"])
    assert abs(found["ic"] - edge) < 3 * error
    spearman = 6 / np.pi * np.arcsin(edge / 2)
    assert abs(found["rank_ic"] - spearman) < 3 * error


@pytest.mark.parametrize("symbols", [1, 6])
def test_noise_is_rarely_significant(symbols):
    significant = dict.fromkeys(STARTS, 0)
    for seed in range(60):
        if seed % 20 == 0:
            rows = intraday(symbols, 40, seed=1000 + seed)
        plan = replace(plan_of(rows, Label("close", 2, "return")), horizons=(2,))
        forecasts = np.random.default_rng(seed).normal(size=len(rows))
        own = quality(rows, forecasts, plan, 40).quality
        for start, p_value in zip(own["returns_from"], own["rank_ic_p"]):
            significant[start] += p_value < 0.05
    assert max(significant.values()) <= 6


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
def test_sessions_may_be_measured_one_after_the_other(size):
    sessions = 40 if size == "1day" else 9
    rows = daily(8, sessions) if size == "1day" else intraday(8, sessions)
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    plan = plan_of(rows, Label("close", 2, "return"), size)
    whole = quality(rows, forecasts, plan, sessions)
    rows = with_bins(rows, forecasts, plan)
    parts = []
    for day in rows["session"].unique():
        later = rows["session"] >= day
        part = rows[later].assign(counted=rows["session"] == day)
        signals = {FORECAST: forecasts[later]}
        part = part.reset_index(drop=True)
        parts.append(measure(part, signals, schedule(sessions + 70), plan))
    apart = summarise(together(parts), plan)
    # With daily bars, the bar before is not read.
    turnovers = ["turnover_top", "turnover_bottom"] if size == "1day" else []
    for name in ("quality", "decay", "periods", "bins", "parts"):
        expected = getattr(whole, name).drop(columns=turnovers, errors="ignore")
        found = getattr(apart, name).drop(columns=turnovers, errors="ignore")
        pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


@pytest.mark.parametrize("symbols", [1, 3])
@pytest.mark.parametrize("size", ["30min", "1day"])
def test_few_symbols_are_compared_over_all_their_bars(symbols, size):
    rows = daily(symbols, 90) if size == "1day" else intraday(symbols, 7)
    target = Label("close", 2, "return")
    plan = plan_of(rows, target, size)
    forecasts = np.random.default_rng(0).normal(size=len(rows))
    tables = quality(rows, forecasts, plan, 90)
    assert set(tables.quality["compares"]) == {"bars"}
    frame = rows.assign(f=forecasts, r=realised(rows, plan, 90)).dropna()
    each = frame.groupby("symbol")[["f", "r"]]
    expected = each.apply(lambda one: one.corr().iloc[0, 1])
    ranked = each.apply(lambda one: one.rank().corr().iloc[0, 1])
    own = tables.quality.set_index("returns_from").loc[LABEL_PRICE]
    assert own["ic"] == pytest.approx(expected.mean())
    assert own["rank_ic"] == pytest.approx(ranked.mean())
    parts = tables.parts.query("kind == 'symbol' and returns_from == 'label_price'")
    np.testing.assert_allclose(parts["ic"], expected)
    assert own["lag"] == (1 if size == "1day" else 0)
    assert (tables.parts["kind"] == "hour").any() == (size == "30min")


@pytest.mark.parametrize("size", ["30min", "1day"])
@pytest.mark.parametrize("symbols", [1, 8])
def test_betting_that_a_random_walk_comes_back_is_worth_nothing(symbols, size):
    """Within one session, or one month, it always seems to come back to its mean."""
    significant, spreads = 0, 0
    for seed in range(30):
        if size == "1day":
            rows = daily(symbols, 120, seed=seed)
            trend = rows.groupby("symbol")["close"].ewm(span=30).mean().to_numpy()
        else:
            rows = intraday(symbols, 40, seed=seed)
            trend = rows.groupby(["symbol", "session"])["close"].transform("first")
        plan = plan_of(rows, Label("close", 2, "return"), size)
        plan = replace(plan, horizons=(2,))
        forecasts = (trend / rows["close"] - 1).to_numpy()
        tables = quality(rows, forecasts, plan, 120)
        own = tables.quality.set_index("returns_from").loc[NEXT_OPEN]
        significant += own["rank_ic_p"] < 0.05
        spreads += own["spread_p"] < 0.05
    assert significant <= 4
    assert spreads <= 4


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
    assert set(own["why_none"]) == {"3 sessions have one; a t value needs 5"}


def test_parts_are_what_their_rows_add_to_the_coefficient():
    rows = intraday(6, 4)
    forecasts = np.random.default_rng(8).normal(size=len(rows))
    tables = quality(rows, forecasts, plan_of(rows, WITHIN), 4)
    parts = tables.parts[tables.parts["returns_from"] == LABEL_PRICE]
    frame = of_reference(rows, forecasts, LABEL_PRICE, 3).dropna()
    hour = frame["ts"].dt.tz_convert("America/New_York").dt.hour
    by_hour = parts[parts["kind"] == "hour"].set_index("part")
    for one, own in frame.groupby(hour):
        bars = own.groupby("ts")[["factor", "returns"]]
        ics = bars.apply(lambda bar: bar.rank().corr().iloc[0, 1])
        found = by_hour.loc[f"{one:02d}:00"]
        assert found["rank_ic"] == pytest.approx(ics.mean())
        assert found["observations"] == len(own)
        same = np.sign(own["factor"]) == np.sign(own["returns"])
        assert found["hit_rate"] == pytest.approx(same.mean())
    by_symbol = parts[parts["kind"] == "symbol"]
    for name in ("ic", "rank_ic"):
        total = tables.quality.set_index("returns_from").loc[LABEL_PRICE, name]
        assert by_symbol[name].mean() == pytest.approx(total)
    assert len(by_symbol) == 6


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
