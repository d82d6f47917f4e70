"""Two entries compared: what differs, and parts that add up to the difference."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.steps.comparison.compare import Comparison, as_json, compare
from whatif_assets.steps.leaderboard import read_table
from whatif_assets_tests.conftest import TINY_STUDY
from whatif_assets_tests.steps.comparison.rewriting import rewrite
from whatif_assets_tests.undrawn import nothing_drawn

PAIRS = [
    ("tiny.linear", "tiny.forest~max_depth=2:threshold=0.0002"),
    ("forest~max_depth=3 threshold=0.0001", "forest~max_depth=3 threshold=0.0002"),
    ("tiny.hold", "tiny.placebo"),
]
PARTS = ["by_symbol", "by_session", "by_hour", "by_cost", "by_trade"]


@pytest.fixture(scope="module")
def compared(finished_home: Path) -> list[Comparison]:
    """Compare each pair once."""
    home = Home.open(finished_home)
    return [compare(home, a, b) for a, b in PAIRS]


@pytest.mark.parametrize("pair", range(len(PAIRS)))
@pytest.mark.parametrize("part", PARTS)
def test_parts_add_up_to_the_difference(
    compared: list[Comparison], pair: int, part: str
) -> None:
    of = compared[pair]
    table = getattr(of, part)
    for side in ("a", "b", "difference"):
        assert table[side].sum() == pytest.approx(of.pnl[side], rel=1e-9)
    assert of.pnl["difference"] != 0


@pytest.mark.parametrize("pair", range(len(PAIRS)))
def test_profits_are_those_of_the_leaderboard(
    compared: list[Comparison], finished_home: Path, pair: int
) -> None:
    of = compared[pair]
    ranking = read_table(Home.open(finished_home), "leaderboard")
    for side, entry in (("a", of.a), ("b", of.b)):
        (row,) = ranking[
            (ranking["configuration"] == entry.configuration.key)
            & (ranking["variant"] == entry.variant.id)
        ].to_dict("records")
        assert of.pnl[side] == pytest.approx(row["pnl"], rel=1e-9)
        told = of.metrics.set_index("metric")[side]
        assert list(told.index) == list(METRICS)
        assert told["sharpe"] == row["sharpe"]


def test_only_settings_that_differ_are_listed(compared: list[Comparison]) -> None:
    of = compared[1]
    assert of.settings.to_dict("records") == [
        {"field": "threshold", "a": 0.0001, "b": 0.0002}
    ]
    assert of.equal_settings == len(of.a.settings) - 1
    assert of.frame.empty


def test_a_setting_that_one_lacks_is_not_a_number(compared: list[Comparison]) -> None:
    rows = compared[0].settings.set_index("field")
    assert pd.isna(rows.loc["n_trees", "a"])
    assert rows.loc["n_trees", "b"] == 3


def test_trades_of_both_are_counted_once(compared: list[Comparison]) -> None:
    of = compared[0]
    counts = of.metrics.set_index("metric").loc["trades"]
    for side in ("a", "b"):
        assert of.trades[f"pnl_{side}"].notna().sum() == counts[side]
    assert of.by_trade["count"].sum() == len(of.trades)
    sizes = of.trades["difference"].abs()
    assert sizes.is_monotonic_decreasing


def test_there_is_no_cost_where_none_is_charged(compared: list[Comparison]) -> None:
    costs = compared[0].by_cost.set_index("part")
    assert (costs.loc[["slippage", "commission", "borrowing"]] == 0).all(axis=None)


def test_swapping_the_entries_turns_the_difference_round(
    compared: list[Comparison], finished_home: Path
) -> None:
    back = compare(Home.open(finished_home), PAIRS[1][1], PAIRS[1][0])
    assert back.pnl["difference"] == -compared[1].pnl["difference"]
    assert sorted(back.trades["difference"]) == pytest.approx(
        sorted(-compared[1].trades["difference"])
    )


def test_json_has_every_table_and_null_for_what_is_not_defined(
    compared: list[Comparison],
) -> None:
    content = json.loads(as_json(compared[0]))
    assert content["a"] == {
        "study": "tiny", "configuration": "tiny.linear", "variant": "-"
    }  # fmt: skip
    assert content["pnl"] == compared[0].pnl
    assert len(content["trades"]) == len(compared[0].trades)
    missing = [row for row in content["settings"] if row["field"] == "n_trees"]
    assert missing == [{"field": "n_trees", "a": None, "b": 3}]


def test_an_entry_is_not_compared_to_itself(finished_home: Path) -> None:
    with pytest.raises(BadInput, match=r"both mean tiny\.hold"):
        compare(Home.open(finished_home), "tiny.hold", "hold:-")


def test_results_that_cannot_be_repeated_are_refused(copied_home: Path) -> None:
    ranking = Home.open(copied_home).lake.read("leaderboard", "tiny")
    ranking["pnl"] += 1.0
    rewrite(copied_home, "leaderboard", ranking)
    with pytest.raises(BadInput, match=r"in a new run: .* Use .whatif run tiny."):
        compare(Home.open(copied_home), "tiny.hold", "tiny.placebo")


@pytest.fixture(scope="module")
def other_study(finished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Add a study with costs and other sessions to a copy of the home."""
    tmp_path = tmp_path_factory.mktemp("other")
    copied_home = Path(shutil.copytree(finished_home, tmp_path / "home"))
    head = TINY_STUDY[: TINY_STUDY.index("features:")]
    own = tmp_path / "own.py"
    own.write_text(
        "import backtrader as bt\n"
        "class Holds(bt.Strategy):\n"
        "    def next(self):\n"
        "        if not self.position:\n"
        "            self.buy(size=100)\n"
    )
    study = tmp_path / "other.yaml"
    study.write_text(
        f"{head}\n"
        "dates: {first: 2026-01-13, last: 2026-01-15}\n"
        "symbols: [SYN02]\n"
        "evaluation: {method: whole}\n"
        "costs: {commission_bps: 1, slippage_bps: 2}\n"
        "configurations:\n"
        "  hold: {strategy: buy_and_hold, size: 100}\n"
        "  own: {strategy: 'own.py:Holds'}\n"
    )
    with nothing_drawn():
        assert run_studies(copied_home, str(study))
    return Home.open(copied_home)


def test_studies_are_compared_over_the_sessions_that_both_have(
    other_study: Home,
) -> None:
    of = compare(other_study, "tiny.hold", "other.hold")
    assert of.sessions == {"a": 4, "b": 3, "both": 3}
    differing = set(of.frame["field"])
    assert {"dates.first", "evaluation.method", "costs.slippage_bps"} <= differing
    for part in PARTS:
        total = getattr(of, part)["difference"].sum()
        assert total == pytest.approx(of.pnl["difference"], rel=1e-9)
    symbols = of.by_symbol.set_index("symbol")
    assert pd.isna(symbols.loc["SYN01", "b"])
    assert symbols.loc["SYN01", "difference"] == -symbols.loc["SYN01", "a"]
    costs = of.by_cost.set_index("part")["b"]
    assert costs["slippage"] == pytest.approx(2 * costs["commission"], rel=1e-3)


def test_an_unknown_cost_is_told_of_neither(other_study: Home) -> None:
    of = compare(other_study, "other.hold", "other.own")
    costs = of.by_cost.set_index("part")
    assert costs.loc["slippage"].isna().all()
    assert costs["difference"].sum() == pytest.approx(of.pnl["difference"], abs=1e-6)
    assert costs.loc["commission", "b"] == pytest.approx(costs.loc["commission", "a"])
