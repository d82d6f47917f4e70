"""The leak gate of the chain: the probes that an asset runs before it writes.

Probes check a sample, since look-ahead is caused by code and shows in any sample. The
sample depends only on the partition's key, so that a run can be repeated, and every
finding describes its sample.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Protocol

import pandas as pd

from whatif_assets.domain.accounts.job import Executions
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.features import Feature, per_symbol
from whatif_assets.domain.leaks import (
    FEATURES_PROBE,
    FORECASTS_PROBE,
    INDICATORS_PROBE,
    LABEL_PROBE,
    Finding,
    executions_of_fills,
    facts_see_no_future,
    fills_at_next_open,
    forecasts_see_no_future,
    label_looks_forward,
    merge_findings,
    trades_see_no_future,
)
from whatif_assets.domain.leaks.finding import KEYS
from whatif_assets.engines.backtest import Variant, run_backtests
from whatif_assets.engines.probing.feature_probe import (
    across_see_no_future,
    features_see_no_future,
)
from whatif_assets.engines.probing.panel_replaying import panel_runs_alike
from whatif_assets.engines.probing.replaying import SECONDS, Probe
from whatif_assets.engines.probing.sweeping import BARS_OF_A_RUN
from whatif_assets.engines.strategies import StrategyType, required_features
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.portfolio_probe import portfolio_sees_no_future
from whatif_assets.steps.session_features import SessionFeatures

SESSIONS_OF_A_RUN = 20  # probed sessions of a run that computes features
SESSIONS = 3  # probed sessions of a configuration's forecasts or labels
SYMBOLS = 1  # probed symbols of each session
INDICATORS = 12  # probed features of a rule
VARIANTS = 2  # replayed variants: the winner, and another


class Predict(Protocol):
    """A function that forecasts bars from their features with a fold's model."""

    def __call__(self, rows: pd.DataFrame, number: int) -> pd.DataFrame:
        """Return ``symbol``, ``ts``, ``forecast`` and ``expected_return``."""


def _sample(key: str) -> random.Random:
    return random.Random(key)  # noqa: S311 - a sample, not a secret


def _some(draw: random.Random, items: Iterable[str], most: int) -> list[str]:
    known = sorted(set(items))
    return sorted(draw.sample(known, min(most, len(known))))


def sessions_to_probe(sessions: Sequence[date]) -> set[date]:
    """Choose the sessions of a run to probe: evenly spread, including the last one."""
    step = math.ceil(len(sessions) / SESSIONS_OF_A_RUN)
    return set(sessions[::-1][:: max(step, 1)])


def probe_features(
    columns: SessionFeatures,
    session: date,
    frame: pd.DataFrame,
    probed: Iterable[date] = (),
) -> Finding:
    """Probe the features of a session for look-ahead, on one or several symbols.

    Parameters
    ----------
    columns
        The object that computed the features.
    session
        The session.
    frame
        The features that will be written.
    probed
        The sessions of the run that are probed. Together they cover each symbol, and
        enough bars to find rare look-ahead.
    """
    days = sorted({session, *probed})
    every = sorted(frame["symbol"].unique())
    share = math.ceil(len(every) / len(days))
    first = days.index(session) * share
    symbols = [every[n % len(every)] for n in range(first, first + share)]
    most = math.ceil(BARS_OF_A_RUN / max(len(days) * share, 1))
    draw = _sample(session.isoformat())
    return _probe_session(
        columns, session, sorted(set(symbols)), frame, draw, FEATURES_PROBE, most
    )


def _probe_session(
    columns: SessionFeatures,
    session: date,
    symbols: Sequence[str],
    frame: pd.DataFrame,
    draw: random.Random,
    probe: str,
    most: int = BARS_OF_A_RUN,
) -> Finding:
    if not symbols:
        return Finding(probe, True, f"no bar in session {session}", 0, 0.0)
    bars, previous = columns.bars_of(session, symbols)
    about, features = (bars, session, previous), per_symbol(columns.features)
    written = _with_parts(columns, session, frame)
    slower = columns.slower_of(session, symbols)
    found = features_see_no_future(*about, features, written, draw, probe, slower, most)
    findings = [found, *_probe_across(columns, session, frame, draw, probe)]
    if reading := [feature for feature in features if feature.fact]:
        as_known = columns.facts.as_known
        later = facts_see_no_future(*about, reading, as_known, written, draw, probe)
        findings.append(later)
    return merge_findings(findings)


def _with_parts(
    columns: SessionFeatures, session: date, frame: pd.DataFrame
) -> pd.DataFrame:
    """Add to features of a session those inside features across symbols."""
    names = [feature.column for feature in per_symbol(columns.features)]
    lacking = [name for name in names if name not in frame]
    if not lacking:
        return frame
    parts = columns.with_parts(session)[[*KEYS, *lacking]]
    return frame.merge(parts, on=KEYS, how="left")


def _probe_across(
    columns: SessionFeatures,
    session: date,
    frame: pd.DataFrame,
    draw: random.Random,
    probe: str,
) -> Iterator[Finding]:
    """Probe the features across symbols, at the size of the bars they are made of."""
    for store in (columns, *columns.slower):
        across = [feature for feature in store.own if feature.inner]
        if across:
            parts = store.with_parts(session)
            written = frame if store is columns else parts
            rows = store.with_groups(parts)
            yield across_see_no_future(rows, across, written, draw, probe)


def probe_labels(
    home: Home, configuration: Configuration, frame: pd.DataFrame
) -> Finding:
    """Probe the labels that a model is trained on, in some of its sessions.

    Parameters
    ----------
    frame
        A dataset from :func:`whatif_assets.steps.dataset.dataset`.
    """
    draw = _sample(configuration.key)
    known = frame.loc[frame["label"].notna(), "session"]
    days = sorted(pd.DatetimeIndex(known.unique()).date)
    if not days:
        return Finding(LABEL_PROBE, True, "no label in the training sessions", 0, 0.0)
    chosen = sorted(draw.sample(days, min(SESSIONS, len(days))))
    ahead = _sessions_ahead(home, configuration)
    calendar = home.market.sessions.dates()
    read = {
        day
        for first in (calendar.index(day) for day in chosen)
        for day in calendar[first : first + ahead + 1]
        if home.lake.has("price_bars", day.isoformat())
    }
    size = home.bar_size(configuration)
    bars = BarReader(home, size).over(sorted(read))
    if configuration.label.relative_to == "group":
        bars = home.with_groups(bars)
    place = calendar.index(chosen[0])
    schedule = home.market.sessions.schedule(
        calendar[place : calendar.index(chosen[-1]) + ahead + 1]
    )
    return label_looks_forward(
        frame,
        bars,
        configuration.label,
        size,
        [feature.column for feature in configuration.features],
        chosen,
        draw,
        schedule,
        LakeSteps(home).over(min(read), max(read)),
    )


def _sessions_ahead(home: Home, configuration: Configuration) -> int:
    """Count the sessions after a bar's own in which its label may lie."""
    label, size = configuration.label, home.bar_size(configuration)
    per_session = home.market.bars_per_session(size)
    if not (size.daily or label.across_sessions):
        return 0
    # A half day has fewer bars than a regular session.
    return math.ceil(label.horizon / per_session) * (1 if per_session == 1 else 2)


def probe_forecasts(
    home: Home, configuration: Configuration, frame: pd.DataFrame, predict: Predict
) -> Finding:
    """Probe the forecasts of a configuration, in some of its sessions and symbols.

    Parameters
    ----------
    frame
        The forecasts that will be written.
    predict
        Forecasts bars from their features with the model of a fold, given by number.
    """
    if frame.empty:
        return Finding(FORECASTS_PROBE, True, "no forecast", 0, 0.0)
    draw = _sample(configuration.key)
    days = pd.Series(home.market.sessions.days(pd.DatetimeIndex(frame["ts"])))
    size = home.bar_size(configuration)
    if size.daily:
        days = frame["ts"].dt.tz_localize(None).dt.normalize()
    columns = SessionFeatures(home, configuration.features_read, bar_size=size)
    # They depend on other symbols, too; the probe of features replaces their values.
    across = [
        feature for feature in configuration.features_read if feature.inner is not None
    ]
    findings = []
    for day in sorted(
        draw.sample(sorted(days.unique()), min(SESSIONS, days.nunique()))
    ):
        there = frame[(days == day).to_numpy()]
        session, fold = pd.Timestamp(day).date(), int(there["fold"].iloc[0])
        symbols = _some(draw, there["symbol"], SYMBOLS)
        bars, previous = columns.bars_of(session, symbols)
        if across:
            known = columns.of(session)[[*KEYS, *(f.column for f in across)]]
            bars = bars.merge(known, on=KEYS, how="left")
        finding = forecasts_see_no_future(
            bars,
            session,
            previous,
            [feature for feature in configuration.features_read if not feature.inner],
            functools.partial(predict, number=fold),
            there,
            draw,
            columns.slower_of(session, symbols),
        )
        findings.append(finding)
    return merge_findings(findings)


def probe_indicators(
    home: Home,
    configuration: Configuration,
    sleeves: Sequence[Sleeve],
    sessions: Sequence[date],
    as_of: date | None = None,
) -> Finding:
    """Probe the features that a rule computes for itself, as they are in its sleeves.

    Parameters
    ----------
    sleeves
        The sleeves that the rule trades.
    sessions
        The sessions that the sleeves refer to by number.
    as_of
        The session of the sleeves' price basis; by default each session's own.
    """
    draw = _sample(configuration.key)
    settings = [variant.settings for variant in configuration.variants()]
    features = required_features(configuration.strategy_type(), settings)
    present = sorted(
        (f for f in features if f.column in sleeves[0].columns), key=lambda f: f.column
    )
    if not present:
        return Finding(INDICATORS_PROBE, True, "a rule without features", 0, 0.0)
    some = draw.sample(present, min(INDICATORS, len(present)))
    size = home.bar_size(configuration)
    columns = SessionFeatures(home, some, bar_size=size, as_of=as_of)
    findings = []
    for sleeve in draw.sample(list(sleeves), min(SYMBOLS, len(sleeves))):
        number = int(draw.choice(sleeve.session))
        frame = _columns_of(sleeve, number, some)
        finding = _probe_session(
            columns, sessions[number], [sleeve.symbol], frame, draw, INDICATORS_PROBE
        )
        findings.append(finding)
    return merge_findings(findings)


def _columns_of(
    sleeve: Sleeve, number: int, features: Sequence[Feature]
) -> pd.DataFrame:
    """Return the features of one session of a sleeve as a table."""
    rows = sleeve.session == number
    ts = pd.DatetimeIndex(sleeve.ts[rows].view("datetime64[us]")).tz_localize("UTC")
    columns = {f.column: sleeve.columns[f.column][rows] for f in features}
    return pd.DataFrame({"symbol": sleeve.symbol, "ts": ts, **columns})


def probe_fills(
    configuration: Configuration,
    sleeves: Sequence[Sleeve],
    leaders: Sequence[Variant],
    fills: pd.DataFrame,
    seconds: float = SECONDS,
) -> Finding:
    """Probe the fills of the best variants: their times, prices and look-ahead.

    Parameters
    ----------
    sleeves
        The sleeves that the variants traded.
    leaders
        The best variants, the winner first.
    fills
        Fills of the variants, as they will be written.
    seconds
        Time limit for replays of a user's own strategy.
    """
    strategy = configuration.strategy_type()
    # The sample does not depend on the configuration's key, which may be renamed.
    draw = _sample(f"{strategy.name} {strategy.code_version} {leaders[0].id}")
    if not strategy.built_in and not configuration.is_portfolio:
        others = draw.sample(list(leaders[1:]), min(VARIANTS - 1, len(leaders) - 1))
        probe = Probe(strategy, sleeves, fills, draw, seconds)
        return probe.of([leaders[0], *others])
    by_job = dict(list(fills.groupby(["variant", "symbol"], sort=False)))
    found = {
        (variant.id, sleeve.symbol): executions_of_fills(
            by_job.get((variant.id, sleeve.symbol), fills.iloc[:0]),
            sleeve,
            _sends_stops(strategy, variant),
        )
        for variant in leaders
        for sleeve in sleeves
    }
    findings = [
        fills_at_next_open(sleeve, found[variant.id, sleeve.symbol])
        for variant in leaders
        for sleeve in sleeves
    ]
    others = draw.sample(list(leaders[1:]), min(VARIANTS - 1, len(leaders) - 1))
    for variant in [leaders[0], *others]:
        if configuration.is_portfolio:
            own = fills[fills["variant"] == variant.id]
            if not strategy.built_in:
                findings.append(panel_runs_alike(strategy, variant, sleeves, own))
            findings.append(
                portfolio_sees_no_future(configuration, variant, sleeves, own, draw)
            )
            continue
        replay = functools.partial(_replay, configuration, variant)
        for sleeve in draw.sample(list(sleeves), min(SYMBOLS, len(sleeves))):
            filled = found[variant.id, sleeve.symbol]
            findings.append(trades_see_no_future(replay, sleeve, filled, draw))
    return merge_findings(findings)


def _sends_stops(strategy: StrategyType, variant: Variant) -> bool:
    """Whether a variant may send orders that fill within a bar."""
    if not strategy.built_in:
        return True
    settings = strategy.settings(variant.settings)
    stops = ("stop_loss", "trailing_stop", "take_profit")
    return any(getattr(settings, name, 0) for name in stops)


def _replay(
    configuration: Configuration, variant: Variant, sleeve: Sleeve
) -> Executions:
    result = run_backtests(
        [sleeve], configuration.strategy, [variant], base=configuration.base
    )
    return executions_of_fills(
        result.fills,
        sleeve,
        _sends_stops(configuration.strategy_type(), variant),
    )
