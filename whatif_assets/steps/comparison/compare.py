"""Comparison of two leaderboard entries, and why one made more than the other.

Differences are B minus A: the gain of going from A to B.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.steps.comparison.attribution import (
    BEFORE_COSTS,
    Attribution,
    Replay,
    attribute,
    replay,
)
from whatif_assets.steps.comparison.entries import Entry, find_entry, flat
from whatif_assets.steps.comparison.trade_pairs import pair_trades

# Fields of a study that may make its results differ from those of another study.
FRAME = {"dates", "symbols", "evaluation", "costs", "cash"}
# Largest difference between replay and leaderboard, relative to the starting cash.
TOLERANCE = 1e-9
TRADES_FOUND = {
    "same": "in both, equal",
    "both": "in both, different",
    "only a": "only in A",
    "only b": "only in B",
}
OPEN = "not in closed trades"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two entries, A and B, compared.

    Attributes
    ----------
    a, b
        The entries.
    frame, settings
        Differences between their studies, and between their settings: ``field``, ``a``,
        ``b``; NaN if an entry does not have the field.
    equal_settings
        Number of equal settings.
    metrics
        ``metric``, ``a``, ``b``, ``difference``: each entry over its own sessions.
    sessions
        Number of sessions of ``a``, of ``b``, and those of ``both``.
    by_symbol, by_session, by_hour, by_cost, by_trade
        The profit over the sessions that both have, split into parts: a name, ``a``,
        ``b``, ``difference``. In each table the known differences add up to the
        difference of the profits. An entry without the symbol has NaN. Hours are in the
        exchange's time zone; hour -1 is interest on borrowed shares. Daily bars have no
        hours.
    trades
        Every closed trade, the largest difference first; see :func:`pair_trades`.
    pnl
        Profit over the sessions that both have: ``a``, ``b``, ``difference``.
    """

    a: Entry
    b: Entry
    frame: pd.DataFrame
    settings: pd.DataFrame
    equal_settings: int
    metrics: pd.DataFrame
    sessions: Mapping[str, int]
    by_symbol: pd.DataFrame
    by_session: pd.DataFrame
    by_hour: pd.DataFrame
    by_cost: pd.DataFrame
    by_trade: pd.DataFrame
    trades: pd.DataFrame
    pnl: Mapping[str, float]


def compare(home: Home, a: str, b: str) -> Comparison:
    """Compare two entries of a home's leaderboard.

    Parameters
    ----------
    home
        The home; its bars and forecasts are read to run both entries again.
    a, b
        Names of entries, as for :func:`find_entry`.

    Raises
    ------
    BadInput
        A name is wrong, both mean the same entry, they have no session in common, or
        results are missing or outdated.
    """
    entries = find_entry(home, a), find_entry(home, b)
    if entries[0].name == entries[1].name:
        raise BadInput(
            f"'{a}' and '{b}' both mean {entries[0].name}; name two entries."
        )
    whole = [_attribution(home, entry, r) for entry, r in _replays(home, *entries)]
    parts, sessions = _in_common(entries, whole)
    settings = _differing(*(entry.settings for entry in entries))
    known = {name for entry in entries for name in entry.settings}
    trades = pair_trades(parts[0].trades, parts[1].trades)
    trades["difference"] = trades["pnl_b"].fillna(0) - trades["pnl_a"].fillna(0)
    return Comparison(
        a=entries[0],
        b=entries[1],
        frame=_differing(*(_frame(entry) for entry in entries)),
        settings=settings,
        equal_settings=len(known) - len(settings),
        metrics=_metrics(*entries),
        sessions=sessions,
        by_symbol=_side_by_side("symbol", *(_sums(p, "symbol") for p in parts)),
        by_session=_side_by_side("session", *(_sums(p, "session") for p in parts)),
        by_hour=_by_hour(home, entries, *parts),
        by_cost=_by_cost(*(part.by_cost() for part in parts)),
        by_trade=_by_trade(trades, *parts),
        trades=_largest_first(trades),
        pnl=_difference(*(part.pnl for part in parts)),
    )


def _replays(home: Home, a: Entry, b: Entry) -> list[tuple[Entry, Replay]]:
    """Run both entries again, together if they have the same configuration."""
    if a.configuration.key == b.configuration.key:
        both = replay(home, a.study, a.configuration, [a.variant, b.variant])
        return [(a, both), (b, both)]
    return [(e, replay(home, e.study, e.configuration, [e.variant])) for e in (a, b)]


def _attribution(home: Home, entry: Entry, again: Replay) -> Attribution:
    """Attribute an entry's profit; BadInput if the leaderboard has another profit."""
    tz = home.market.sessions.timezone
    built_in = entry.configuration.strategy_type().built_in
    found = attribute(again, entry.variant, tz, built_in=built_in)
    n = len(again.sleeves)
    cash = entry.variant.share(n).cash * n
    if abs(found.pnl - entry.row["pnl"]) > TOLERANCE * cash:
        raise BadInput(
            f"{entry.name}: pnl is {entry.row['pnl']:,.2f} in the leaderboard, but "
            f"{found.pnl:,.2f} in a new run: bars, forecasts or code have changed. "
            f"Use 'whatif run {entry.study.name}' first."
        )
    return found


def _in_common(
    entries: tuple[Entry, Entry], whole: list[Attribution]
) -> tuple[list[Attribution], dict[str, int]]:
    """Select the sessions that both entries have."""
    a, b = (pd.DatetimeIndex(part.daily["session"].unique()) for part in whole)
    both = a.intersection(b)
    if both.empty:
        raise BadInput(
            f"{entries[0].name} was tested from {a.min():%Y-%m-%d} to "
            f"{a.max():%Y-%m-%d} and {entries[1].name} from {b.min():%Y-%m-%d} to "
            f"{b.max():%Y-%m-%d}: they have no session in common. Give their studies "
            "the same dates and evaluation."
        )
    return (
        [part.over(both) for part in whole],
        {"a": len(a), "b": len(b), "both": len(both)},
    )


def _frame(entry: Entry) -> dict[str, Any]:
    return flat(entry.study.model_dump(mode="json", include=FRAME))


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        (name, a.get(name, np.nan), b.get(name, np.nan))
        for name in dict.fromkeys([*a, *b])
        if name not in a or name not in b or a[name] != b[name]
    ]
    return pd.DataFrame(rows, columns=["field", "a", "b"], dtype=object)


def _metrics(a: Entry, b: Entry) -> pd.DataFrame:
    names = [name for name in METRICS if name in a.row and name in b.row]
    sides = [pd.Series({n: float(e.row[n]) for n in names}) for e in (a, b)]
    frame = pd.DataFrame({"metric": names, "a": sides[0].array, "b": sides[1].array})
    return frame.assign(difference=frame["b"] - frame["a"])


def _sums(part: Attribution, axis: str) -> pd.Series[Any]:
    return part.daily.groupby(axis)["pnl"].sum()


def _side_by_side(name: str, a: pd.Series[Any], b: pd.Series[Any]) -> pd.DataFrame:
    """Join two series of profits; a missing value is NaN and counts as 0."""
    frame = pd.concat([a.rename("a"), b.rename("b")], axis=1).sort_index()
    frame["difference"] = frame["b"].fillna(0.0) - frame["a"].fillna(0.0)
    return frame.rename_axis(name).reset_index()


def _by_hour(
    home: Home, entries: tuple[Entry, Entry], a: Attribution, b: Attribution
) -> pd.DataFrame:
    table = _side_by_side("hour", a.by_hour(), b.by_hour())
    daily = any(home.bar_size(entry.configuration).daily for entry in entries)
    return table.iloc[:0] if daily else table


def _by_cost(a: dict[str, float], b: dict[str, float]) -> pd.DataFrame:
    """Join the costs of both; a cost unknown for one stays in the part before costs."""
    every = dict.fromkeys([*a, *b], 0.0)
    frame = pd.DataFrame({"a": every | a, "b": every | b})
    unknown = frame.isna().any(axis=1)
    frame.loc[BEFORE_COSTS] += frame[unknown].sum()
    frame.loc[unknown] = np.nan
    frame["difference"] = frame["b"] - frame["a"]
    return frame.rename_axis("part").reset_index()


def _by_trade(trades: pd.DataFrame, a: Attribution, b: Attribution) -> pd.DataFrame:
    """Sum the trades by where they were found, and the profit of no closed trade."""
    sums = [
        (words, len(some), *some[["pnl_a", "pnl_b", "difference"]].sum())
        for found, words in TRADES_FOUND.items()
        for some in [trades[trades["found"] == found]]
    ]
    columns = ["trades", "count", "a", "b", "difference"]
    frame = pd.DataFrame(sums, columns=columns)
    rest_a, rest_b = a.pnl - frame["a"].sum(), b.pnl - frame["b"].sum()
    rest = pd.DataFrame([(OPEN, 0, rest_a, rest_b, rest_b - rest_a)], columns=columns)
    return pd.concat([frame, rest], ignore_index=True)


def _largest_first(trades: pd.DataFrame) -> pd.DataFrame:
    order = trades["difference"].abs().sort_values(ascending=False, kind="stable").index
    return trades.loc[order].reset_index(drop=True)


def _difference(a: float, b: float) -> dict[str, float]:
    return {"a": a, "b": b, "difference": b - a}


def as_json(comparison: Comparison) -> str:
    """Write a comparison as JSON, with null for undefined values."""
    content: dict[str, Any] = {}
    for name, value in vars(comparison).items():
        if isinstance(value, Entry):
            content[name] = {
                "study": value.study.name,
                "configuration": value.configuration.key,
                "variant": value.variant.id,
            }
        elif isinstance(value, pd.DataFrame):
            content[name] = value.to_dict("records")
        else:
            content[name] = value
    return json.dumps(_plain(content), indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    """Turn a value into types that JSON has."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
