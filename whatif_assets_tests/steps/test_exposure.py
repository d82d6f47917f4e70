"""The largest loss of simultaneous positions, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from whatif_assets.steps import exposure
from whatif_assets.steps.exposure import (
    daily_bars,
    is_held_overnight,
    largest_loss,
    part_of_volume,
    worst_moves,
)


def bars(*rows: tuple[str, str, float, float, float, float]) -> pd.DataFrame:
    names = ["symbol", "session", "open", "high", "low", "close"]
    return pd.DataFrame(rows, columns=names)


BARS = bars(
    ("AAA", "2024-01-02", 100, 110, 100, 104),
    ("AAA", "2024-01-02", 104, 105, 90, 100),
    ("AAA", "2024-01-03", 80, 84, 76, 80),
    ("BBB", "2024-01-02", 10, 10, 10, 10),
)


def fills(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["symbol", "ts", "size", "price"])
    frame["ts"] = pd.to_datetime(frame["ts"], utc=True)
    return frame.assign(multiplier=1.0)


def test_the_worst_move_within_a_session_begins_at_its_open() -> None:
    moves = worst_moves(daily_bars(BARS), overnight=False)
    assert moves.loc["AAA"].tolist() == pytest.approx([0.1, 0.1])
    assert moves.loc["BBB"].tolist() == [0, 0]


def test_the_worst_move_overnight_begins_at_the_close_before() -> None:
    moves = worst_moves(daily_bars(BARS), overnight=True)
    assert moves.loc["AAA"].tolist() == pytest.approx([0.24, 0.1])


def test_positions_held_at_once_lose_together_each_against_its_own_move() -> None:
    moves = pd.DataFrame(
        {"fall": [0.1, 0.2], "rise": [0.3, 0.5]},
        index=pd.Index(["AAA", "BBB"], name="symbol"),
    )
    traded = fills(
        ("AAA", "2024-01-02 15:00", 10, 50.0),  # 500 long: 50
        ("BBB", "2024-01-02 15:01", -4, 20.0),  # 80 short: 40 more
        ("AAA", "2024-01-02 15:02", -10, 50.0),
        ("BBB", "2024-01-02 15:03", 4, 20.0),
    )
    assert largest_loss(traded, moves) == pytest.approx(90)
    assert largest_loss(traded.assign(multiplier=10.0), moves) == pytest.approx(900)


@pytest.mark.parametrize("cells", [1, 20, 10_000])
def test_few_losses_are_in_memory_at_once(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    draw = np.random.default_rng(3)
    moments = pd.date_range("2024-01-02", periods=60, freq="min").astype(str)
    names = draw.choice(["AAA", "BBB", "CCC", "DDD"], 60)
    sizes, prices = draw.normal(size=60), draw.uniform(1, 9, 60)
    traded = fills(*zip(names, moments, sizes, prices, strict=True))
    moves = pd.DataFrame({"fall": 0.5, "rise": 0.5}, index=["AAA", "BBB", "CCC"])
    held = traded.groupby("symbol")["size"].cumsum().abs() * traded["price"] / 2
    known = traded["symbol"] != "DDD"  # of which no move is known
    latest = held[known].to_frame("loss").assign(symbol=traded["symbol"])
    table = latest.pivot_table("loss", latest.index, "symbol").ffill().fillna(0.0)
    monkeypatch.setattr(exposure, "_CELLS", cells)
    assert largest_loss(traded, moves) == table.sum(axis=1).max()


def test_a_position_that_is_closed_on_its_date_is_not_held_overnight() -> None:
    by_day = fills(
        ("AAA", "2024-01-02 15:00", 10, 50.0),
        ("BBB", "2024-01-02 15:30", 5, 50.0),
        ("AAA", "2024-01-02 16:00", -10, 50.0),
        ("BBB", "2024-01-02 19:30", -5, 50.0),
    )
    assert not is_held_overnight(by_day)
    assert is_held_overnight(by_day.head(3))
    later = by_day.assign(ts=by_day["ts"] + pd.to_timedelta([0, 0, 1, 0], "D"))
    assert is_held_overnight(later)


def test_fills_of_one_bar_share_its_volume() -> None:
    traded = fills(
        ("AAA", "2024-01-02 15:00", 10, 50.0),
        ("AAA", "2024-01-02 15:00", -30, 50.0),
        ("BBB", "2024-01-02 15:00", 5, 20.0),
        ("BBB", "2024-01-02 15:01", 5, 20.0),
        ("BBB", "2024-01-02 15:02", 5, 20.0),
    )
    market = traded[["symbol", "ts"]].drop_duplicates(ignore_index=True)
    market["volume"] = [400.0, 100.0, 0.0, math.nan]
    # 40 of 400 and 5 of 100; nothing is known of the bars without a volume.
    assert part_of_volume(traded, market) == pytest.approx(0.05 + 0.95 * 0.05)
    assert math.isnan(part_of_volume(traded, market.assign(volume=0.0)))
