"""Membership files: spells with inclusive dates, and what is wrong with a row."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.settings.membership import Membership, Spell, read_membership
from whatif_assets.steps.universe import listed

FIRST = date(2018, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(12)]


def members(folder: Path, text: str | bytes) -> Membership:
    """Read a file with this text."""
    content = text.encode() if isinstance(text, str) else text
    (folder / "members.csv").write_bytes(content)
    return read_membership(folder, "members.csv")


def spells(of: Membership) -> list[tuple[str, str, str]]:
    return [(s.symbol, str(s.first), str(s.last)) for s in of.spells]


TIDY = "symbol,from,to\nAAA,2018-01-02,2018-01-05\nBBB,2018-01-03,\n"


def test_spells_are_read_and_sorted(tmp_path: Path) -> None:
    text = TIDY + "AAA,2018-02-01,\nAAA,2017-01-01,2017-06-30\n"
    assert spells(members(tmp_path, text)) == [
        ("AAA", "2017-01-01", "2017-06-30"),
        ("AAA", "2018-01-02", "2018-01-05"),
        ("AAA", "2018-02-01", "None"),
        ("BBB", "2018-01-03", "None"),
    ]


@pytest.mark.parametrize(
    "untidy",
    [
        "\ufeff" + TIDY,
        TIDY.replace("\n", "\r\n"),
        TIDY.replace("\nBBB", "\n\n\nBBB"),
        "Symbol, FROM ,to\n AAA , 2018-01-02 ,2018-01-05\nBBB,2018-01-03,\n",
        "to,name,symbol,from\n,Bees,BBB,2018-01-03\n2018-01-05,Ants,AAA,2018-01-02\n",
    ],
    ids=["byte order mark", "Windows", "blank lines", "spaces", "other columns"],
)
def test_the_layout_of_the_file_does_not_matter(tmp_path: Path, untidy: str) -> None:
    tidy = members(tmp_path, TIDY)
    other = members(tmp_path, untidy)
    assert spells(other) == spells(tidy)
    assert other.hash == tidy.hash


def test_other_dates_have_another_hash(tmp_path: Path) -> None:
    tidy = members(tmp_path, TIDY)
    assert members(tmp_path, TIDY.replace("01-05", "01-06")).hash != tidy.hash


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("CCC,2018-13-01,", r"line 4: from: found '2018-13-01'; .*YYYY-MM-DD"),
        ("CCC,02.01.2018,", r"line 4: from: found '02.01.2018'; .*YYYY-MM-DD"),
        ("CCC,20180102,", r"line 4: from: found '20180102'"),
        ("CCC,,", r"line 4: from: found nothing; a date is needed"),
        ("CCC,2018-01-02,soon", r"line 4: to: found 'soon'; .*nothing if it is still"),
        ("CCC,2018-01-02,2018-01-01", r"line 4: to: found 2018-01-01, .*before from"),
        (",2018-01-02,", r"line 4: symbol: found nothing"),
        ("CCC,2018-01-02", r"line 4: found 2 fields; 3 are needed"),
        (
            "BBB,2018-05-01,",
            r"line 4: from: .*BBB is already in from 2018-01-03 to now",
        ),
        ("AAA,2018-01-05,", r"line 4: from: .*\(line 2\).*both dates are inclusive"),
    ],
)
def test_a_wrong_row_is_named_with_its_field(
    tmp_path: Path, row: str, said: str
) -> None:
    with pytest.raises(BadInput, match=f"members.csv, {said}"):
        members(tmp_path, f"{TIDY}{row}\n")


def test_many_wrong_rows_are_counted(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"line 4: .*line 6: .*; and 7 more\."):
        members(tmp_path, TIDY + "CCC,?,\n" * 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,start,to\n", "line 1: the column 'from' is missing; found symbol, st"),
        ("symbol,from,to,to\n", "the column 'to' appears twice"),
        ("symbol,from,to\n", "there is no row below the header"),
        ("", "the column 'symbol' is missing; found none"),
        (b"symbol,from,to\n\xff\xfe\n", "cannot be read as text"),
    ],
)
def test_a_file_that_is_no_membership_is_refused(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        members(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.csv: there is no such file"):
        read_membership(tmp_path, "none.csv")


def test_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text(TIDY)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "members.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(BadInput, match="not a folder or a link to elsewhere"):
        read_membership(tmp_path / "study", "members.csv")


def test_an_edit_is_read_at_once(tmp_path: Path) -> None:
    assert members(tmp_path, TIDY).symbols == {"AAA": 2, "BBB": 3}
    assert members(tmp_path, TIDY.replace("BBB", "CCC")).symbols == {"AAA": 2, "CCC": 3}


def test_what_lies_outside_the_dates_of_a_study_does_not_count(tmp_path: Path) -> None:
    def within(text: str) -> Membership:
        return members(tmp_path, text).between(date(2018, 1, 3), date(2018, 1, 4))

    short = within("symbol,from,to\nAAA,2018-01-03,2018-01-04\nBBB,2018-01-04,\n")
    long = within(
        "symbol,from,to\nAAA,2001-01-01,2018-01-09\nBBB,2018-01-04,2018-02-01\n"
        "GONE,2017-01-01,2018-01-02\nLATE,2018-01-05,\n"
    )
    assert long.hash == short.hash
    assert [*long.symbols] == ["AAA", "BBB"]


SPELLS = st.lists(
    st.tuples(
        st.sampled_from(["AAA", "BBB", "CCC"]),
        st.integers(0, 11),
        st.one_of(st.none(), st.integers(0, 11)),
    ),
    max_size=5,
)


@given(rows=SPELLS, first=st.integers(0, 11), length=st.integers(0, 11))
def test_members_of_each_session_are_those_found_day_by_day(
    rows: list[tuple[str, int, int | None]], first: int, length: int
) -> None:
    made = tuple(
        Spell(symbol, DAYS[a], None if b is None else DAYS[b], 2)
        for symbol, a, b in rows
        if b is None or a <= b
    )
    last = min(first + length, 11)
    whole = Membership(Path("members.csv"), made)
    cut = whole.between(DAYS[first], DAYS[last])
    symbols, days = ["BBB", "AAA", "ZZZ"], DAYS[first : last + 1]
    expected = [
        [
            any(
                spell.symbol == symbol
                and spell.first <= day
                and (spell.last is None or day <= spell.last)
                for spell in made
            )
            for symbol in symbols
        ]
        for day in days
    ]
    np.testing.assert_array_equal(listed(cut, days, symbols), expected)
    np.testing.assert_array_equal(listed(whole, days, symbols), expected)
    ever = {s for row in expected for s, inside in zip(symbols, row) if inside}
    assert ever == set(cut.symbols) & set(symbols)
