"""Contracts: what every feature, source, rule, model, metric, check and section keeps.

The entries of this package and those of others are held to the same contracts. A test
of your own needs one line:

>>> from whatif_assets import contracts
>>> contracts.check_feature(EFFICIENCY_RATIO)

Each function raises an ``AssertionError`` that says what is not kept. All bars are
simulated, so that no contract needs data or the network.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.metrics import METRICS, Metric
from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.bars.load_report import LoadReport
from whatif_assets.domain.bars.schema import BAR_COLUMNS, REQUIRED_COLUMNS
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.features import FEATURES, FeatureFunction, parse_feature
from whatif_assets.domain.features.computing import compute_features
from whatif_assets.domain.quality import (
    QUALITY_CHECKS,
    Finding,
    Inspection,
    QualityCheck,
)
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.fitting import fit
from whatif_assets.python.one_rule import Backtest, backtest
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section
from whatif_assets.sources import SOURCES, load_bars, open_source

DAYS = date(2026, 1, 5), date(2026, 1, 7)
SYMBOLS = ("SYN01", "SYN02")
TRIED = "tried_by_a_contract"  # name of a feature function while it is checked
ROWS, COLUMNS = 400, 3  # of the made-up examples of a model
CUTS = (0, 1, 57, 390, 800)  # bars after which the future is taken away


def check_feature(function: FeatureFunction | str, **arguments: Any) -> None:
    """Check a feature function: it knows only the past, and its warm-up suffices.

    A function across symbols, of another symbol, or of facts can't be checked here.

    Parameters
    ----------
    function
        The function, or its name.
    **arguments
        Arguments of the feature, where the defaults are not to be checked.
    """
    known = FEATURES[function] if isinstance(function, str) else function
    _hold(known.description.endswith("."), "its docstring begins with a sentence")
    bars = simulated_bars()
    with _registered(known):
        feature = parse_feature({TRIED: arguments})
        of_all = compute_features(bars, [feature])[feature.column].to_numpy()
        _hold(of_all.dtype == np.float64, "its values are float64")
        _hold(not np.isinf(of_all).any(), "its values are finite or NaN")
        _hold(bars.equals(simulated_bars()), "it leaves the bars as they are")
        one = bars[bars["symbol"] == SYMBOLS[0]].reset_index(drop=True)
        whole = feature.of(one)
        _hold(whole.shape == (len(one),), "it has one value for each bar")
        for cut in CUTS:
            before = feature.of(one.iloc[:cut])
            _hold(
                np.array_equal(before, whole[:cut], equal_nan=True),
                f"its values at the first {cut} bars do not depend on later bars",
            )
        for last in (len(one) - 1, len(one) - 334):
            first = max(last - feature.warm_up, 0)
            alone = feature.of(one.iloc[first : last + 1])[-1]
            _hold(
                np.allclose(alone, whole[last], rtol=1e-9, atol=0, equal_nan=True),
                f"its warm-up of {feature.warm_up} bars suffices",
            )


def check_source(
    name: str | type,
    options: Mapping[str, Any],
    first: date = DAYS[0],
    last: date = DAYS[1],
    bar: str = "1min",
    base: Path | None = None,
) -> None:
    """Check a source: it reads the same bars in any part and any order.

    Parameters
    ----------
    name
        The class, or its name.
    options
        Its options, with which it has bars of this size between these days.
    first, last, bar
        The days that are read, and the size of the bars.
    base
        Folder that relative paths start from; by default the current one.
    """
    kind: Any = SOURCES[name] if isinstance(name, str) else name
    _hold_options(kind.Options)

    def _opened() -> Any:
        return kind(kind.Options.model_validate(options), base or Path())

    def _read(symbols: list[str], start: pd.Timestamp, end: pd.Timestamp) -> Any:
        read = source.read(symbols, start, end, BarSize.parse(bar))
        return read.sort_values(["symbol", "ts"], ignore_index=True)

    start = pd.Timestamp(first, tz="UTC")
    end = pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=2)
    source = _opened()
    symbols = source.symbols()
    _hold(bool(symbols) and symbols == sorted(set(symbols)), "its symbols are sorted")
    whole = _read(symbols, start, end)
    lacking = sorted(set(REQUIRED_COLUMNS) - set(whole))
    _hold(not lacking, f"its bars have the columns {', '.join(lacking)}")
    _hold(len(whole) > 0, "it has bars between these days")
    _hold(str(whole["ts"].dt.tz) == "UTC", "its times are UTC")
    _hold(_opened().state(start, end) == source.state(start, end), "its state stays")
    source = _opened()
    _hold(whole.equals(_read(symbols, start, end)), "it reads the same bars again")
    middle = whole["ts"].sort_values().iloc[len(whole) // 2]
    inside = (whole["symbol"] == symbols[0]) & (whole["ts"] < middle)
    same = _read(symbols[:1], start, middle).equals(
        whole[inside].reset_index(drop=True)
    )
    _hold(same, "a part of its symbols and times has the same bars as the whole")
    _hold(_read(["no such symbol"], start, end).empty, "it makes no symbol up")


def _hold_options(options: type[BaseModel]) -> None:
    fields = options.model_fields.values()
    _hold(all(field.description for field in fields), "its options are described")
    extra = options.model_config.get("extra")
    _hold(extra == "forbid", "its options are closed: derive them from Settings")


def check_strategy(name: str, **settings: Any) -> Backtest:
    """Check a strategy: it trades, and its fills do not depend on later bars.

    Parameters
    ----------
    name
        As a study names it, such as ``my_rules.py:Breakout``.
    **settings
        Its settings, with which it trades on simulated minutes of three sessions.

    Returns
    -------
    Backtest
        The backtest, for further checks.
    """
    bars = simulated_bars()[[*BAR_COLUMNS]]
    whole = backtest(bars, name, settings)
    fills = whole.fills()
    _hold(len(fills) > 0, "it trades on simulated bars with these settings")
    cut = bars["ts"].sort_values().iloc[len(bars) // 2]
    before = backtest(bars[bars["ts"] <= cut], name, settings).fills()
    known = [
        frame[frame["ts"] <= cut].reset_index(drop=True) for frame in (fills, before)
    ]
    _hold(known[0].equals(known[1]), "its fills do not depend on later bars")
    return whole


def check_algorithm(name: str, base: Path | None = None, **settings: Any) -> None:
    """Check an algorithm: it learns, and the same seed gives the same forecasts.

    Parameters
    ----------
    name
        As a study names it, such as ``my_models.py:Ridge``.
    base
        Folder that the path of a file starts from; by default the current one.
    **settings
        Its settings.
    """
    draw = np.random.default_rng(1)
    x = draw.normal(size=(ROWS, COLUMNS))
    y = 0.01 * x[:, 0] + draw.normal(0, 0.001, ROWS)
    y = np.sign(y) if find_algorithm(name, base).classifies else y
    fitted = [fit(name, "local", x, y, settings, seed=7, base=base) for _ in range(2)]
    first, second = (np.asarray(model.predict(x)) for model in fitted)
    _hold(first.shape == (ROWS,), "it has one forecast for each row")
    _hold(bool(np.isfinite(first).all()), "its forecasts are finite")
    _hold(np.array_equal(first, second), "the same seed gives the same forecasts")
    error, spread = np.mean((first - y) ** 2), np.var(y)
    _hold(
        error < spread, "it forecasts what it was fitted to better than the mean does"
    )


def check_metric(metric: Metric | str) -> None:
    """Check a metric: one number for each variant, whichever others are with it."""
    known = METRICS[metric] if isinstance(metric, str) else metric
    _hold(known.description.endswith("."), "its docstring begins with a sentence")
    _hold(bool(known.unit), "it has a unit")
    together = _accounts(5, 10, 15)
    values = known.function(together)
    _hold(isinstance(values, np.ndarray), "it returns an array")
    _hold(values.dtype == np.float64, "its values are float64")
    _hold(values.shape == (3,), "it has one value for each variant")
    _hold(not np.isinf(values).any(), "its values are finite or NaN")
    alone = known.function(_accounts(10))
    _hold(
        np.allclose(alone, values[1:2], rtol=1e-9, atol=0, equal_nan=True),
        "the value of a variant does not depend on the others",
    )


def check_quality_check(check: QualityCheck | str, **limits: Any) -> list[Finding]:
    """Check a check of bars: a session's findings do not depend on other sessions.

    Parameters
    ----------
    check
        The check, or its name.
    **limits
        Limits, where the defaults are not to be checked.

    Returns
    -------
    list of Finding
        What it finds in simulated bars, for further checks.
    """
    known = QUALITY_CHECKS[check] if isinstance(check, str) else check
    _hold(known.about.endswith("."), "its docstring begins with a sentence")
    given, days = known.limits.model_validate(limits), _days()
    together = known.find(_inspection(days), given)
    apart = [f for day in days for f in known.find(_inspection([day]), given)]

    def _told(findings: list[Finding]) -> list[str]:
        return sorted(map(str, findings))

    _hold(
        all(finding.session in days for finding in together),
        "its findings are about sessions that it was given",
    )
    _hold(
        _told(together) == _told(apart),
        "the findings of a session do not depend on which others are inspected with it",
    )
    return together


def check_section(make: Callable[[PageContent], Section], content: Any) -> Section:
    """Check a section of the page: it is the same each time, and shows no NaN.

    Parameters
    ----------
    make
        The function.
    content
        The content of a page, or any object with the attributes that it reads.

    Returns
    -------
    Section
        The section, for further checks.
    """
    section = make(content)
    _hold(isinstance(section, Section), "it returns a Section")
    _hold(bool(section.title and section.html), "it has a title and a text")
    _hold(make(content) == section, "the same content gives the same section")
    shown = section.html.replace("<", " <").replace(">", "> ").split()
    undefined = {"nan", "None", "NaT", "inf"} & set(shown)
    _hold(not undefined, f"it shows no {', '.join(sorted(undefined))}")
    return section


@functools.cache
def _simulated() -> pd.DataFrame:
    sample = open_source("sample", {"symbol_count": len(SYMBOLS)}, Path())
    return load_bars(sample, SYMBOLS, Sessions("XNYS", *DAYS), ONE_MINUTE, *DAYS)[0]


def simulated_bars() -> pd.DataFrame:
    """Return simulated minutes of two symbols and three sessions, as tidy bars."""
    return _simulated().copy()


@functools.cache
def _accounts(*fastperiods: int) -> Accounts:
    """Return the accounts of a rule with several settings on the simulated bars."""
    grid = {"fastperiod": list(fastperiods), "slowperiod": 30}
    found = backtest(simulated_bars()[[*BAR_COLUMNS]], "ema_cross", grid).result
    return replace(found.accounts, sessions_per_year=252.0)


def _days() -> list[date]:
    return Sessions("XNYS", *DAYS).dates(*DAYS)


def _inspection(days: list[date]) -> Inspection:
    """Return simulated bars of some sessions as a check gets them."""
    bars = simulated_bars()
    session = bars["session"].dt.date
    chosen = bars[session.isin(days)].reset_index(drop=True)
    earlier = bars[session < days[0]]
    before = earlier.groupby("symbol").tail(1).reset_index(drop=True)
    report = LoadReport(len(chosen), len(SYMBOLS), len(days), {}, {}, 0)
    known = before if len(before) else None
    calendar = Sessions("XNYS", *DAYS)
    return Inspection(chosen, report, days, known, calendar, ONE_MINUTE)


@contextlib.contextmanager
def _registered(function: FeatureFunction) -> Iterator[None]:
    FEATURES[TRIED] = function
    try:
        yield
    finally:
        del FEATURES[TRIED]


def _hold(kept: bool, contract: str) -> None:
    if not kept:
        raise AssertionError(f"Not kept: {contract}.")
