"""Contributions to a profit: each division of it adds up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import pytest

from whatif_assets.home.home import Home
from whatif_assets.report.contributions import Attributed
from whatif_assets.steps.freshness import winners


def test_each_kind_adds_up_to_the_profit_of_the_first_in_rank(
    finished_home: Path,
) -> None:
    home = Home.open(finished_home)
    (winner,) = winners(home)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.execute("FROM contributions").df()
    assert set(rows["configuration"]) == {winner.configuration.key}
    assert set(rows["variant"]) == {winner.variant.id}
    sums = rows.groupby("kind")["pnl"].sum().to_dict()
    profit = pytest.approx(winner.row["pnl"], rel=1e-9)
    assert sums == {"symbol": profit, "leg": profit, "hour": profit}
    hours = rows.loc[rows["kind"] == "hour", "part"]
    assert hours.str.fullmatch(r"\d\d:00").all()
    assert len(hours) > 5


def test_groups_of_the_market_are_parts_too(finished_home: Path) -> None:
    home = Home.open(finished_home)
    market = home.market.model_copy(update={"groups": {"first": ("SYN01",)}})
    (winner,) = winners(home)
    grouped = dataclasses.replace(winner, home=Home(home.path, market))
    rows = Attributed.of(grouped).table()
    groups = rows[rows["kind"] == "group"].set_index("part")["pnl"]
    symbols = rows[rows["kind"] == "symbol"].set_index("part")["pnl"]
    assert groups["first"] == symbols["SYN01"]
    assert groups["other"] == symbols["SYN02"]


def test_without_a_winner_there_are_no_rows() -> None:
    assert Attributed.of(None).table().empty
