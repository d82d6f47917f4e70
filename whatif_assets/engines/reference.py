"""The reference engine: Backtrader runs one variant of a strategy on one sleeve.

Backtrader decides which orders fill, at what price and for how much cash. The compiled
engine is compared with it.
"""

from __future__ import annotations

import contextlib
import gc
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel

from whatif_assets.domain.accounts._backtrader import (
    Cerebro,
    RecordingBroker,
    array_feed,
    as_lines,
    bt,
    date_numbers,
)
from whatif_assets.domain.accounts._commission import Commission
from whatif_assets.domain.accounts.costs import Costs, Friction
from whatif_assets.domain.accounts.job import Executions, Run, Variant, slack_of
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.engines.own_strategies import describe
from whatif_assets.engines.strategies import StrategyType


def backtest(sleeve: Sleeve, kind: StrategyType, variant: Variant) -> Run:
    """Run one variant of a strategy on one sleeve.

    Raises
    ------
    BadInput
        The strategy fails; the message names symbol, variant and bar.
    """
    if not len(sleeve):
        none = np.empty(0)
        bars = none.astype(np.int64)
        return Run(none, bars, none, none, none, none, none, none, none, rejected=0)
    broker, warm_up = _run(sleeve, kind, variant)
    return _record(broker, sleeve, warm_up)


def executions(sleeve: Sleeve, kind: StrategyType, variant: Variant) -> Executions:
    """Run one variant on one sleeve and return its orders and fills.

    Raises
    ------
    BadInput
        As for :func:`backtest`.
    """
    broker, _ = _run(sleeve, kind, variant)
    return _executions(broker)


def attempt(
    sleeve: Sleeve, kind: StrategyType, variant: Variant, bar_by_bar: bool = False
) -> Executions:
    """Run one variant on one sleeve and return its orders and fills, also if it fails.

    Parameters
    ----------
    bar_by_bar
        Whether bars are loaded one by one. Lines then end with the present bar, and a
        strategy that reads a later bar finds nothing there.

    Returns
    -------
    Executions
        Up to the failure if the strategy fails; see ``failed_at`` and ``failure``.
    """
    cerebro = prepare(sleeve, kind, variant, bar_by_bar=bar_by_bar)
    failed_at, failure = None, ""
    try:
        with failures_named(cerebro, sleeve, kind, variant), no_garbage_collection():
            cerebro.run()
    except BadInput as error:
        failed_at, failure = max(len(cerebro.datas[0]) - 1, 0), str(error)
    found = _executions(cerebro.broker)
    return replace(found, failed_at=failed_at, failure=failure)


def bar_by_bar(sleeve: Sleeve, kind: StrategyType, variant: Variant) -> Executions:
    """Run :func:`attempt` with bars that are loaded one by one."""
    return attempt(sleeve, kind, variant, bar_by_bar=True)


def _executions(broker: RecordingBroker) -> Executions:
    fills = np.array(broker.fills, dtype=np.float64).reshape(-1, 6)
    sent, kinds, made = np.array(broker.origins, dtype=np.int64).reshape(-1, 3).T
    bars, sizes, prices = fills.T[:3]
    costs = broker.p  # not the variant's: the strategy may have changed them
    return Executions(
        bars=bars.astype(np.int64),
        sizes=sizes,
        prices=prices,
        at_open=kinds == bt.Order.Market,
        slack=slack_of(prices, _slippages(broker)) + costs.slip_fixed,
        sent=sent,
        orders=np.array(broker.submissions, dtype=np.float64).reshape(-1, 5),
        made=made,
        by_volume=costs.filler is not None,
    )


def _slippages(broker: RecordingBroker) -> FloatArray:
    """Slippage that each fill may have, as a fraction; at least the broker's own."""
    own = np.array(broker.slippages, dtype=np.float64)
    return np.asarray(np.maximum(own, broker.p.slip_perc))


def _run(
    sleeve: Sleeve, kind: StrategyType, variant: Variant
) -> tuple[RecordingBroker, int]:
    """Run a variant; return its broker and the warm-up of its indicators in bars."""
    cerebro = prepare(sleeve, kind, variant)
    with failures_named(cerebro, sleeve, kind, variant), no_garbage_collection():
        ran = cerebro.run()
    if not ran:
        raise skipped(sleeve, kind, variant)
    if not isinstance(cerebro.broker, RecordingBroker):
        raise BadInput(
            f"{_job(sleeve, kind, variant)} replaces its broker, so its trades cannot "
            "be recorded. Change the settings of self.broker instead."
        )
    return cerebro.broker, ran[0]._minperiod


class Started(Exception):
    """Raised to end a run before its first bar."""


class OnlyStarts(Cerebro):
    """A Cerebro that stops as soon as its strategy has started."""

    def _runonce(self, runstrats: list[Any]) -> None:
        if runstrats:
            raise Started

    _runnext = _runonce


def set_up(sleeve: Sleeve, kind: StrategyType, variant: Variant) -> None:
    """Construct and start a strategy without running any bar.

    Raises
    ------
    BadInput
        The strategy cannot be constructed or started with these settings.
    """
    start_only(prepare(sleeve, kind, variant, OnlyStarts), sleeve, kind, variant)


def start_only(
    cerebro: bt.Cerebro, bars: Sleeve | Panel, kind: StrategyType, variant: Variant
) -> None:
    """Start a prepared `OnlyStarts`, and process no bar.

    Raises
    ------
    BadInput
        As for `set_up`.
    """
    with contextlib.suppress(Started), failures_named(cerebro, bars, kind, variant):
        cerebro.run()
        raise skipped(bars, kind, variant)


def skipped(bars: Sleeve | Panel, kind: StrategyType, variant: Variant) -> BadInput:
    """Return the error about a strategy that skips itself."""
    return BadInput(
        f"{_job(bars, kind, variant)} skipped itself (StrategySkipError). Remove the "
        "variant, or let the strategy run with these settings."
    )


def prepare(
    sleeve: Sleeve,
    kind: StrategyType,
    variant: Variant,
    engine: type[Cerebro] = Cerebro,
    bar_by_bar: bool = False,
) -> bt.Cerebro:
    """Set up Backtrader for a run; call ``run()`` on the result.

    Parameters
    ----------
    engine
        The class of Cerebro to use.
    bar_by_bar
        Whether bars are loaded one by one during the run, instead of all at its start.

    Raises
    ------
    BadInput
        A setting is unknown or wrong, or the sleeve lacks a column.
    """
    settings = kind.settings(variant.settings)
    whole = not bar_by_bar
    cerebro = engine(stdstats=False, preload=whole, runonce=whole)
    add_feed(cerebro, sleeve, kind.lines_of(sleeve, settings))
    cerebro.broker = RecordingBroker(_session_ends(sleeve))
    cerebro.broker.setcash(variant.cash)
    set_costs(cerebro.broker, variant.costs, sleeve)
    cerebro.addstrategy(kind.strategy, **_arguments(kind, settings))
    return cerebro


def set_costs(
    broker: RecordingBroker, costs: Costs, sleeve: Sleeve, *, shared: bool = False
) -> None:
    """Let a broker charge the costs of a symbol.

    Parameters
    ----------
    broker, costs, sleeve
        The broker, the costs, and the symbol with its bars.
    shared
        Whether the broker also trades other symbols.

    Raises
    ------
    BadInput
        Costs have impact or a quoted half spread, and the sleeve has no impact scale or
        no quoted half spread.
    """
    commission = Commission(
        commission=costs.commission_bps / 1e4,
        per_share=costs.per_share,
        tier_steps=costs.tier_steps,
        per_order=costs.commission_per_order,
        minimum=costs.commission_minimum,
        interest=costs.borrow(sleeve.symbol),
        mult=sleeve.multiplier,
    )
    broker.addcommissioninfo(commission, name=sleeve.symbol if shared else None)
    broker.cash_rates = costs.cash_rates
    if costs.impact or costs.half_spread_bps or costs.half_spread_fact:
        broker.frictions[sleeve.symbol] = _friction(costs, sleeve)
    broker.set_slippage_perc(
        costs.slippage_bps / 1e4,
        slip_open=True,
        slip_limit=True,
        slip_match=True,
        slip_out=True,
    )


def _friction(costs: Costs, sleeve: Sleeve) -> Friction:
    """Return the friction of a symbol, in arrays that a strategy cannot change."""
    scale = (sleeve.impact_scales() if costs.impact else np.empty(0)).copy()
    quoted = sleeve.quoted_spreads() if costs.half_spread_fact else np.empty(0)
    quoted = quoted.copy()
    scale.setflags(write=False)
    quoted.setflags(write=False)
    return Friction(costs.half_spread(sleeve.symbol), costs.impact, scale, quoted)


def add_feed(
    cerebro: bt.Cerebro, sleeve: Sleeve, lines: Mapping[str, FloatArray]
) -> None:
    """Add the bars of a symbol, with further lines, under the symbol's name."""
    arrays = {
        **sleeve.prices(),
        **lines,
        "datetime": date_numbers(sleeve.ts),
        "openinterest": np.zeros(len(sleeve)),
    }
    timeframe, compression = _timeframe(sleeve.bar_size)
    feed = array_feed(tuple(lines))(
        arrays=as_lines(arrays), timeframe=timeframe, compression=compression
    )
    cerebro.adddata(feed, sleeve.symbol)


def _timeframe(size: BarSize | None) -> tuple[int, int]:
    """Bar size in Backtrader's terms; bars of volume or money count as 1 minute."""
    if size is None or size.daily:
        return bt.TimeFrame.Days, 1
    return bt.TimeFrame.Minutes, int(size.amount) if size.timed else 1


def _session_ends(sleeve: Sleeve) -> FloatArray | None:
    """Return the end of each bar's session, as Backtrader's date numbers.

    The end is a millisecond before the close, because a bar that starts at the close
    belongs to the next session.
    """
    if sleeve.hours is None:
        return None
    return date_numbers(sleeve.hours[sleeve.session, 1] - 1_000)


def _arguments(kind: StrategyType, settings: BaseModel) -> dict[str, Any]:
    return {"settings": settings} if kind.rule else dict(settings)


def _record(broker: RecordingBroker, sleeve: Sleeve, warm_up: int) -> Run:
    fills = np.array(broker.fills, dtype=np.float64).reshape(-1, 6)
    bars, sizes, prices, commissions, closing, multipliers = fills.T
    values = np.array(broker.values)
    # A strategy may stop its run early; later sessions keep its last value.
    last = np.minimum(sleeve.last_bars()[1], len(values) - 1)
    return Run(
        equity=values[last],
        bars=bars.astype(np.int64),
        sizes=sizes,
        prices=prices,
        commissions=commissions,
        values_traded=np.abs(sizes * prices) * multipliers,
        multipliers=multipliers,
        slippage=np.array(broker.slippages),
        closing=closing,
        rejected=broker.rejected,
        warm_up=warm_up,
        made=np.array(broker.origins, dtype=np.int64).reshape(-1, 3)[:, 2],
        valued=last,
        paid_in=broker.paid_in,
        slipped=broker.slipped,
    )


def _job(sleeve: Sleeve | Panel, kind: StrategyType, variant: Variant) -> str:
    return f"Strategy '{kind.name}', symbol {sleeve.symbol}, variant {variant.id}"


@contextlib.contextmanager
def failures_named(
    cerebro: bt.Cerebro, sleeve: Sleeve | Panel, kind: StrategyType, variant: Variant
) -> Iterator[None]:
    """Turn any error of a strategy into a BadInput that names job, bar and line."""
    try:
        yield
    except (Started, BadInput):
        raise
    except BaseException as error:
        if kind.built_in and not isinstance(error, Exception):
            raise
        bar = len(cerebro.datas[0]) - 1
        if isinstance(sleeve, Panel):
            bar = len(cerebro.broker.values) - 1
        where = (
            f"at the bar {sleeve.when(bar)}"
            if bar >= 0
            else f"before the first of its {len(sleeve)} bars"
        )
        file = next(iter(kind.source_files), kind.folder)
        raise BadInput(
            f"{_job(sleeve, kind, variant)}, {where}: {describe(error, file)}"
            f"{_advice(error, sleeve)}"
        ) from error


_SECOND_FEED = re.compile(
    r"\bdatas\b|\bdata_?[1-9]|getdatabyname|datasbyname|\bdnames\b"
)
_LOOKED_UP = (IndexError, KeyError, AttributeError, ValueError, TypeError)


def _advice(error: BaseException, sleeve: Sleeve | Panel) -> str:
    """Return what to do about an error that is caused by how this project runs."""
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        return (
            " A strategy must not end the program; to end its own run, call "
            "self.env.runstop()."
        )
    lines = (frame.line or "" for frame in traceback.extract_tb(error.__traceback__))
    if isinstance(error, _LOOKED_UP) and any(map(_SECOND_FEED.search, lines)):
        if isinstance(sleeve, Panel):
            return f" The account has a feed for each of {few(sleeve.symbols)}."
        return (
            " Each symbol is traded in a separate account with one data feed, "
            "self.data. To give all symbols one account, with a feed for each, set "
            "'account: portfolio' in the configuration."
        )
    return ""


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Disable garbage collection, which is slow among the many orders of a run."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
