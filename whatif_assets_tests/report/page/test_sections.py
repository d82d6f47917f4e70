"""Sections of the page, with content that can be checked by hand."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from whatif_assets.report.contributions import by_group
from whatif_assets.report.page import SECTIONS, assembled
from whatif_assets.report.page.capacity import capacity
from whatif_assets.report.page.costs import charged_bps, pnl_at
from whatif_assets.report.page.equity import below_peak
from whatif_assets.report.page.forward import forward
from whatif_assets.report.page.leaderboard import MOST_ROWS, leaderboard
from whatif_assets.report.page.overfitting import overfitting
from whatif_assets.report.page.positions import positions
from whatif_assets.report.page.profits import profits
from whatif_assets.report.page.quality import quality
from whatif_assets.report.page.verdict import verdict
from whatif_assets.report.page.winner import winner
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import Study
from whatif_assets_tests.report.page import example

VOID = {"input", "br", "meta", "link", "option"}


class Reader(HTMLParser):
    """Collects the text outside scripts; fails on tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


def read(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return " ".join(" ".join(reader.text).split())


def cells(html: str) -> list[list[str]]:
    """Return the texts of the table cells in some HTML, by row."""
    rows = re.findall(r"<tr.*?</tr>", html)
    return [[read(c) for c in re.findall(r"<t[dh].*?</t[dh]>", row)] for row in rows]


@pytest.mark.parametrize("case", example.CASES)
@pytest.mark.parametrize("make", SECTIONS, ids=lambda make: make.__name__)
class TestEverySection:
    def test_is_whole_and_shows_nothing_undefined(self, make, case):
        section = make(example.content(**example.CASES[case]))
        text = read(section.html)
        assert text
        assert not re.search(r"\b(nan|None|inf|NaT)\b", text)

    def test_is_the_same_of_the_same_facts(self, make, case):
        first = make(example.content(**example.CASES[case]))
        assert make(example.content(**example.CASES[case])) == first


def test_anchors_are_unique():
    anchors = [make(example.content()).anchor for make in SECTIONS]
    assert len(set(anchors)) == len(SECTIONS)


def test_ids_of_charts_are_unique():
    html = "".join(make(example.content()).html for make in SECTIONS)
    ids = re.findall(r'<div id="([^"]+)"', html)
    assert len(ids) > 8
    assert len(set(ids)) == len(ids)


def test_text_of_a_study_is_escaped():
    content = example.content()
    html = assembled(content, [make(content) for make in SECTIONS])
    assert "A &lt;b&gt;" in html
    assert "alert(1)</script>" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_symbol_cannot_end_a_script():
    of = example.attribution()
    of.daily["symbol"] = ["</script><img src=x>", "B"]
    html = profits(example.content(attribution=of)).html
    assert "</script><img" not in html
    read(html)


class TestVerdict:
    def test_conclusion_and_reasons_come_before_figures(self):
        text = read(verdict(example.content()).html)
        told = ["Best configuration: <one>.", "Verdict: likely real."]
        order = [*told, *example.REASONS, "Sharpe ratio a year"]
        places = [text.index(words) for words in order]
        assert places == sorted(places)

    def test_a_refused_winner_is_a_warning(self):
        refused = example.verdict(names_winner=False, verdict="sample too short")
        told = "No winner is named: it <lost>.\nVerdict: sample too short."
        html = verdict(example.content(verdict=refused, conclusion=told)).html
        assert '<p class="warning">No winner is named: it &lt;lost&gt;.</p>' in html
        assert '<p class="headline bad">Verdict: sample too short.</p>' in html

    def test_intervals_are_next_to_their_figures(self):
        rows = cells(verdict(example.content()).html)
        assert ["Sharpe ratio a year", "-0.25 to 3.12", "1.5"] in rows

    def test_without_a_winner_it_says_why(self):
        text = read(verdict(example.content(**example.NO_WINNER)).html)
        assert text == "No winner: none has all."


class TestWinner:
    def test_distance_to_the_second_and_to_another_configuration(self):
        rows = cells(winner(example.content()).html)
        second = ["Second variant", "one threshold=0.0002 size=100", "29.00", "1.00"]
        assert second in rows
        assert ["Best of another configuration", "two", "25.00", "5.00"] in rows
        assert ["Best placebo for the winner", "", "7.00", "23.00"] in rows
        worst = ["Worst of the winner and its neighbours", "", "12.00", "18.00"]
        assert worst in rows

    def test_metrics_are_listed_by_period_next_to_buy_and_hold(self):
        of = example.LEADERBOARD.iloc[0].to_dict()
        of |= {"in_sample_turnover": 9.0}
        html = winner(example.content(winner=of)).html
        assert ["pnl", "1.00", "30.00", "-5.00"] in cells(html)

    def test_a_column_with_few_figures_is_told_in_a_sentence(self):
        html = winner(example.content()).html
        assert ["pnl", "30.00", "-5.00"] in cells(html)
        assert "In-sample: pnl 1.00." in read(html)
        assert "Holdout: pnl 2.00." in read(html)

    def test_profit_is_compared_with_the_capital_that_was_employed(self):
        text = read(winner(example.content()).html)
        assert "Its PnL is 7.5% of the most capital that its positions" in text
        assert "400, and 3% of the cash, 1,000." in text

    def test_a_small_setting_is_not_rounded_away(self):
        assert ["threshold", "0.0001"] in cells(winner(example.content()).html)


class TestLeaderboard:
    def test_the_best_and_every_placebo_are_listed(self):
        many = pd.DataFrame(
            [example.row(n, "one", 5000.0 - n) for n in range(1, 1500)]
            + [example.row(1500, "dice", 1.0, role="placebo")]
        )
        html = leaderboard(example.content(leaderboard=many)).html
        rows = cells(html)[1:]
        # The better one of the two random traders, and buy-and-hold.
        assert len(rows) == MOST_ROWS + 1 + 2
        assert "first 1,000 of 1,500" in read(html)
        assert [row[1] for row in rows[-3:]] == [
            "random_entry seed=2",
            "dice",
            "buy_and_hold",
        ]
        assert rows[-1][0] == "-"

    def test_an_undefined_figure_is_a_dash_without_a_value_to_sort_by(self):
        html = leaderboard(example.content()).html
        assert re.search(r'data-v="">-</td>', html)
        assert "nan" not in html.lower()


def test_drawdown_is_measured_from_the_peak_of_its_stretch():
    curves = example.curves()
    mine = curves[curves["kind"] == "winner"]
    # 1000 -> 1001 | 1010, 1005, 1030 | 1002: only the second one is below a peak.
    expected = [0, 0, 100 * (1005 / 1010 - 1), 0, 0]
    assert below_peak(mine).tolist() == pytest.approx(expected)


def test_drawdown_counts_the_starting_cash_as_a_peak():
    held = example.curves().query("kind == 'hold' and stretch == 'out_of_sample'")
    assert below_peak(held).tolist() == pytest.approx([-0.1, -0.2, -0.5])


class TestCosts:
    def test_profit_falls_by_what_was_traded(self):
        rows = example.LEADERBOARD.head(1)
        assert charged_bps(rows.iloc[0]) == 2.0
        # The value traded is 10,000, so a basis point is 1.
        assert pnl_at(rows, 2.0) == pytest.approx([30.0])
        assert pnl_at(rows, 12.0) == pytest.approx([20.0])
        assert pnl_at(rows, 32.0) == pytest.approx([0.0])

    def test_a_variant_without_trades_pays_nothing(self):
        idle = pd.DataFrame(
            [example.row(1, "idle", 0.0, turnover=0.0, break_even_bps=np.nan)]
        )
        assert pnl_at(idle, 5.0).tolist() == [0.0]

    def test_another_candidate_leads_where_costs_are_high(self):
        (costs,) = (make for make in SECTIONS if make.__name__ == "costs")
        rows = cells(costs(example.content()).html)
        assert ["2", "one threshold=0.0001 size=100", "30.00", "30.00"] in rows
        assert ["10", "two", "24.20", "22.00"] in rows


class TestCapacity:
    def content(self, best):
        winner = example.content().winner
        own = {"study": "demo", "rank": 1, "configuration": winner["configuration"]}
        other = {"study": "demo", "rank": 2, "configuration": "demo.two"}
        rows = [
            {
                **of,
                "variant": winner["variant"] if of is own else "-",
                "capital": capital,
                "pnl": 30.0,
                "total_return": 0.003,
                "sharpe": 1.5,
                "ranked_value": 30.0,
                "rejected_orders": 0.0,
                "best": (of is own) == first,
            }
            for of in (own, other)
            for capital, first in zip((winner["start_cash"], 1e9), best)
        ]
        return example.content(capacity=pd.DataFrame(rows))

    def test_the_capital_at_which_another_leads_is_told(self):
        section = capacity(self.content([True, False]))
        said = "From a capital of 1,000,000,000 on, the winner is not the best."
        assert said in read(section.html)
        (last,) = (r for r in cells(section.html) if r[0] == "1,000,000,000")
        assert last == ["1,000,000,000", "two", "30", "0.3%", "1.5"]

    def test_a_winner_that_is_not_overtaken_is_told(self):
        text = read(capacity(self.content([True, True])).html)
        assert "The winner stays the best finalist at each larger capital." in text

    def test_without_rows_it_says_why(self):
        assert "costs that depend on the size" in read(capacity(example.content()).html)


class TestPositions:
    def test_exposure_is_counted_by_hand(self):
        rows = {name: rest for name, *rest in cells(positions(example.content()).html)}
        # Sessions of 0.5 and -0.25, of nothing, and of 0.4.
        assert rows["gross exposure (leverage)"] == ["0", "0.3833", "0.75"]
        assert rows["net exposure"] == ["0", "0.2167", "0.4"]
        assert rows["positions"] == ["0", "1", "2"]
        # Two thirds and one third are as concentrated as 1.8 equal positions.
        (concentrated,) = (r for n, r in rows.items() if "as concentrated" in n)
        assert concentrated == ["1", "1.4", "1.8"]

    def test_a_winner_that_holds_nothing_is_said_to(self):
        none = example.positions().iloc[:0]
        section = positions(example.content(positions=none))
        assert "holds nothing" in read(section.html)

    def test_only_the_symbols_that_are_held_most_are_drawn(self):
        day = pd.Timestamp(example.DAYS[1])
        many = pd.DataFrame(
            {"session": day, "symbol": f"S{n:03}", "weight": (60 - n) / 2000}
            for n in range(60)
        )
        html = positions(example.content(positions=many)).html
        assert "The 40 symbols that are held most, of 60." in read(html)
        assert "S039" in html
        assert "S040" not in html


class TestProfits:
    def test_legs_are_told_apart_and_add_up(self):
        rows = cells(profits(example.content()).html)
        assert ["long positions", "40.00"] in rows
        assert ["short positions", "-10.00"] in rows
        assert ["all", "30.00"] in rows

    def test_groups_add_up_to_the_profit(self):
        market = Market(
            source="sample",
            symbols=["A", "B", "C"],
            groups={"ores": ["A"], "rest": ["C"]},
            first_session=example.DAYS[0],
            last_session=example.DAYS[-1],
        )
        of = example.attribution()
        found = by_group(market, of)
        assert found.to_dict() == {"ores": 40.0, "other": -10.0}
        assert found.sum() == of.pnl
        assert "By group" in read(profits(example.content(market=market)).html)

    def test_without_groups_there_is_no_such_part(self):
        assert "By group" not in read(profits(example.content()).html)


class TestFirstInRank:
    """Only a verdict makes the first in rank a winner."""

    def page(self, **changed):
        row = {"configuration": "demo.one", "variant": "-", "rank": 1, "best": True}
        figures = {"pnl": 30.0, "total_return": 0.03, "sharpe": 1.0}
        rows = [{**row, **figures, "capital": capital} for capital in (1e3, 1e4)]
        content = example.content(capacity=pd.DataFrame(rows), **changed)
        return read("".join(f"{s.title} {s.html}" for s in all_sections(content)))

    @pytest.mark.parametrize(
        "verdict", [{}, example.verdict(names_winner=False, verdict="likely luck")]
    )
    def test_it_is_not_called_a_winner_without_a_verdict_that_names_it(self, verdict):
        none = example.frozen().iloc[:0]
        text = self.page(verdict=verdict, logits=np.empty(0), frozen=none)
        assert not re.search("winner", text, re.IGNORECASE)
        assert "the first in rank" in text

    def test_it_is_called_a_winner_if_the_verdict_names_it(self):
        text = self.page()
        assert "first in rank" not in text.lower()
        assert "The winner is ahead by" in text


def all_sections(content):
    return [make(content) for make in SECTIONS]


class TestBeside:
    def rows(self, **fields):
        study = Study(
            name="demo", configurations={"one": {"strategy": "ema_cross"}}, **fields
        )
        row = example.LEADERBOARD.iloc[0].to_dict() | {
            "buy_and_hold_return": 0.1,
            "buy_and_hold_sharpe": 1.5,
            "beta": 0.5,
            "alpha": 0.02,
            "equal_weight_return": 0.2,
            "equal_weight_sharpe": 2.0,
            "equal_weight_beta": 0.75,
            "equal_weight_alpha": -0.01,
            "benchmark_return": 0.3,
            "benchmark_sharpe": 2.5,
            "benchmark_beta": 0.25,
            "benchmark_alpha": 0.04,
        }
        content = example.content(study=study, winner=row)
        return cells(winner(content).html), cells(leaderboard(content).html)[0]

    def test_return_beta_and_alpha_are_listed_by_what_it_is_compared_with(self):
        rows, head = self.rows(benchmark="<SPY>")
        assert ["Buy-and-hold of the same symbols", "10%", "1.5", "0.5", "2%"] in rows
        assert ["<SPY>", "30%", "2.5", "0.25", "4%"] in rows
        (equal,) = (row for row in rows if "equally weighted" in row[0])
        assert equal[1:] == ["20%", "2", "0.75", "-1%"]
        assert "benchmark beta" in head

    def test_without_a_benchmark_nothing_is_said_of_one(self):
        rows, head = self.rows()
        assert not any("benchmark" in cell for row in rows for cell in row)
        assert "benchmark beta" not in head


class TestQuality:
    def test_missing_bars_are_counted_by_hand(self):
        rows = dict(cells(quality(example.content()).html)[1:6])
        assert rows["Sessions, symbols"] == "2, 2"
        assert rows["Bars of 1min"] == "1,169"
        # One bar of B on the first day, and all 390 on the second.
        assert "(391 missing)" in rows["Share of the bars in the calendar's hours"]
        assert rows["Symbols without any bar in a session"] == "1"

    def test_findings_are_summed_up_the_severest_first(self):
        rows = [row[1:] for row in cells(quality(example.content()).html)]
        jump = ["warning", "moves by <50>%", "2", "1", "3"]
        missing = ["note", "1 of 390 bars", "1", "1", "1"]
        assert rows.index(jump) < rows.index(missing)


@pytest.mark.parametrize("judged", [True, False])
def test_paths_are_drawn_where_there_are_several(judged):
    rows = pd.DataFrame(
        {
            "configuration": "demo.one",
            "variant": ["size=1"] * 3 + ["size=2"] * 3,
            "path": [0, 1, 2] * 2,
            "ranked_value": [3.25, -1.5, np.nan, 2.0, 2.5, 1.75],
        }
    )
    logits = {} if judged else {"logits": np.empty(0)}
    html = overfitting(example.content(paths=rows, **logits)).html
    assert "on 3 paths of cross-validation" in read(html)
    traces = [
        json.loads(found) for found in re.findall(r'"x":(\[[^\]]*\]),"y":\["one', html)
    ]
    assert traces == [[-1.5, None, 2.5, 1.75], [3.25, 2.0]]
    assert "chart-paths" not in overfitting(example.content(**logits)).html


def test_the_leaderboard_shows_paths_in_the_unit_of_the_ranking():
    board = example.LEADERBOARD.assign(path_median=np.nan, path_worst=np.nan)
    assert "path" not in leaderboard(example.content(leaderboard=board)).html
    board.loc[0, ["path_median", "path_worst"]] = [12.0, -1234.5]
    head, first, second, *_ = cells(
        leaderboard(example.content(leaderboard=board)).html
    )
    assert head[-3:-1] == ["path median", "path worst"]
    assert first[-3:-1] == ["12.00", "-1,234.50"]
    assert second[-3:-1] == ["-", "-"]


class TestForward:
    def test_what_limits_a_record_is_named(self):
        text = read(forward(example.content()).html)
        assert "Too early to tell after 2 sessions; 9 more are needed." in text
        assert "1 of 2 sessions were recorded when a later session was known" in text
        assert "1 further rows; the first ones count" in text
        assert "demo.old" in text

    def test_no_winner_is_frozen_yet(self):
        content = example.content(frozen=example.frozen().iloc[:0])
        assert "Nothing is frozen yet." in read(forward(content).html)
