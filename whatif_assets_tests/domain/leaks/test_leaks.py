"""The leak gate: planted leaks are caught, and clean configurations pass."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Executions, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve, sleeves_of
from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import (
    FEATURES,
    Feature,
    FeatureFunction,
    features_of_sessions,
    parse_feature,
)
from whatif_assets.domain.features.bar_columns import price_of
from whatif_assets.domain.leaks import (
    FEATURES_PROBE,
    FILLS_PROBE,
    FORECASTS_PROBE,
    LABEL_PROBE,
    TRAINING_PROBE,
    Finding,
    executions_of_fills,
    fills_at_next_open,
    forecasts_see_no_future,
    label_looks_forward,
    merge_findings,
    refuse_leak,
    trades_see_no_future,
    training_stops_before_test,
)
from whatif_assets.domain.leaks.noise import replace_by_noise
from whatif_assets.domain.models.labels import Label, label
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.purging import training_rows
from whatif_assets.domain.models.windows import Fold, cv_folds, split
from whatif_assets.domain.strategies.params import settings_of_params
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.engines.fitting import fit
from whatif_assets.engines.probing.feature_probe import features_see_no_future
from whatif_assets.engines.reference import executions
from whatif_assets.engines.strategies import (
    StrategyType,
    find_strategy,
    required_features,
)
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import build_configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps import leak_gate
from whatif_assets.steps.forecasting import forecast_rows
from whatif_assets_tests import user_strategies
from whatif_assets_tests.domain.features.example_facts import (
    feature_of,
    with_benchmark,
    with_facts,
)
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays
from whatif_assets_tests.planted_leaks import (
    LEAKING_FEATURES,
    LEAKING_STRATEGIES,
    PatientLimits,
)

SESSIONS = weekdays(4)
DAY, BEFORE = SESSIONS[-1], SESSIONS[:-1]
LABEL = Label("vwap", 5, "return")
OF_ONE = [name for name, function in FEATURES.items() if not function.across_symbols]
SEEDS = (1,)  # of the samples; a leak is found with any seed


@pytest.fixture(scope="module")
def walks() -> pd.DataFrame:
    """Four sessions of sixty bars of two symbols, some bars missing."""
    return random_walks(SESSIONS, bars=60, keep=0.95)


def probed(bars: pd.DataFrame, features: list[Feature], seed: int = 1) -> Finding:
    """Probe the features of the last session."""
    written = features_of_sessions(bars, {DAY: BEFORE}, features)
    return features_see_no_future(
        bars, DAY, BEFORE, features, written, random.Random(seed)
    )


def plant(monkeypatch: pytest.MonkeyPatch, name: str) -> Feature:
    """Register a leaking feature as a user would."""
    monkeypatch.setitem(FEATURES, name, FeatureFunction(LEAKING_FEATURES[name]))
    return parse_feature(name)


class TestFeatures:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("name", sorted(LEAKING_FEATURES))
    def test_a_planted_leak_is_caught(self, monkeypatch, walks, name, seed):
        leak = plant(monkeypatch, name)
        missing = walks.assign(
            trade_count=walks["trade_count"].where(walks.index % 9 > 0)
        )
        finding = probed(missing, [parse_feature("ema"), leak], seed)
        assert not finding.passed
        assert finding.probe == FEATURES_PROBE
        assert finding.column == name
        assert finding.symbol == "S00"
        assert finding.ts.date() == DAY
        assert finding.largest_difference > 1e-6
        assert "later bars" in finding.reason

    def test_what_is_random_is_called_so(self, monkeypatch, walks):
        def dice(bars: pd.DataFrame) -> pd.Series:
            return pd.Series(np.random.default_rng().random(len(bars)), bars.index)

        monkeypatch.setitem(FEATURES, "dice", FeatureFunction(dice))
        finding = probed(walks, [parse_feature("dice")])
        assert not finding.passed
        assert "the same bars must always give the same values" in finding.reason

    @pytest.mark.parametrize("name", OF_ONE)
    def test_what_ships_keeps_its_bits(self, walks, name):
        finding = probed(with_benchmark(with_facts(walks)), [feature_of(name)])
        assert finding.passed
        assert finding.largest_difference == 0.0
        assert finding.checked > 100

    def test_a_function_that_needs_a_window_of_bars_is_no_leak(
        self, monkeypatch, walks
    ):
        def windows(bars: pd.DataFrame) -> pd.Series:
            closes = bars["close"].to_numpy()
            means = np.lib.stride_tricks.sliding_window_view(closes, 10).mean(axis=1)
            return pd.Series(np.append(np.full(9, np.nan), means), bars.index)

        monkeypatch.setitem(FEATURES, "windows", FeatureFunction(windows))
        assert probed(walks, [parse_feature("windows")]).passed

    def test_a_day_of_one_bar_has_no_future(self, monkeypatch):
        daily = random_walks(SESSIONS, bars=1)
        assert probed(daily, [parse_feature("ema"), plant(monkeypatch, "next_close")])

    def test_noise_leaves_what_is_before_it_and_makes_bars_that_could_be(self, walks):
        noise = replace_by_noise(walks, 30, 1)
        pd.testing.assert_frame_equal(noise.iloc[:30], walks.iloc[:30])
        assert (noise.dtypes == walks.dtypes).all()
        bodies = noise[["open", "close", "vwap"]]
        assert (bodies.le(noise["high"], axis=0)).all(axis=None)
        assert (bodies.ge(noise["low"], axis=0)).all(axis=None)
        assert (noise["close"].iloc[30:] != walks["close"].iloc[30:]).all()


@dataclass(frozen=True)
class Learned:
    """A configuration with its training rows, in memory."""

    configuration: Configuration
    bars: pd.DataFrame
    frame: pd.DataFrame
    folds: list[Fold]
    embargo: int

    def rows(self, fold: Fold) -> pd.DataFrame:
        columns = [feature.column for feature in self.configuration.features]
        usable = self.frame[[*columns, "label"]].notna().all(axis=1)
        return self.frame[usable & training_rows(self.frame, fold, self.embargo)]


def configured(study: Study) -> Configuration:
    (name,) = study.configurations
    return build_configuration(study, name, {}, Path())


def learned(
    bars: pd.DataFrame, configuration: Configuration, folds: list[Fold], embargo: int
) -> Learned:
    """Compute features and labels as the chain does."""
    days = sorted(pd.to_datetime(bars["session"].unique()).date)
    history = {day: days[:number] for number, day in enumerate(days)}
    features = features_of_sessions(bars, history, configuration.features)
    labels = label(bars, configuration.label, ONE_MINUTE)
    prices = bars.assign(price=price_of(bars, configuration.label.price))
    frame = features.merge(prices[["symbol", "ts", "price"]]).merge(labels)
    return Learned(
        configuration,
        bars,
        frame.sort_values(["ts", "symbol"], ignore_index=True),
        folds,
        embargo,
    )


@pytest.fixture(scope="module")
def lesson(walks: pd.DataFrame) -> Learned:
    study = Study(
        name="s",
        features=("close", {"ema": {"timeperiod": 5, "relative_to": "close"}}),
        label={"price": "vwap", "horizon": 5, "kind": "return"},
        configurations={
            "one": {"algorithm": "linear", "strategy": "forecast_threshold"}
        },
    )
    return learned(walks, configured(study), split(SESSIONS, 3), 5)


def labels_probed(one: Learned, frame: pd.DataFrame, said: Label = LABEL) -> Finding:
    return label_looks_forward(
        frame,
        one.bars,
        said,
        ONE_MINUTE,
        [
            c
            for c in frame
            if c not in one.bars and c not in ("label", "label_ts", "price")
        ],
        SESSIONS,
        random.Random(1),
    )


class TestLabels:
    def test_labels_that_look_forward_pass(self, lesson):
        finding = labels_probed(lesson, lesson.frame)
        assert finding.passed
        assert finding.checked > 500

    @pytest.mark.parametrize("by", ["market", "group"])
    def test_labels_relative_to_a_mean_are_computed_again(self, lesson, by):
        groups = lesson.bars["symbol"].map({"S00": "one"})
        bars = lesson.bars.assign(group=groups)
        relative = replace(LABEL, relative_to=by)
        labels = label(bars, relative, ONE_MINUTE)
        frame = lesson.frame.drop(columns=["label", "label_ts"]).merge(labels)
        grouped = replace(lesson, bars=bars)
        finding = labels_probed(grouped, frame, relative)
        assert finding.passed, finding.reason
        assert finding.checked > 500
        for wrong in (LABEL, replace(relative, horizon=4)):
            labels = label(bars, wrong, ONE_MINUTE)
            frame = lesson.frame.drop(columns=["label", "label_ts"]).merge(labels)
            assert not labels_probed(grouped, frame, relative).passed

    def test_a_label_of_the_past_is_caught(self, lesson):
        frame = lesson.frame.sort_values(["symbol", "ts"])
        past = frame.groupby("symbol")["price"].shift(5)
        then = frame.groupby("symbol")["ts"].shift(5)
        frame = frame.assign(label=past / frame["price"] - 1, label_ts=then)
        finding = labels_probed(lesson, frame)
        assert not finding.passed
        assert finding.probe == LABEL_PROBE
        assert "which is not later" in finding.reason

    def test_a_reversed_direction_under_the_right_time_is_caught(self, lesson):
        frame = lesson.frame.sort_values(["symbol", "ts"])
        past = frame.groupby("symbol")["price"].shift(5)
        reversed_ = frame.assign(label=(past / frame["price"] - 1)).dropna()
        finding = labels_probed(lesson, reversed_)
        assert not finding.passed
        assert "direction or horizon of the label differs" in finding.reason

    @pytest.mark.parametrize("horizon", [1, 4, 6])
    def test_another_horizon_is_caught(self, lesson, horizon):
        other = label(lesson.bars, replace(LABEL, horizon=horizon), ONE_MINUTE)
        frame = lesson.frame.drop(columns=["label", "label_ts"]).merge(other)
        assert not labels_probed(lesson, frame).passed

    def test_another_price_is_caught(self, lesson):
        other = label(lesson.bars, replace(LABEL, price="close"), ONE_MINUTE)
        frame = lesson.frame.drop(columns=["label", "label_ts"]).merge(other)
        assert labels_probed(lesson, frame).column == "label"

    def test_the_label_among_the_features_is_caught(self, lesson):
        finding = labels_probed(
            lesson, lesson.frame.assign(oracle=lesson.frame["label"])
        )
        assert not finding.passed
        assert finding.column == "oracle"
        assert "equals the label" in finding.reason

    @pytest.mark.parametrize(
        ("base", "across", "horizon"),
        [
            (ONE_DAY, False, 1),
            (ONE_MINUTE, True, 70),
            (BarSize.parse("volume:100"), False, 7),
            (BarSize.parse("volume:100"), True, 70),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("kind", ["level", "return"])
    def test_labels_of_other_bars_pass(self, base, across, horizon, kind):
        said = Label("close", horizon, kind, across_sessions=across)
        bars = random_walks(SESSIONS, bars=1 if base.daily else 60)
        if base.daily:
            bars["ts"] = bars["session"].dt.tz_localize("UTC").astype(bars["ts"].dtype)
        opens = pd.to_datetime(SESSIONS).tz_localize("UTC") + pd.Timedelta("14:30:00")
        schedule = pd.DataFrame(
            {"open": opens, "close": opens + pd.Timedelta("1h")},
            index=pd.Index(SESSIONS, name="session"),
        )
        labels = label(bars, said, base, schedule).merge(
            bars[["symbol", "ts", "session", "close"]]
        )
        frame = labels.rename(columns={"close": "price"})
        finding = label_looks_forward(
            frame, bars, said, base, [], SESSIONS, random.Random(1), schedule
        )
        assert frame["label"].notna().sum() > 0
        assert finding.passed, finding.reason
        late = replace(said, horizon=said.horizon + 1)
        assert not label_looks_forward(
            frame, bars, late, base, [], SESSIONS, random.Random(1), schedule
        ).passed


def training_probed(one: Learned, rows: pd.DataFrame, **changes) -> Finding:
    given = {"embargo": one.embargo, "horizon": 5, **changes}
    return training_stops_before_test(rows, one.frame, one.folds[0], **given)


class TestTraining:
    def test_rows_before_the_test_pass(self, lesson):
        rows = lesson.rows(lesson.folds[0])
        cv = cv_folds(rows, 2, 5)
        assert training_probed(lesson, rows, search_folds=cv).passed

    def test_an_embargo_that_is_too_short_is_caught(self, lesson):
        rows = lesson.rows(lesson.folds[0])
        finding = training_probed(lesson, rows, embargo=4)
        assert not finding.passed
        assert finding.probe == TRAINING_PROBE
        assert "shorter than the label's horizon" in finding.reason

    def test_a_row_inside_the_embargo_is_caught(self, lesson):
        train = lesson.frame["session"].isin(pd.to_datetime(SESSIONS[:3]))
        known = lesson.frame["label"].notna()
        finding = training_probed(lesson, lesson.frame[train & known], embargo=12)
        assert "The embargo must leave them out" in finding.reason

    def test_a_row_of_the_test_is_caught(self, lesson):
        rows = lesson.frame[lesson.frame["label"].notna()]
        finding = training_probed(lesson, rows)
        assert "not in its training sessions" in finding.reason
        assert finding.ts.date() == DAY

    def test_a_label_in_the_test_is_caught(self, lesson):
        rows = lesson.rows(lesson.folds[0]).copy()
        tests = lesson.frame[lesson.frame["session"] == pd.Timestamp(DAY)]
        at = rows.index[-1]
        first = tests.loc[tests["symbol"] == rows.loc[at, "symbol"], "ts"].min()
        rows.loc[at, "label_ts"] = first
        finding = training_probed(lesson, rows)
        assert "whose label lies at" in finding.reason
        assert finding.symbol == rows.loc[at, "symbol"]

    def test_a_search_that_validates_on_the_past_is_caught(self, lesson):
        rows = lesson.rows(lesson.folds[0])
        (train, validate), *_ = cv_folds(rows, 2, 5)
        finding = training_probed(lesson, rows, search_folds=[(validate, train)])
        assert "of the search" in finding.reason


def forecasts_probed(one: Learned, predict, symbols: int = 2) -> Finding:
    bars = one.bars[one.bars["symbol"] <= f"S{symbols - 1:02}"]
    rows = one.frame.merge(bars)
    last = rows["session"] == pd.Timestamp(DAY)
    written = predict(rows[last].sort_values(["symbol", "ts"], ignore_index=True))
    features = one.configuration.features
    return forecasts_see_no_future(
        bars, DAY, BEFORE, features, predict, written, random.Random(1)
    )


@pytest.fixture(scope="module")
def predict(lesson: Learned):
    return predictor(lesson)


class TestForecasts:
    def test_forecasts_of_past_bars_pass(self, lesson, predict):
        finding = forecasts_probed(lesson, predict)
        assert finding.passed
        assert finding.largest_difference == 0.0
        assert finding.checked > 500

    def test_forecasts_scaled_over_the_test_window_are_caught(self, lesson, predict):
        def scaled(rows: pd.DataFrame) -> pd.DataFrame:
            found = predict(rows)
            spread = found["forecast"].std(ddof=0)
            return found.assign(
                forecast=(found["forecast"] - found["forecast"].mean()) / (spread or 1)
            )

        finding = forecasts_probed(lesson, scaled)
        assert not finding.passed
        assert finding.probe == FORECASTS_PROBE
        assert finding.column == "forecast"

    def test_forecasts_that_are_filled_from_behind_are_caught(self, lesson, predict):
        def filled(rows: pd.DataFrame) -> pd.DataFrame:
            found = predict(rows)
            late = found.groupby("symbol")["expected_return"].shift(-2)
            return found.assign(expected_return=late.fillna(0))

        assert forecasts_probed(lesson, filled).column == "expected_return"

    def test_forecasts_that_appear_with_later_bars_are_caught(self, lesson, predict):
        def thinned(rows: pd.DataFrame) -> pd.DataFrame:
            return predict(rows)[::-1].iloc[::2]

        finding = forecasts_probed(lesson, thinned)
        assert not finding.passed
        assert "the row of" in finding.reason

    def test_a_model_on_leaking_features_is_caught(self, monkeypatch, walks):
        plant(monkeypatch, "centred_mean")
        study = Study(
            name="s",
            features=("centred_mean",),
            label={"price": "vwap", "horizon": 5, "kind": "return"},
            configurations={
                "one": {"algorithm": "linear", "strategy": "forecast_threshold"}
            },
        )
        one = learned(walks, configured(study), split(SESSIONS, 3), 5)
        assert not forecasts_probed(one, predictor(one)).passed


def predictor(one: Learned, algorithm: str | None = None, **settings):
    """Fit a model on the first fold; return its forecasting function."""
    rows = one.rows(one.folds[0])
    columns = [feature.column for feature in one.configuration.features]
    model = fit(
        algorithm or str(one.configuration.algorithm),
        "local",
        rows[columns].to_numpy(),
        rows["label"].to_numpy(),
        settings,
    )
    models = PartModels({ALL: model})

    def predict(bars: pd.DataFrame) -> pd.DataFrame:
        price = price_of(bars, one.configuration.label.price)
        bars = bars.assign(price=price, label=np.nan)
        return forecast_rows(models, one.configuration, bars, 0).frame

    return predict


@pytest.fixture(scope="module")
def sleeve(walks: pd.DataFrame) -> Sleeve:
    """Bars of one symbol with gaps between closes and opens, and forecasts."""
    rng = np.random.default_rng(3)
    bars = walks.assign(forecast=rng.normal(0, 1e-3, len(walks)))
    opens = bars["open"] * (1 + rng.normal(0, 1e-3, len(bars)))
    high, low = np.maximum(opens, bars["high"]), np.minimum(opens, bars["low"])
    bars = bars.assign(open=opens, high=high, low=low)
    return sleeves_of(bars, SESSIONS, ["forecast"])[0]


def user_type(strategy: type) -> StrategyType:
    return StrategyType(
        strategy.__name__, Path(), strategy, settings_of_params(strategy)
    )


def user_probed(strategy: type, sleeve: Sleeve, seed: int = 1) -> Finding:
    """Probe a user's strategy as the gate does."""
    replay = partial(executions_of, strategy)
    found = replay(sleeve)
    assert len(found.bars) or strategy is user_strategies.Scripted
    return merge_findings(
        [
            fills_at_next_open(sleeve, found),
            trades_see_no_future(replay, sleeve, found, random.Random(seed)),
        ]
    )


def executions_of(strategy: type, sleeve: Sleeve) -> Executions:
    return executions(sleeve, user_type(strategy), Variant("-"))


class TestFills:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("cheat", LEAKING_STRATEGIES, ids=lambda c: c.__name__)
    def test_a_strategy_that_cheats_is_caught(self, sleeve, cheat, seed):
        finding = user_probed(cheat, sleeve, seed)
        assert not finding.passed
        assert finding.probe == FILLS_PROBE
        assert finding.symbol == "S00"

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize(
        "honest",
        [user_strategies.SmaReversal, user_strategies.HeikinAshi, PatientLimits],
        ids=lambda c: c.__name__,
    )
    def test_an_honest_strategy_passes(self, sleeve, honest, seed):
        finding = user_probed(honest, sleeve, seed)
        assert finding.passed, finding.reason
        assert finding.checked > 0

    def test_a_fill_on_the_deciding_bar_is_caught(self, sleeve):
        """Fill at the close of the signal, as a faulty engine would."""

        def same_bar(bars: Sleeve) -> Executions:
            found = at_close(bars, bars.columns["forecast"])
            later = found.bars > 0
            return replace(
                found,
                bars=found.bars[later],
                sizes=found.sizes[later],
                prices=found.prices[later],
                at_open=found.at_open[later],
                slack=found.slack[later],
            )

        finding = fills_at_next_open(sleeve, same_bar(sleeve))
        assert not finding.passed
        assert "is not the open of the next bar" in finding.reason

    def test_a_fill_at_the_open_on_this_bars_signal_is_caught(self, sleeve):
        def same_open(bars: Sleeve) -> Executions:
            found = at_close(bars, bars.columns["forecast"])
            return replace(found, prices=bars.open[found.bars])

        found = same_open(sleeve)
        finding = trades_see_no_future(same_open, sleeve, found, random.Random(1))
        assert not finding.passed
        assert finding.probe == FILLS_PROBE

    def test_fills_beyond_their_bar_are_caught(self, sleeve):
        found = executions_of(PatientLimits, sleeve)
        far = np.where(found.at_open, found.prices, found.prices * 1.1)
        finding = fills_at_next_open(sleeve, replace(found, prices=far))
        assert "at a price that its bar does not reach" in finding.reason

    def test_slippage_is_no_leak(self, sleeve):
        rule = find_strategy("forecast_threshold")
        variant = Variant("-", {"max_holding": 3}, Costs(slippage_bps=20))
        found = executions(sleeve, rule, variant)
        assert len(found.bars) > 10
        assert fills_at_next_open(sleeve, found).passed
        early = replace(found, prices=found.prices * (1 - np.sign(found.sizes) * 0.01))
        assert not fills_at_next_open(sleeve, early).passed

    def test_a_fill_at_a_time_without_a_bar_is_caught(self, sleeve):
        fills = pd.DataFrame(
            {
                "ts": pd.to_datetime(["2018-01-01 14:30"], utc=True),
                "size": [1.0],
                "price": [50.0],
                "slippage": [0.0],
            }
        )
        assert not fills_at_next_open(
            sleeve, executions_of_fills(fills, sleeve, False)
        ).passed


def at_close(bars: Sleeve, signal: np.ndarray) -> Executions:
    """Be long where the signal is positive, else short, on the same bar."""
    target = np.where(signal > 0, 1.0, -1.0)
    sizes = np.diff(target, prepend=0.0)
    at = np.flatnonzero(sizes)
    return Executions(
        bars=at,
        sizes=sizes[at],
        prices=bars.close[at],
        at_open=np.ones(len(at), dtype=bool),
        slack=np.zeros(len(at)),
    )


# ---- clean configurations ----

RULES = {
    "macd_cross": {"fastperiod": 3, "slowperiod": 8, "signalperiod": 3},
    "ema_cross": {"fastperiod": 3, "slowperiod": 10},
    "bollinger_reversion": {"timeperiod": 8},
    "rsi_reversion": {"timeperiod": 6},
    "buy_and_hold": {},
    "random_entry": {"probability": 0.2},
}


def drawn_features(draw: random.Random) -> tuple:
    """Two features with arguments drawn at random."""
    price = draw.choice(["open", "high", "low", "close", "vwap"])
    choice = [
        {"ema": {"timeperiod": draw.randint(1, 9), "relative_to": price}},
        {"rsi": {"timeperiod": draw.randint(2, 9), "price": price}},
        {"bollinger": {"timeperiod": draw.randint(2, 20), "price": price}},
        {"macd_hist": {"fastperiod": 2, "slowperiod": draw.randint(3, 6)}},
        {price: {"relative_to": "typical"}},
        "volume",
    ]
    return tuple(draw.sample(choice, 2))


def drawn_settings(draw: random.Random) -> dict:
    """Settings that every rule has, drawn at random."""
    choice = {
        "size": draw.randint(1, 50),
        "max_holding": draw.randint(1, 9),
        "min_holding": draw.randint(1, 4),
        "cool_down": draw.randint(1, 4),
        "direction": draw.choice(["both", "long", "short"]),
        "reversal": draw.choice(["one_order", "flat_first"]),
        "stop_loss": draw.choice([0.05, 0.2]),
        "take_profit": draw.choice([0.05, 0.2]),
        "trailing_stop": draw.choice([0.05, 0.2]),
        "equity_percent": draw.choice([0, 10]),
        "slippage_bps": draw.choice([0, 1, 25]),
        "commission_bps": draw.choice([0, 3]),
    }
    return {name: choice[name] for name in draw.sample(sorted(choice), 4)}


def drawn_study(draw: random.Random) -> Study:
    """Draw a study of one configuration: a model, a rule, or a user's own."""
    kind = draw.choices(["model", "rule", "own"], [9, 9, 2])[0]
    if kind == "model":
        algorithm = draw.choice(["linear", "linear", "random_forest"])
        entry = {"algorithm": algorithm, "strategy": "forecast_threshold"}
        entry |= drawn_settings(draw)
        entry |= {"n_trees": 2} if algorithm == "random_forest" else {}
    elif kind == "rule":
        name = draw.choice(sorted(RULES))
        entry = {"strategy": name, **RULES[name], **drawn_settings(draw)}
    else:
        own = draw.choice(["SmaReversal", "HeikinAshi"])
        entry = {"strategy": f"{user_strategies.__name__}:{own}"}
    return Study(
        name="s",
        features=drawn_features(draw),
        label={
            "price": draw.choice(["close", "vwap"]),
            "horizon": draw.randint(1, 6),
            "kind": draw.choice(["level", "return"]),
        },
        configurations={"one": entry},
    )


def drawn_bars(draw: random.Random) -> pd.DataFrame:
    """Draw bars: thin or dense, with gaps between closes and opens."""
    seed, keep = draw.getrandbits(30), draw.choice([0.7, 0.9, 1.0])
    bars = random_walks(SESSIONS, bars=draw.choice([25, 40]), keep=keep, seed=seed)
    opens = bars["open"] * np.exp(
        np.random.default_rng(seed).normal(0, 5e-4, len(bars))
    )
    high, low = np.maximum(opens, bars["high"]), np.minimum(opens, bars["low"])
    return bars.assign(open=opens, high=high, low=low)


def findings_of_a_clean_configuration(seed: int) -> list[Finding]:
    """Draw a configuration, run it in memory and run all probes on it."""
    draw = random.Random(seed)
    configuration, bars = configured(drawn_study(draw)), drawn_bars(draw)
    one = learned(bars, configuration, split(SESSIONS, 2), configuration.label.horizon)
    alone = bars[bars["symbol"] == draw.choice(["S00", "S01"])]
    findings = [probed(alone, list(configuration.features), seed)]
    traded, columns = bars, []
    if configuration.algorithm:
        more, traded = probed_as_a_model(one)
        findings += more
        columns = ["forecast"]
    variants = configuration.variants()
    strategy = configuration.strategy_type()
    indicators = required_features(strategy, [v.settings for v in variants])
    history = {day: SESSIONS[:n] for n, day in enumerate(SESSIONS)}
    computed = features_of_sessions(bars, history, indicators).drop(columns="session")
    names = [f.column for f in indicators if f.column not in bars]
    traded = traded.merge(computed[["symbol", "ts", *names]], on=["symbol", "ts"])
    columns += [f.column for f in indicators]
    sleeves = sleeves_of(traded, SESSIONS, columns)
    fills = run_backtests(sleeves, configuration.strategy, variants).fills
    return [*findings, leak_gate.probe_fills(configuration, sleeves, variants, fills)]


def probed_as_a_model(one: Learned) -> tuple[list[Finding], pd.DataFrame]:
    """Probe labels, training and forecasts; return bars with the forecasts."""
    said, rows = one.configuration.label, one.rows(one.folds[0])
    settings = dict(one.configuration.model_settings)
    predict = predictor(one, **settings)
    findings = [
        labels_probed(one, one.frame, said),
        training_probed(one, rows, horizon=said.horizon),
        forecasts_probed(one, predict, symbols=1),
    ]
    every = predict(one.frame.merge(one.bars))
    forecasts = every[["symbol", "ts", "expected_return"]]
    forecasts = forecasts.rename(columns={"expected_return": "forecast"})
    return findings, one.bars.merge(forecasts, on=["symbol", "ts"], how="left")


@pytest.mark.parametrize("block", range(10))
def test_clean_configurations_raise_no_alarm(block):
    """100 configurations in all: models, rules and users' own strategies."""
    for seed in range(10 * block, 10 * block + 10):
        for finding in findings_of_a_clean_configuration(seed):
            assert finding.passed, f"seed {seed}: {finding.reason}"


def test_a_refusal_says_what_and_where():
    finding = Finding(
        FEATURES_PROBE, False, "S00", 9, 0.5, "S00", None, "x", "x of S00 becomes y."
    )
    with pytest.raises(BadInput, match=r"Session 1: the check features_see_no_future"):
        refuse_leak(finding, "Session 1")
    refuse_leak(replace(finding, passed=True))
