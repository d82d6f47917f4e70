"""The queries of docs/queries.md answer, with the columns that the text names."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import whatif_assets as wi
from whatif_assets_tests.conftest import ROOT

SECTIONS = {
    one.partition("\n")[0]: one
    for one in (ROOT / "docs/queries.md").read_text().split("\n## ")[1:]
}


def rows_of(title: str, home: Path) -> pd.DataFrame:
    """Run the query of a section; the study of the tests stands for the demo."""
    (query,) = re.findall(r"```sql\n(.*?)```", SECTIONS[title], re.S)
    found: pd.DataFrame = wi.open(home).sql(re.sub(r"\bdemo\b", "tiny", query))
    return found


@pytest.mark.parametrize("title", SECTIONS)
def test_a_query_has_rows_and_the_columns_of_its_text(finished_home, title):
    described = SECTIONS[title].partition("```")[0].partition("Columns:")[2]
    without_remarks = re.sub(r"\(.*?\)", "", described, flags=re.S)
    found = rows_of(title, finished_home)
    assert list(found.columns) == re.findall(r"`(\w+)`", without_remarks)
    assert len(found)


def test_months_and_drawdowns_agree_with_the_leaderboard(finished_home):
    board = wi.open(finished_home).leaderboard().set_index("configuration")
    months = rows_of("Months", finished_home)
    assert months["profit"].sum() == pytest.approx(board["pnl"].iloc[0])
    drawdowns = rows_of("The worst drawdowns", finished_home)
    deepest = drawdowns.set_index("configuration")["depth"]
    assert deepest["tiny.hold"].max() == pytest.approx(
        board.loc["tiny.hold", "max_drawdown"]
    )
