"""Bars for the features of the zoo, and how they are probed."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd

from whatif_assets.domain.features import (
    FEATURES,
    FeatureFunction,
    features_of_sessions,
    parse_feature,
)
from whatif_assets.domain.leaks import Finding, merge_findings
from whatif_assets.engines.probing.feature_probe import features_see_no_future
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays
from whatif_assets_tests.domain.leaks.zoo.leaky_features import Function
from whatif_assets_tests.domain.leaks.zoo.trading import forgetting

SECONDS = 20.0


def walks(sessions: int = 2, bars: int = 200) -> pd.DataFrame:
    """Sessions of two symbols with gaps, volumes that vary and some large moves."""
    made = random_walks(weekdays(sessions), bars=bars, keep=0.97)
    rng = np.random.default_rng(5)
    volume = np.round(made["volume"] * rng.lognormal(0, 1, len(made)) + 1)
    return made.assign(volume=volume)


def probed(name: str, function: Function, bars: pd.DataFrame) -> Finding:
    """Compute a feature as a run does, session by session, and probe it."""
    FEATURES[name] = FeatureFunction(function)
    try:
        with forgetting():
            return _probed(name, bars)
    finally:
        del FEATURES[name]


def _probed(name: str, bars: pd.DataFrame) -> Finding:
    feature, findings = parse_feature(name), []
    days = sorted(pd.to_datetime(bars["session"].unique()).date)
    history = {day: days[:number] for number, day in enumerate(days)}
    written = features_of_sessions(bars, history, [feature])
    for day, previous in history.items():
        of_day = bars[bars["session"] <= pd.Timestamp(day)]
        own = written[written["session"] == pd.Timestamp(day)]
        finding = features_see_no_future(
            of_day,
            day,
            previous,
            [feature],
            own,
            random.Random(1),
            most=10_000,
            seconds=SECONDS,
        )
        if not finding.passed:
            return finding
        findings.append(finding)
    return merge_findings(findings)
