"""Variants of a rule as the numbers that the compiled engine reads."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.strategies import RuleSettings, TradingRule
from whatif_assets.domain.strategies.buy_and_hold import ALL
from whatif_assets.engines.compiled import layout
from whatif_assets.engines.compiled.alike import alike
from whatif_assets.engines.compiled.outcome import Records
from whatif_assets.engines.strategies import StrategyType

Rule = type[TradingRule[Any]]
# For each series: the settings that it is computed from, and the rows of the variants
# that use it.
Groups = list[tuple[RuleSettings, npt.NDArray[np.int64]]]


def encode(
    kind: StrategyType, rule: Rule, variants: Sequence[Variant]
) -> tuple[Records, Groups]:
    """Check variants, turn them into numbers, and group those of the same series.

    All but the cash and the thresholds is encoded once for variants that are alike.

    Raises
    ------
    BadInput
        A setting is unknown or has a wrong value.
    """
    if not variants:
        return np.empty(0, layout.PARAMETERS), []
    groups = alike(kind, rule, variants)
    series: dict[Hashable, tuple[int, RuleSettings]] = {}
    used, encoded, above, below = [], [], [], []
    for group in groups:
        key = rule.series_key(group.settings)
        used.append(series.setdefault(key, (len(series), group.settings))[0])
        encoded.append((0.0, 0.0, 0.0, *_encoded(group.settings, group.costs)))
        thresholds = rule.thresholds(group.varied)
        above.append(np.full(len(group.rows), thresholds[0], np.float64))
        below.append(np.full(len(group.rows), thresholds[1], np.float64))
    sizes = [len(group.rows) for group in groups]
    order = np.argsort(np.concatenate([group.rows for group in groups]))
    parameters = np.repeat(np.array(encoded, layout.PARAMETERS), sizes)
    parameters["above"], parameters["below"] = map(np.concatenate, (above, below))
    if len(groups) > 1:
        parameters = parameters[order]
    parameters["cash"] = [variant.cash for variant in variants]
    number = np.repeat(used, sizes)[order]
    return parameters, [
        (settings, np.flatnonzero(number == place))
        for place, settings in series.values()
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
