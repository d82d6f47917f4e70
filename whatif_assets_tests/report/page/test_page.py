"""The page as a file: complete, the same when written twice, and self-contained."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from plotly.offline import get_plotlyjs

from whatif_assets.home.home import Home
from whatif_assets.report.contributions import Attributed
from whatif_assets.report.forecast_tables import forecast_tables
from whatif_assets.report.page import ASSEMBLE, COLLECT, SECTIONS, Page, write_page
from whatif_assets.report.page.summary import read_summary
from whatif_assets.steps.freshness import Freshness, winners
from whatif_assets.steps.leaderboard import (
    configurations_of,
    read_table,
    short_name,
)
from whatif_assets.steps.sensitivity import sensitivity


def written(home: Home) -> Page:
    """Write the page of the tiny study from the lake."""
    study = home.study("tiny")
    ranking = read_table(home, "leaderboard")
    (winner,) = winners(home)
    known = configurations_of(home, study)
    effects = sensitivity(study, known, ranking)
    forecasts = forecast_tables(Freshness(home), {study.name: known})
    (conclusion,) = read_table(home, "best_configuration")["conclusion"]
    return write_page(
        home,
        study,
        ranking,
        winner,
        effects,
        forecasts,
        conclusion,
        Attributed.of(winner),
    )


@pytest.fixture(scope="module")
def html(finished_home: Path) -> str:
    return Home.open(finished_home).page("tiny").read_text(encoding="utf-8")


def test_the_same_lake_gives_the_same_bytes(copied_home):
    home = Home.open(copied_home)
    before = home.page("tiny").read_bytes()
    page = written(home)
    assert page.path.read_bytes() == before


def test_every_part_is_timed(copied_home):
    parts = written(Home.open(copied_home)).seconds
    assert len(parts) == len(SECTIONS) + 2
    assert {COLLECT, ASSEMBLE, "verdict", "lineage"} <= set(parts)


def test_the_page_asks_for_nothing_else(html):
    own = html.replace(get_plotlyjs(), "")
    assert len(own) < len(html) - 1_000_000
    for target in re.findall(r"(?:src|href)\s*=\s*[\"']?([^\"'\s>]*)", own):
        assert target.startswith(("#", "data:")), target
    assert not re.search(r"@import|url\(|https?://", own)


def test_the_page_has_the_verdict_and_then_the_winner(html, finished_home):
    (winner,) = winners(Home.open(finished_home))
    assert short_name(winner.row) in html
    assert html.index('id="verdict"') < html.index('id="winner"')


def test_facts_add_up_to_the_results(copied_home):
    """Profits by symbol, by session and in total are those of the leaderboard."""
    content = written(Home.open(copied_home)).content
    pnl = content.winner["pnl"]
    assert content.attribution.daily["pnl"].sum() == pytest.approx(pnl)
    outside = content.curves[content.curves["stretch"] == "out_of_sample"]
    last = outside.groupby("kind")["pnl"].last()
    assert last["winner"] == pytest.approx(pnl)
    assert last["hold"] == pytest.approx(content.winner["buy_and_hold_pnl"])
    before = content.curves[content.curves["stretch"] == "in_sample"]
    mine = before[before["kind"] == "winner"]
    assert mine["pnl"].iloc[-1] == pytest.approx(content.winner["in_sample_pnl"])
    assert len(mine) == len(before[before["kind"] == "hold"]) == 6


def test_curves_trades_and_prices_are_those_of_the_results(copied_home):
    """What the page draws in the browser is what the lake has."""
    home = Home.open(copied_home)
    content = written(home).content
    ranked = content.leaderboard.set_index(["configuration", "variant"])["pnl"]
    last = content.variant_curves.iloc[:, -1]
    assert last.to_numpy() == pytest.approx(ranked[last.index].to_numpy())
    assert len(content.trades) == content.winner["trades"]
    assert content.trades["pnl"].sum() == pytest.approx(
        content.attribution.trades["pnl"].sum()
    )
    assert content.employed > 0
    bars = content.prices.bars
    opened = content.trades.merge(
        bars, left_on=["symbol", "opened"], right_on=["symbol", "ts"]
    )
    assert len(opened) == len(content.trades)
    assert (opened["entry"] <= opened["high"] * 1.01).all()
    assert (opened["entry"] >= opened["low"] * 0.99).all()
    first = bars.iloc[0]
    stored = home.lake.read("price_bars", f"{first['session']:%Y-%m-%d}")
    stored = stored[
        (stored["symbol"] == first["symbol"]) & (stored["ts"] == first["ts"])
    ]
    assert stored["close"].tolist() == [first["close"]]


def test_a_page_has_its_summary_at_the_beginning(copied_home):
    page = written(Home.open(copied_home))
    summary = read_summary(page.path)
    assert summary["study"] == "tiny"
    assert summary["pnl"][-1] == pytest.approx(page.content.winner["pnl"], abs=0.01)
    assert summary["figures"]["trades"] == f"{page.content.winner['trades']:,.0f}"


def test_a_page_of_an_earlier_version_has_no_summary(tmp_path):
    page = tmp_path / "old.html"
    page.write_text("<html>", encoding="utf-8")
    assert read_summary(page) is None


def test_what_checks_found_is_quoted(copied_home):
    content = written(Home.open(copied_home)).content
    assert content.bars["bars"].tolist() == content.bars["expected"].tolist()
    assert content.bars["bars"].sum() == 7800
    query = "SELECT sum(count) FROM data_quality"
    with duckdb.connect(str(copied_home / "whatif.duckdb"), read_only=True) as base:
        (total,) = base.execute(query).fetchone()
    assert content.findings["count"].sum() == (total or 0)
