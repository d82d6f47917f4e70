"""Facts, labels and bars that are dated before they could be known.

Each case is a function that returns whether it was found (refused or warned about).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.bars.tidy import tidy
from whatif_assets.domain.leaks import (
    columns_foretell_no_return,
    label_looks_forward,
    training_stops_before_test,
)
from whatif_assets.domain.leaks.leakage_suspects import returns_to_the_close
from whatif_assets.domain.models.labels import Label, label
from whatif_assets.domain.models.windows import split
from whatif_assets.domain.quality import Inspection, inspect, parse_rules
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

SAID = Label("close", 5, "return")
DAYS = weekdays(8)
NEW_YORK = Sessions("XNYS", date(2018, 1, 2), date(2018, 12, 31))


def _rows(of: Label = SAID) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bars, and rows with a label, their price and a feature."""
    bars = random_walks(DAYS, bars=60)
    known = bars[["symbol", "ts", "session", "close"]]
    rows = label(bars, of, ONE_MINUTE).merge(known)
    rows = rows.assign(price=rows["close"], feature=rows["close"])
    return bars, rows.sort_values(["symbol", "ts"], ignore_index=True)


def _label_found(rows: pd.DataFrame, bars: pd.DataFrame) -> bool:
    draw = random.Random(1)
    columns = ["feature"]
    about = (rows, bars, SAID, ONE_MINUTE, columns, DAYS, draw)
    return not label_looks_forward(*about).passed


def label_of_the_past() -> bool:
    bars, rows = _rows()
    past = rows.groupby("symbol")
    moved = rows.assign(
        label=past["price"].shift(5) / rows["price"] - 1, label_ts=past["ts"].shift(5)
    )
    return _label_found(moved.dropna(), bars)


def label_one_bar_late() -> bool:
    bars, rows = _rows(Label("close", 6, "return"))
    return _label_found(rows, bars)


def label_of_another_price() -> bool:
    bars, rows = _rows(Label("open", 5, "return"))
    return _label_found(rows, bars)


def label_among_the_features() -> bool:
    bars, rows = _rows()
    return _label_found(rows.assign(feature=rows["label"]), bars)


def _training_found(embargo: int, reach: int) -> bool:
    """Train on the first sessions, up to some bars into the test."""
    _, rows = _rows()
    rows = rows.dropna(subset=["label"])
    (fold,) = split(DAYS, 6)
    train = rows["session"].isin(pd.to_datetime(fold.train))
    test = rows[~train].groupby("symbol").head(reach)
    taught = pd.concat([rows[train], test])
    return not training_stops_before_test(taught, rows, fold, embargo, 5).passed


def rows_of_the_test() -> bool:
    return _training_found(5, 3)


def embargo_below_the_horizon() -> bool:
    return _training_found(1, 0)


def _market() -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Returns to the close, sessions and closes of fourteen symbols."""
    days = weekdays(40)
    gains, sessions, closes = [], [], []
    for _, bars in random_walks(days, symbols=14, bars=30).groupby("symbol"):
        session = pd.factorize(bars["session"])[0].astype(np.int32)
        close = bars["close"].to_numpy()
        gains.append(returns_to_the_close(bars["open"].to_numpy(), close, session))
        sessions.append(session)
        closes.append(close)
    return gains, sessions, closes


def _asked(value_of: Callable[[np.ndarray, np.ndarray, np.ndarray], object]) -> bool:
    """Return whether the gate warns about a value for each session.

    ``value_of`` receives the first and last close of each session, and noise of the
    same size. The value is joined to all bars of its day.
    """
    gains, sessions, closes = _market()
    rng, columns = np.random.default_rng(3), []
    for session, close in zip(sessions, closes, strict=True):
        first = np.flatnonzero(np.diff(session, prepend=-1))
        last = np.append(first[1:] - 1, len(session) - 1)
        noise = rng.normal(0, 1, len(first))
        values = np.asarray(value_of(close[first], close[last], noise), dtype=float)
        columns.append(values[session])
    return not columns_foretell_no_return({"fact": columns}, gains).passed


def days_move_known_at_its_open() -> bool:
    """A table of daily bars, dated with the start of the day instead of its close."""
    return _asked(lambda first, last, noise: last / first - 1)


def sentiment_of_the_whole_day() -> bool:
    """News of a day, collected at its end and dated with its start."""
    return _asked(lambda first, last, noise: last / first - 1 + 0.004 * noise)


def direction_of_the_day() -> bool:
    return _asked(lambda first, last, noise: np.sign(last - first) + 0.1 * noise)


def revised_under_its_first_date() -> bool:
    """An estimate, revised after the day in the direction of the price move."""
    return _asked(
        lambda first, last, noise: 0.02 * noise + 3 * (last / first - 1) * (noise > -1)
    )


def zone_of_an_evening_release() -> bool:
    """A figure published after the close, but read in the wrong time zone."""
    return _asked(lambda first, last, noise: np.log(last / first) * 100 + 0.5 * noise)


def _stamps_found(around: bool) -> bool:
    """Stamp the bars of a session at their end."""
    size = BarSize.parse("5min")
    day = date(2018, 1, 3)
    starts = NEW_YORK.starts(day, size.length)
    ts = starts + size.length
    if around:
        before = starts[0] - size.length * np.arange(3)[::-1]
        ts = pd.DatetimeIndex(before).append(ts)
    frames = []
    for number, symbol in enumerate(("AAA", "BBB")):
        rng = np.random.default_rng(number)
        close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, len(ts))))
        volume = np.full(len(ts), 100.0)
        volume[ts == starts[1]], volume[ts > starts[-1]] = 900, 500
        volume[ts <= starts[0]] = 10
        prices = {"open": close, "high": close, "low": close, "close": close}
        frames.append(
            pd.DataFrame({"symbol": symbol, "ts": ts, **prices, "volume": volume})
        )
    bars, report = tidy(pd.concat(frames), NEW_YORK, size, "The zoo")
    inspection = Inspection(bars, report, [day], None, NEW_YORK, size)
    found = inspect(inspection, parse_rules({})).get(day, [])
    return any(finding.check == "stamped_at_end" for finding in found)


def bars_stamped_at_their_end() -> bool:
    return _stamps_found(around=False)


def bars_stamped_at_their_end_around_the_clock() -> bool:
    return _stamps_found(around=True)


DATED: dict[str, Callable[[], bool]] = {
    case.__name__: case
    for case in (
        label_of_the_past,
        label_one_bar_late,
        label_of_another_price,
        label_among_the_features,
        rows_of_the_test,
        embargo_below_the_horizon,
        days_move_known_at_its_open,
        sentiment_of_the_whole_day,
        direction_of_the_day,
        revised_under_its_first_date,
        zone_of_an_evening_release,
        bars_stamped_at_their_end,
        bars_stamped_at_their_end_around_the_clock,
    )
}


def honest_facts_asked_about() -> int:
    """Count warnings about honest facts: noise, and yesterday's move."""
    return sum(
        _asked(value)
        for value in (
            lambda first, last, noise: noise,
            lambda first, last, noise: np.roll(last / first - 1, 1),
            lambda first, last, noise: 0.05 * (last / first - 1) + 0.004 * noise,
        )
    )
