"""Files of corporate actions: valid rows and errors."""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.bars.adjustments import Action, Step
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.settings.market import Market
from whatif_assets.sources.actions import read_actions
from whatif_assets.steps.actions import Actions

GOOD = """symbol,date,split,dividend
AAA,2018-11-23,7,
BBB,2018-11-21,,0.5
BBB,2018-11-24,0.5,0.25
"""
ROWS = [line.split(",") for line in GOOD.splitlines()[1:]]


def written(folder, text: str | bytes, name: str = "actions.csv"):
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def home_with(folder, text: str, **fields) -> Home:
    written(folder, text)
    market = Market(
        source="parquet",
        path="bars.parquet",
        symbols=("AAA", "BBB"),
        first_session=date(2018, 11, 21),
        last_session=date(2018, 11, 28),
        actions="actions.csv",
        **fields,
    )
    return Home(folder, market)


def test_a_file_has_splits_and_dividends(tmp_path):
    file = written(tmp_path, GOOD)
    assert read_actions(file) == [
        Action("AAA", date(2018, 11, 23), split=7.0, origin=f"{file}, line 2"),
        Action("BBB", date(2018, 11, 21), dividend=0.5, origin=f"{file}, line 3"),
        Action("BBB", date(2018, 11, 24), 0.5, 0.25, origin=f"{file}, line 4"),
    ]


@pytest.mark.parametrize("as_date", [True, False])
def test_parquet_and_text_give_the_same_actions(tmp_path, as_date):
    frame = pd.read_csv(io.StringIO(GOOD))
    if as_date:
        frame["date"] = pd.to_datetime(frame["date"])
    frame.to_parquet(tmp_path / "actions.parquet", index=False)
    found = read_actions(tmp_path / "actions.parquet")
    expected = read_actions(written(tmp_path, GOOD))
    plain = [(a.symbol, a.ex_date, a.split, a.dividend) for a in found]
    assert plain == [(a.symbol, a.ex_date, a.split, a.dividend) for a in expected]
    assert found[1].origin.endswith("actions.parquet, row 2")


def test_zero_and_empty_mean_no_action(tmp_path):
    text = "Symbol,Date,Dividend,Split\nAAA,2018-11-23,0.0,2.0\nAAA,2018-11-26, 1 ,\n"
    split, dividend = read_actions(written(tmp_path, text))
    assert (split.split, split.dividend) == (2.0, None)
    assert (dividend.split, dividend.dividend) == (None, 1.0)


def test_a_dividend_steps_by_its_share_of_the_close_before():
    """CRSP's and Yahoo's factor, by hand: 1 - 0.5 / 20 = 0.975."""
    assert Action("A", date(2018, 1, 2), dividend=0.5).step(20.0) == Step(1.0, 0.975)
    both = Action("A", date(2018, 1, 2), split=2.0, dividend=0.5)
    assert both.step(20.0) == Step(2.0, 0.975)
    assert both.step(None) == Step(2.0, 1.0)


def test_a_dividend_beyond_the_price_is_refused_with_its_line(tmp_path):
    actions = Actions(home_with(tmp_path, "symbol,date,dividend\nAAA,2018-11-23,30\n"))
    with pytest.raises(
        BadInput, match=r"actions.csv, line 2: the dividend of AAA is 30 .* 20"
    ):
        actions.steps(date(2018, 11, 23), {"AAA": 20.0})


def test_an_action_falls_on_the_first_session_from_its_date_on(tmp_path):
    """11-22 was Thanksgiving, 11-24 a Saturday; 11-21 is the first session."""
    text = """symbol,date,split
AAA,2018-11-20,3
AAA,2018-11-21,3
AAA,2018-11-22,2
AAA,2018-11-23,5
BBB,2018-11-24,2
CCC,2018-11-26,2
AAA,2018-11-29,2
"""
    actions = Actions(home_with(tmp_path, text))
    days = [date(2018, 11, day) for day in range(20, 31)]
    found = {day: actions.steps(day, {}) for day in days if actions.on(day)}
    assert found == {
        date(2018, 11, 23): {"AAA": Step(10.0)},
        date(2018, 11, 26): {"BBB": Step(2.0)},
    }
    assert actions.hash_of(date(2018, 11, 27)) == ""


@pytest.mark.parametrize(
    ("adjust", "steps"),
    [
        ("all", {"AAA": Step(7.0), "BBB": Step(1.0, 0.975)}),
        ("splits", {"AAA": Step(7.0)}),
        ("none", {}),
    ],
)
def test_the_market_chooses_which_actions_count(tmp_path, adjust, steps):
    text = "symbol,date,split,dividend\nAAA,2018-11-23,7,\nBBB,2018-11-23,,0.5\n"
    actions = Actions(home_with(tmp_path, text, adjust=adjust))
    assert actions.steps(date(2018, 11, 23), {"BBB": 20.0}) == steps


def test_a_hash_depends_only_on_its_own_session(tmp_path):
    days = date(2018, 11, 23), date(2018, 11, 26)
    hashes = []
    for text in (GOOD, GOOD + "AAA,2018-11-26,2,\n", GOOD.replace("0.25", "0.2")):
        actions = Actions(home_with(tmp_path, text))
        hashes.append([actions.hash_of(day) for day in days])
    assert len({first for first, _ in hashes}) == 1
    assert len({second for _, second in hashes}) == 3


# Malformed files

BAD_CELLS = {
    "symbol": {"nothing": ""},
    "date": {
        "nothing": "",
        "text": "n/a",
        "American": "11/23/2018",
        "compact": "20181123",
        "no such day": "2018-02-30",
        "a time": "2018-11-23 09:30",
        "of 2100": "2100-01-04",
        "of the year 1": "0001-01-01",
        "long": "9" * 3000,
    },
    **{
        name: {
            "negative": "-3",
            "nan": "nan",
            "inf": "inf",
            "overflow": "1e999",
            "text": "n/a",
            "ratio": "7:1",
            "comma": "1;5",
            "underscore": "1_000",
            "currency": "$1",
            "hex": "0x10",
            "long": "9" * 3000 + "x",
        }
        for name in ("split", "dividend")
    },
}


def malformed() -> dict[str, tuple[bytes, str]]:
    """Return content of a file and words of its message, by kind of error."""
    found: dict[str, tuple[bytes, str]] = {}
    names = GOOD.splitlines()[0].split(",")
    for column, texts in BAD_CELLS.items():
        for what, cell in texts.items():
            for row in range(len(ROWS)):
                rows = [list(cells) for cells in ROWS]
                rows[row][names.index(column)] = cell
                text = "\n".join(",".join(cells) for cells in [names, *rows])
                found[f"{what} in {column} {row}"] = (
                    text.encode(),
                    f"line {row + 2}: .*{column}",
                )
    for what, (text, words) in {
        "no byte": ("", "column symbol, date, split or dividend is missing"),
        "no row": ("symbol,date,split\n", "has no row"),
        "no symbol": ("date,split\n2018-11-23,2\n", "column symbol is missing"),
        "no date": ("symbol,split\nAAA,2\n", "column date is missing"),
        "no amount": ("symbol,date\nAAA,2018-11-23\n", "split or dividend is missing"),
        "a column misspelt": (GOOD.replace("split", "splits"), "Did you mean 'split'"),
        "a column twice": (
            GOOD.replace("dividend", "split"),
            "column split appears twice",
        ),
        "no header": (GOOD.partition("\n")[2], "unknown column 'aaa'"),
        "another delimiter": (GOOD.replace(",", ";"), "unknown column 'symbol;date"),
        "a field less": (GOOD + "AAA,2018-11-26\n", "line 5: 2 fields where 4"),
        "a field more": (GOOD + "AAA,2018-11-26,2,,\n", "line 5: 5 fields where 4"),
        "no action": (GOOD + "AAA,2018-11-26,,0\n", "line 5: has neither"),
        "repeated": (
            GOOD + "AAA,2018-11-23,7,\n",
            "line 5: a second split of AAA on 2018-11-23, after line 2",
        ),
        "a quote left open": (GOOD + '"AAA,2018', "cannot be read as text"),
    }.items():
        found[what] = text.encode(), words
    found["utf-16"] = (
        GOOD.replace("AAA", "ÄÄÄ").encode("utf-16-le"),
        "cannot be read as text in UTF-8",
    )
    found["latin"] = GOOD.replace("AAA", "ÄÄÄ").encode("latin-1"), "cannot be read"
    return found


@pytest.mark.parametrize(("content", "words"), malformed().values(), ids=malformed())
def test_a_malformed_file_is_one_message_with_its_line(tmp_path, content, words):
    file = written(tmp_path, content)
    with pytest.raises(BadInput) as error:
        read_actions(file)
    assert error.match(f"(?s){file.name}.*{words}")
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("split", -1.0, "row 2: split"),
        ("split", np.inf, "row 2: split"),
        ("date", pd.Timestamp("2018-11-23 09:30"), "row 2: date"),
        ("date", None, "row 2: date"),
        ("symbol", None, "row 2: symbol"),
    ],
)
def test_a_malformed_row_of_parquet_is_named(tmp_path, column, value, words):
    rows = [["AAA", pd.Timestamp("2018-11-23"), 2.0] for _ in range(2)]
    frame = pd.DataFrame(rows, columns=["symbol", "date", "split"])
    frame.loc[1, "symbol"] = "BBB"
    frame[column] = [frame[column][0], value]
    file = tmp_path / "actions.parquet"
    frame.to_parquet(file, index=False)
    with pytest.raises(BadInput, match=f"actions.parquet, {words}"):
        read_actions(file)


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"actions\.parquet cannot be read as Parquet"):
        read_actions(written(tmp_path, GOOD, "actions.parquet"))


def test_a_file_that_does_not_exist_is_named(tmp_path):
    home = home_with(tmp_path, GOOD)
    (tmp_path / "actions.csv").unlink()
    with pytest.raises(BadInput, match=r"no file, folder or match for path 'actions.c"):
        Actions(home).on(date(2018, 11, 23))
