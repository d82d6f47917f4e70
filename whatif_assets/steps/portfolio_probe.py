"""Replays of a portfolio in other futures: what was filled before stays the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.leaks.filling import (
    ADVICE,
    CUTS,
    FALL,
    FILLS_PROBE,
    REMOVED,
    RISE,
    TAIL,
    another_future,
)
from whatif_assets.domain.leaks.finding import TOLERANCE, Finding, Tally, when
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.settings.configuration import Configuration

CUTS_OF_OWN = 8  # a strategy of the user may look ahead seldom
WAYS = {
    "once prices rise from the cut on": RISE,
    "once prices fall from the cut on": FALL,
}
_KEYS = ["symbol", "ts"]
_FIGURES = ["size", "price"]


def portfolio_sees_no_future(
    configuration: Configuration,
    variant: Variant,
    sleeves: Sequence[Sleeve],
    fills: pd.DataFrame,
    draw: random.Random,
) -> Finding:
    """Replay an account with another future of all symbols, and of one alone.

    Parameters
    ----------
    configuration, variant
        What to run.
    sleeves
        All symbols, each with a bar.
    fills
        Fills of the variant on them.
    draw
        Draws the times at which the future begins, most of them times of fills, and
        the symbol that alone has another one.

    Returns
    -------
    Finding
        Failed where a fill before such a time, of whatever symbol, depends on it.
    """
    tally = Tally(FILLS_PROBE)
    own = fills.sort_values(["ts", "symbol"], kind="stable")
    times = sorted(own["ts"].unique())
    if not times:
        return tally.finding()
    last = max(int(sleeve.ts[-1]) for sleeve in sleeves)
    cuts = CUTS if configuration.strategy_type().built_in else CUTS_OF_OWN
    some = draw.sample(times, min(cuts, len(times)))
    for cut in sorted({*some, pd.Timestamp(last, unit="us", tz="UTC")}):
        for how, symbols, others in _futures(sleeves, cut, draw):
            if tally.failed:
                break
            tally.look_at(f"{symbols} in other futures from {when(cut)} on")
            try:
                again = _fills_of(configuration, variant, others, sleeves)
            except BadInput as error:
                tally.fail(f"{how}, the strategy fails: {error} {ADVICE}", ts=cut)
                continue
            known = _before if variant.costs.participation else _until_open
            ours, theirs = (known(fills, sleeves, cut) for fills in (own, again))
            _same_before(cut, ours, theirs, how, tally)
    return tally.finding()


def _futures(
    sleeves: Sequence[Sleeve], cut: pd.Timestamp, draw: random.Random
) -> Iterator[tuple[str, str, list[Sleeve]]]:
    """Bars that are the same before a time, and differ from then on."""
    one = draw.randrange(len(sleeves))
    seed = draw.randrange(1_000_000)
    for how in (*WAYS, REMOVED):
        changed = [_changed(sleeve, cut, how, seed) for sleeve in sleeves]
        yield how, "all symbols", changed
        alone = [*sleeves[:one], changed[one], *sleeves[one + 1 :]]
        yield how, sleeves[one].symbol, alone


def _changed(sleeve: Sleeve, cut: pd.Timestamp, how: str, seed: int) -> Sleeve:
    first = int(np.searchsorted(sleeve.ts, cut.value // 1_000))
    if how == REMOVED:
        return sleeve.until(first)
    longer = sleeve.until(first + TAIL)
    if first == len(longer):
        return longer
    return another_future(longer, first, WAYS[how], seed)


def _fills_of(
    configuration: Configuration,
    variant: Variant,
    others: Sequence[Sleeve],
    sleeves: Sequence[Sleeve],
) -> pd.DataFrame:
    result = run_backtests(
        [sleeve for sleeve in others if len(sleeve)],
        configuration.strategy,
        [variant],
        n_sessions=1 + max(int(sleeve.session[-1]) for sleeve in sleeves),
        base=configuration.base,
    )
    return result.fills.sort_values(["ts", "symbol"], kind="stable")


def _before(
    fills: pd.DataFrame, sleeves: Sequence[Sleeve], cut: pd.Timestamp
) -> pd.DataFrame:
    """Keep the fills before a time: at its opens, volumes decide on their sizes."""
    kept: pd.DataFrame = fills[fills["ts"] < cut]
    return kept


def _until_open(
    fills: pd.DataFrame, sleeves: Sequence[Sleeve], cut: pd.Timestamp
) -> pd.DataFrame:
    """Keep the fills before a time, and those at the opens of its bars.

    What fills inside of a bar may depend on the bar.
    """
    time = cut.value // 1_000
    opens = {}
    for sleeve in sleeves:
        bar = int(np.searchsorted(sleeve.ts, time))
        if bar < len(sleeve) and sleeve.ts[bar] == time:
            opens[sleeve.symbol] = sleeve.open[bar]
    start = fills["symbol"].map(opens).to_numpy(dtype=np.float64)
    allowed = np.abs(start) * (fills["slippage"].to_numpy() + TOLERANCE)
    at_open = np.abs(fills["price"].to_numpy() - start) <= allowed
    early, now = (fills["ts"] < cut).to_numpy(), (fills["ts"] == cut).to_numpy()
    kept: pd.DataFrame = fills[early | (now & at_open)]
    return kept


def _same_before(
    cut: pd.Timestamp,
    own: pd.DataFrame,
    again: pd.DataFrame,
    how: str,
    tally: Tally,
) -> None:
    """Compare fills before a time, and those at its opens where these are the same."""
    known = own, again
    if how == REMOVED:
        known = own[own["ts"] < cut], again[again["ts"] < cut]
    ours, theirs = (rows.reset_index(drop=True) for rows in known)
    tally.count(len(ours))
    n = min(len(ours), len(theirs))
    mine, other = ours.head(n), theirs.head(n)
    apart = (mine[_KEYS] != other[_KEYS]).any(axis=1).to_numpy()
    near = np.isclose(mine[_FIGURES], other[_FIGURES], TOLERANCE, 0)
    apart |= ~near.all(axis=1)
    if not apart.any() and len(ours) == len(theirs):
        return
    at = int(np.argmax(apart)) if apart.any() else n
    (row, *_) = (rows.iloc[at] for rows in (ours, theirs) if at < len(rows))
    tally.fail(
        f"the fills of the account from {row['symbol']} at {when(row['ts'])} on are "
        f"not the same {how} ({when(cut)}). {ADVICE}",
        str(row["symbol"]),
        row["ts"],
    )
