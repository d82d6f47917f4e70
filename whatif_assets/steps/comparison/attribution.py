"""Attribution of a variant's profit to symbols, sessions, hours, costs and trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.home.home import Home
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.sleeves import run_with_fills, sleeves_of_configuration

# Smaller positions are rounding errors of adding sizes.
_NOTHING = 1e-9
# Smaller profits, relative to the gross profits, are rounding errors.
_ROUNDING = 1e-12

BEFORE_COSTS = "before costs"
NO_HOUR = -1
CELL = ["symbol", "session", "hour"]


@dataclass(frozen=True, eq=False)
class Replay:
    """Some variants of a configuration, run again with all details.

    Attributes
    ----------
    sessions
        The sessions of the backtest, oldest first; session numbers refer to them.
    sleeves
        The sleeves of the backtest, one per symbol.
    result
        Equity by symbol and session, and fills.
    """

    sessions: Sequence[date]
    sleeves: Sequence[Sleeve]
    result: BacktestResult


def replay(
    home: Home, study: Study, configuration: Configuration, variants: Sequence[Variant]
) -> Replay:
    """Run some variants of a configuration again, since a sweep keeps no details.

    Raises
    ------
    BadInput
        As :func:`sleeves_of_configuration`.
    """
    sessions = evaluated_sessions(home, study)
    sleeves = sleeves_of_configuration(home, study, configuration, variants=variants)
    result = run_with_fills(sleeves, configuration, variants, len(sessions))
    return Replay(sessions, sleeves, result)


@dataclass(frozen=True, eq=False)
class Attribution:
    """The profit of one variant, split into parts.

    Attributes
    ----------
    daily
        One row per symbol and session: ``pnl``, the change of equity. Its sum is the
        variant's profit.
    cells
        One row per symbol, session and hour in the exchange's time zone: ``gross``
        (change of the value of positions, at the prices of the fills), ``commission``
        (including interest if the strategy is not built in), ``slippage``, and
        ``short``, the part of gross less commission that short positions made. A price
        move from one bar to the next counts in the hour of the next bar.
    trades
        The closed trades, see :func:`trades_of`, with the sessions in which they were
        opened (``opened_in``) and closed (``closed_in``).
    costs
        The costs of trading.
    built_in
        Whether the strategy is built in. The orders of a user's own strategy are not
        known, so its slippage is not known either.
    """

    daily: pd.DataFrame
    cells: pd.DataFrame
    trades: pd.DataFrame
    costs: Costs
    built_in: bool

    def over(self, sessions: pd.DatetimeIndex) -> Attribution:
        """Select some sessions; a trade has to be opened and closed in them."""
        opened, closed = self.trades["opened_in"], self.trades["closed_in"]
        return Attribution(
            self.daily[self.daily["session"].isin(sessions)],
            self.cells[self.cells["session"].isin(sessions)],
            self.trades[opened.isin(sessions) & closed.isin(sessions)],
            self.costs,
            self.built_in,
        )

    @property
    def pnl(self) -> float:
        """Profit over all sessions."""
        return float(self.daily["pnl"].sum())

    def by_hour(self) -> pd.Series[Any]:
        """Compute the profit by hour; interest has no hour.

        Returns
        -------
        pandas.Series
            By hour in the exchange's time zone (0 to 23). If interest was paid, the
            last value, at ``NO_HOUR``, is the rest of the profit.
        """
        sums = self.cells.groupby("hour")[["gross", "commission"]].sum()
        hours = sums["gross"] - sums["commission"]
        if self._financing() != 0:
            hours[NO_HOUR] = self.pnl - hours.sum()
        return hours

    def by_leg(self) -> dict[str, float]:
        """Compute the profit of long and of short positions; the parts add up to it.

        Interest on borrowed shares is paid for short positions. Where cash earns
        interest too, all interest is a part of its own, ``interest``. An order that
        reverses a position belongs to both: with the units that it closes, and those
        it opens.
        """
        net = self.cells["gross"] - self.cells["commission"]
        short = float(self.cells["short"].sum())
        interest = float(np.nan_to_num(self._financing()))
        legs = {"long": float(net.sum()) - short, "short": short}
        if self.costs.earns:
            return {**legs, "interest": -interest}
        return {**legs, "short": short - interest}

    def by_cost(self) -> dict[str, float]:
        """Compute the profit before costs, and each cost as a negative number.

        The parts that are known add up to the profit. Slippage is the distance of each
        fill from its price without slippage; interest, on borrowed shares alone or on
        cash too, is the rest of the profit that value and commission do not explain.
        Both are NaN for a user's own strategy that slips or borrows, and are then part
        of the profit before costs or of the commission.
        """
        financing = "interest" if self.costs.earns else "borrowing"
        costs = {
            "slippage": -self._slippage(),
            "commission": -float(self.cells["commission"].sum()),
            financing: -self._financing(),
        }
        return {BEFORE_COSTS: self.pnl - float(np.nansum([*costs.values()])), **costs}

    def _slippage(self) -> float:
        if self.costs.slip and not self.built_in:
            return float("nan")
        return float(self.cells["slippage"].sum())

    def _financing(self) -> float:
        """Interest on borrowed shares, less that on cash."""
        if not (self.costs.borrows or self.costs.earns):
            return 0.0
        if self.costs.borrows and not self.built_in:
            return float("nan")
        gross, commission = self.cells["gross"], self.cells["commission"]
        interest = float(gross.sum() - commission.sum() - self.pnl)
        return interest if abs(interest) > _ROUNDING * gross.abs().sum() else 0.0


def attribute(
    replay: Replay, variant: Variant, tz: tzinfo, *, built_in: bool = True
) -> Attribution:
    """Split the profit of one variant into parts.

    Parameters
    ----------
    replay
        The replay of this variant, and possibly of others.
    variant
        The variant.
    tz
        The exchange's time zone, for hours.
    built_in
        Whether the strategy is built in; see :class:`Attribution`.
    """
    days = pd.DatetimeIndex(np.array(replay.sessions, dtype="datetime64[us]"))
    fills = replay.result.fills_of([variant.id])
    by_symbol = dict(iter(fills.groupby("symbol", sort=False)))
    cells, trades = [], []
    for sleeve in replay.sleeves:
        own = by_symbol.get(sleeve.symbol, fills.iloc[:0])
        cells.append(_cells(sleeve, own, variant, built_in, days, tz))
        trades.append(_trades(sleeve, own, days))
    daily = replay.result.daily_pnl
    daily = daily[daily["variant"] == variant.id]
    return Attribution(
        daily=daily.assign(session=days[daily["session"]])[
            ["symbol", "session", "pnl"]
        ],
        cells=pd.concat(cells, ignore_index=True),
        trades=pd.concat([t for t in trades if len(t)] or trades[:1]),
        costs=variant.costs,
        built_in=built_in,
    )


def _cells(
    sleeve: Sleeve,
    fills: pd.DataFrame,
    variant: Variant,
    built_in: bool,
    days: pd.DatetimeIndex,
    tz: tzinfo,
) -> pd.DataFrame:
    """Sum value changes, commission and slippage by session and hour."""
    bar = _bars_at(sleeve, fills["ts"])
    price = fills["price"].to_numpy()
    units = (fills["size"] * fills["multiplier"]).to_numpy()
    held = np.cumsum(_on_bars(sleeve, bar, units))
    before = np.concatenate([[0.0], held[:-1]])[: len(sleeve)]
    gross = before * np.diff(sleeve.close, prepend=sleeve.close[:1])
    gross += _on_bars(sleeve, bar, units * (sleeve.close[bar] - price))
    closing, commission = _commissions(fills, variant.costs, built_in)
    slipped = slippage_of(fills) if built_in else np.zeros(len(fills))
    times = pd.DatetimeIndex(sleeve.ts.view("datetime64[us]")).tz_localize("UTC")
    frame = pd.DataFrame(
        {
            "symbol": sleeve.symbol,
            "session": days[sleeve.session],
            "hour": times.tz_convert(tz).hour,
            "gross": gross,
            "commission": _on_bars(sleeve, bar, commission),
            "slippage": _on_bars(sleeve, bar, slipped),
            "short": _short(sleeve, fills, bar, before, closing, commission),
        }
    )
    return frame.groupby(CELL, sort=False, as_index=False).sum()


def _on_bars(sleeve: Sleeve, bar: IntArray, values: FloatArray) -> FloatArray:
    return np.bincount(bar, weights=values, minlength=len(sleeve)).astype(np.float64)


def _bars_at(sleeve: Sleeve, ts: pd.Series[Any]) -> IntArray:
    starts = ts.dt.tz_localize(None).to_numpy("datetime64[us]").view(np.int64)
    return np.asarray(np.searchsorted(sleeve.ts, starts), dtype=np.int64)


def _short(
    sleeve: Sleeve,
    fills: pd.DataFrame,
    bar: IntArray,
    before: FloatArray,
    closing: FloatArray,
    commission: FloatArray,
) -> FloatArray:
    """Compute gross less commission of the short positions of one symbol, by bar.

    ``before`` is what is held before each bar, times the multiplier; ``closing`` is the
    part of the commission of each fill for the units that close a position.
    """
    size, held = fills["size"].to_numpy(), _held_before(fills["size"].to_numpy())
    gain = fills["multiplier"].to_numpy() * (sleeve.close[bar] - fills["price"])
    closed = _closed(size, held)
    made = np.where(held < 0, closed * gain - closing, 0.0)
    opened = np.where(np.abs(size - closed) < _NOTHING, 0.0, size - closed)
    made += np.where(opened < 0, opened * gain - (commission - closing), 0.0)
    moved = np.minimum(before, 0.0) * np.diff(sleeve.close, prepend=sleeve.close[:1])
    return moved + _on_bars(sleeve, bar, made)


def _closed(size: FloatArray, held: FloatArray) -> FloatArray:
    """Return the signed units of each fill that close a position held before."""
    units = np.minimum(np.abs(size), np.abs(held))
    return np.where(size * held < 0, np.sign(size) * units, 0.0)


def _commissions(
    fills: pd.DataFrame, costs: Costs, built_in: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the commission of each fill for its closing part, and in all."""
    if built_in and costs.borrows:
        return commissions_of(fills, costs)
    return fills["closing"].to_numpy(), fills["commission"].to_numpy()


def commissions_of(fills: pd.DataFrame, costs: Costs) -> tuple[FloatArray, FloatArray]:
    """Compute the commission of each fill of one symbol, without interest.

    A fill that reverses a position pays for its two parts separately.

    Returns
    -------
    closing, total : numpy.ndarray
        Commission for the units that close a position, and for all; k float64 each.
    """
    size, price = fills["size"].to_numpy(), fills["price"].abs().to_numpy()
    multiplier = fills["multiplier"].to_numpy()
    closed = np.abs(_closed(size, _held_before(size)))
    closing, opening = (
        costs.commission(np.where(part > _NOTHING, part, 0.0), price, multiplier)
        for part in (closed, np.abs(size) - closed)
    )
    return closing, closing + opening


def slippage_of(fills: pd.DataFrame) -> FloatArray:
    """Compute the money lost to slippage in each fill of one symbol; k float64, >= 0.

    A fill at ``price`` would have been at ``price / (1 +- slippage)`` without slippage.
    So it lost ``|size price| slippage / (1 +- slippage)`` times the multiplier. The
    sign is plus for a purchase at a price above 0 and for a sale at a price below 0.
    """
    size, price, slippage = (
        fills[name].to_numpy(dtype=np.float64) for name in ("size", "price", "slippage")
    )
    lost = np.abs(size * price) * slippage / (1 + np.sign(size * price) * slippage)
    return np.asarray(lost * fills["multiplier"].to_numpy())


def _held_before(size: FloatArray) -> FloatArray:
    before = np.cumsum(size) - size
    return np.where(np.abs(before) < _NOTHING, 0.0, before)


def _trades(
    sleeve: Sleeve, fills: pd.DataFrame, days: pd.DatetimeIndex
) -> pd.DataFrame:
    trades = trades_of(fills)
    for moment in ("opened", "closed"):
        bar = _bars_at(sleeve, trades[moment])
        trades[f"{moment}_in"] = days[sleeve.session[bar]]
    return trades
