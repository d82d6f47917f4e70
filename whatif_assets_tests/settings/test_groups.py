"""Groups of a market: valid groups, refused ones, and what a study may say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import check_symbols
from whatif_assets.settings.market import (
    Market,
    list_differences,
    market_yaml,
    parse_market,
)
from whatif_assets.settings.spec import read_yaml

TEXT = """source: sample
symbols: [AAA, BBB, CCC]
first_session: 2026-01-05
"""


def market(folder: Path, lines: str = "", text: str = TEXT) -> Market:
    path = folder / "market.yaml"
    path.write_text(text + lines)
    return parse_market(read_yaml(path), folder)


@pytest.mark.parametrize(
    ("lines", "groups"),
    [
        ("", {"AAA": "other", "BBB": "other"}),
        ("groups: {tech: [AAA], banks: [CCC]}", {"AAA": "tech", "BBB": "other"}),
        ("groups: {other: [AAA]}", {"AAA": "other", "BBB": "other"}),
        ("groups: {tech: []}", {"AAA": "other", "BBB": "other"}),
    ],
)
def test_a_symbol_is_in_its_group_or_in_the_others(
    tmp_path: Path, lines: str, groups: dict[str, str]
) -> None:
    read = market(tmp_path, lines)
    assert read.groups_of(["AAA", "BBB"]) == groups
    (tmp_path / "market.yaml").write_text(market_yaml(read))
    again = parse_market(read_yaml(tmp_path / "market.yaml"), tmp_path)
    assert again.groups == read.groups


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "groups: {tech: [AAA], banks: [BBB, AAA]}",
            r"market.yaml:4: groups: found AAA in tech and again in banks; list each",
        ),
        ("groups: {tech: [AAA, AAA]}", r"groups: found AAA in tech and again in tech"),
        (
            "groups:\n  tech: [AAA]\n  banks: [BBC]",
            r"market.yaml:6: groups.banks: the market has no symbol 'BBC'.*'BBB'",
        ),
        ("groups: {tech: [true]}", r"market.yaml:4: groups.*found true.*quotes"),
        ("groups: {tech: AAA}", r"market.yaml:4: groups.tech: found 'AAA'"),
        ("groups: [AAA]", r"market.yaml:4: groups: "),
    ],
)
def test_wrong_groups_are_refused_with_their_line(
    tmp_path: Path, lines: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        market(tmp_path, lines)
    assert len(str(refused.value).splitlines()) == 1


def test_a_group_of_a_symbol_that_the_source_lacks_is_refused(tmp_path: Path) -> None:
    text = "source: sample\nfirst_session: 2026-01-05\n"
    read = market(tmp_path, "groups: {tech: [SYN99]}", text)
    with pytest.raises(BadInput, match=r"market.groups: the source .* no 'SYN99'"):
        check_symbols(read, tmp_path / "market.yaml")


def test_the_home_keeps_its_groups_if_a_study_sets_none(tmp_path: Path) -> None:
    ours, silent = market(tmp_path, "groups: {tech: [AAA]}"), market(tmp_path)
    assert list_differences(ours, silent) == []
    other = market(tmp_path, "groups: {tech: [BBB]}")
    assert list_differences(ours, other) == [
        "groups: the home has {'tech': ('AAA',)}, the study asks for {'tech': ('BBB',)}"
    ]


@given(members=st.dictionaries(st.sampled_from("ABCDEFGH"), st.sampled_from("xyz")))
def test_groups_of_inverts_the_lists(members: dict[str, str]) -> None:
    groups = {name: tuple(s for s in members if members[s] == name) for name in "xyz"}
    read = Market.model_validate(
        {"source": "sample", "first_session": "2026-01-05", "groups": groups}
    )
    assert read.groups_of(members) == members
    assert read.groups_of(["ZZZ"]) == {"ZZZ": "other"}
