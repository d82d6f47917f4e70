"""Variants of a rule as the numbers that the compiled engine reads."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.strategies import RuleSettings, TradingRule
from whatif_assets.domain.strategies.buy_and_hold import ALL
from whatif_assets.engines.compiled import layout
from whatif_assets.engines.compiled.outcome import Records
from whatif_assets.engines.strategies import StrategyType

Rule = type[TradingRule[Any]]
# For each series: the settings that it is computed from, and the rows of the variants
# that use it.
Groups = list[tuple[RuleSettings, npt.NDArray[np.int64]]]

_SHARED = frozenset(RuleSettings.model_fields)


def encode(
    kind: StrategyType, rule: Rule, variants: Sequence[Variant]
) -> tuple[Records, Groups]:
    """Check variants, turn them into numbers, and group those of the same series.

    The variants of a sweep differ in few settings, so that all but the cash and the
    thresholds of a variant is encoded once for all that have it in common.

    Raises
    ------
    BadInput
        A setting is unknown or has a wrong value.
    """
    names = rule.Settings.model_fields
    own = attrgetter("__class__", *(name for name in names if name not in _SHARED))
    shared = attrgetter(*(name for name in names if name in _SHARED))
    signals: dict[Any, tuple[int, float, float]] = {}
    series: dict[Hashable, tuple[int, RuleSettings]] = {}
    common: dict[Any, tuple[int, tuple[float, ...]]] = {}
    rows = []
    for variant in variants:
        settings: Any = kind.settings(variant.settings)
        of_rule, others = own(settings), (shared(settings), id(variant.costs))
        if of_rule not in signals:
            key = rule.series_key(settings)
            group, _ = series.setdefault(key, (len(series), settings))
            signals[of_rule] = group, *rule.thresholds(settings)
        if others not in common:
            common[others] = len(common), _encoded(settings, variant.costs)
        rows.append((common[others][0], variant.cash, *signals[of_rule]))
    number, cash, groups, above, below = np.array(rows, np.float64).reshape(-1, 5).T
    encoded = [(0.0, 0.0, 0.0, *values) for _, values in common.values()]
    parameters = np.array(encoded, layout.PARAMETERS)[number.astype(np.int64)]
    parameters["cash"], parameters["above"], parameters["below"] = cash, above, below
    return parameters, [
        (settings, np.flatnonzero(groups == group))
        for group, settings in series.values()
    ]


def rates(costs: Costs, symbol: str) -> tuple[float, float]:
    """Return slippage, and the interest on borrowed shares a day, as fractions."""
    return costs.slippage(symbol), costs.borrow(symbol) / 365.0


def _encoded(settings: RuleSettings, costs: Costs) -> tuple[float, ...]:
    """Encode the parameters after the thresholds, in the order of ``layout``."""
    return (
        *_sizing(settings),
        settings.direction != "short",
        settings.direction != "long",
        settings.reversal == "one_order" and settings.cool_down == 0,
        settings.min_holding,
        settings.max_holding,
        settings.cool_down,
        settings.stop_loss,
        settings.take_profit,
        settings.trailing_stop / 100,
        settings.reads_the_clock,
        settings.no_entry_first,
        settings.no_entry_last,
        settings.flat_before_close,
        costs.commission_bps / 1e4,
        costs.per_share,
        *costs.tier_steps,
        costs.commission_minimum,
        *rates(costs, ""),
        costs.commission_per_order,
        costs.impact,
        bool(costs.half_spread_fact),
        *costs.cash_rates,
        costs.earns,
        *_work_flags(settings, costs),
    )


def _work_flags(settings: RuleSettings, costs: Costs) -> tuple[bool, bool, bool]:
    """Return the flags ``watches``, ``protects`` and ``simple`` of ``layout``."""
    protects = any((settings.stop_loss, settings.take_profit, settings.trailing_stop))
    watches = protects or any((settings.max_holding, settings.flat_before_close))
    simple = not (
        watches
        or settings.reads_the_clock
        or settings.min_holding
        or settings.cool_down
        or any(costs.tier_steps)
        or costs.borrows
        or costs.impact
        or costs.half_spread_fact
        or costs.earns
        or settings.reversal != "one_order"
        or _sizing(settings)[0] == layout.ALL_CASH
    )
    return watches, protects, simple


def _sizing(settings: RuleSettings) -> tuple[int, float]:
    size: Any = settings.size
    if settings.notional:
        return layout.NOTIONAL, settings.notional
    if settings.equity_percent:
        return layout.EQUITY_PERCENT, settings.equity_percent
    if size == ALL:
        return layout.ALL_CASH, 0.0
    return layout.SHARES, size
