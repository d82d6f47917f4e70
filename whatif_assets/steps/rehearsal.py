"""Rehearsal: setting up users' strategies and estimators, to see if they can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.bars.bar_size import ONE_DAY, BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.fitting import fit
from whatif_assets.engines.isolation.worker_pool import run_tasks
from whatif_assets.engines.processes.tasks import task_of
from whatif_assets.engines.strategies import required_features
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.searched import ends_of

BARS = 600
ROWS = 100
VARIANTS = 8  # at most this many variants of a configuration are set up
_MINUTE = 60_000_000
_FIRST = 1_519_137_000_000_000  # 2018-02-20 14:30 UTC


def rehearse(configurations: Sequence[Configuration]) -> list[str]:
    """Set up users' strategies and estimators, and report what fails.

    Each strategy is imported, constructed and started on made-up bars in a separate
    process, with some of its variants; no bar is processed. Each estimator is fitted to
    made-up rows.

    Returns
    -------
    list of str
        One finding per configuration that cannot be set up.
    """
    own = [
        one
        for one in configurations
        # Which feeds an account has is known only if the symbols are.
        if not one.strategy_type().built_in and (one.symbols or not one.is_portfolio)
    ]
    tasks = []
    for one in own:
        variants = one.variants()
        some = variants[:: -(-len(variants) // VARIANTS)]
        bars: Sleeve | Panel = _made_up(one)
        if one.is_portfolio:
            names = one.symbols or ()
            bars = Panel.of([replace(_made_up(one), symbol=name) for name in names])
        tasks.append(task_of("set_up", one.strategy_type(), bars, some))
    failed = [
        f"Configuration {one.key}: {outcome.failure}"
        for one, outcome in zip(own, run_tasks(tasks, 1))
        if outcome.failure
    ]
    return failed + [
        f"Configuration {one.key}: {error}"
        for one in configurations
        if ":" in (one.algorithm or "") and (error := _fault_of_estimator(one))
    ]


def _fault_of_estimator(configuration: Configuration) -> BadInput | None:
    """Fit a user's estimator to made-up rows; return what fails."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(ROWS, len(configuration.features)))
    y = draw.normal(0, 0.01, ROWS)
    searched = configuration.search.items()
    first = {name: ends_of(values)[0] for name, values in searched}
    try:
        fit(
            str(configuration.algorithm),
            "local",
            x,
            np.sign(y) if configuration.label.of_kind.has_classes else y,
            {**configuration.model_settings, **first},
            configuration.model_seed,
            weights=np.ones(ROWS) if configuration.weighting.written else None,
            base=configuration.base,
        )
    except BadInput as error:
        return error
    return None


def _made_up(configuration: Configuration) -> Sleeve:
    """Make bars of one session, with every column that a strategy may read."""
    size = configuration.bar or ONE_DAY
    length = int(size.amount) * _MINUTE if size.timed else 24 * 60 * _MINUTE
    prices = 100 + np.cumsum(np.random.default_rng(1).normal(0, 0.1, BARS))
    settings = [variant.settings for variant in configuration.variants()[:1]]
    features = required_features(configuration.strategy_type(), settings)
    names = [feature.column for feature in features]
    names += ["forecast"] if configuration.algorithm else []
    end = _FIRST + BARS * length
    return Sleeve(
        symbol=(configuration.symbols or ("AAA",))[0],
        ts=_FIRST + length * np.arange(BARS, dtype=np.int64),
        session=np.zeros(BARS, dtype=np.int32),
        open=prices,
        high=prices + 0.1,
        low=prices - 0.1,
        close=prices,
        volume=np.full(BARS, 1000.0),
        vwap=prices,
        impact=np.zeros(BARS),
        quoted=np.zeros(BARS),
        columns={name: np.zeros(BARS) for name in names},
        hours=_hours(size, end),
        bar_size=size,
    )


def _hours(size: BarSize, end: int) -> npt.NDArray[np.int64] | None:
    return None if size.daily else np.array([[_FIRST, end]], dtype=np.int64)
