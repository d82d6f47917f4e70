"""The contract multiplier of a market: valid values and effects."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.settings.market import (
    Market,
    list_differences,
    market_yaml,
    parse_market,
)
from whatif_assets.settings.spec import read_yaml

TEXT = """source: sample
symbols: [AAA, BBB]
first_session: 2026-01-05
"""


def market(folder: Path, lines: str = "") -> Market:
    path = folder / "market.yaml"
    path.write_text(TEXT + lines)
    return parse_market(read_yaml(path), folder)


@pytest.mark.parametrize(
    ("lines", "multipliers"),
    [
        ("", {"AAA": 1.0, "BBB": 1.0}),
        ("multiplier: 10", {"AAA": 10.0, "BBB": 10.0}),
        ("multiplier: {BBB: 50}", {"AAA": 1.0, "BBB": 50.0}),
    ],
)
def test_a_multiplier_is_one_for_all_or_by_symbol(
    tmp_path: Path, lines: str, multipliers: dict[str, float]
) -> None:
    read = market(tmp_path, lines)
    assert read.multipliers(["AAA", "BBB"]) == multipliers
    (tmp_path / "market.yaml").write_text(market_yaml(read))
    again = parse_market(read_yaml(tmp_path / "market.yaml"), tmp_path)
    assert again.multiplier == read.multiplier


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("multiplier: 0", r"market.yaml:4: multiplier: found 0.*above 0"),
        ("multiplier: -10", r"market.yaml:4: multiplier: found -10.*above 0"),
        ("multiplier: .inf", r"market.yaml:4: multiplier: found .*finite"),
        ("multiplier: true", r"market.yaml:4: multiplier: found true; a number"),
        ("multiplier: '10'", r"market.yaml:4: multiplier: found '10', a text"),
        ("multiplier: [10]", r"market.yaml:4: multiplier: found \[10\].*a number f"),
        ("multiplier:", r"market.yaml:4: multiplier: found None; write a number"),
        ("multiplier: {AAA: [1]}", r"market.yaml:4: multiplier: found \[1\]; write"),
        ("multiplier: {AAA: 0}", r"market.yaml:4: multiplier.*found 0.* for AAA"),
        ("multiplier: {AAA: x}", r"market.yaml:4: multiplier.*found 'x', a text"),
        ("multiplier: {AAC: 2}", r"market.yaml:4: multiplier.AAC: .*no symbol 'AAC'"),
    ],
)
def test_a_wrong_multiplier_is_refused_with_its_line(
    tmp_path: Path, lines: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        market(tmp_path, lines)
    assert len(str(refused.value).splitlines()) == 1


def test_the_home_keeps_its_multiplier_if_a_study_sets_none(tmp_path: Path) -> None:
    ours, silent = market(tmp_path, "multiplier: 10"), market(tmp_path)
    assert list_differences(ours, silent) == []
    other = market(tmp_path, "multiplier: 50")
    assert list_differences(ours, other) == [
        "multiplier: the home has 10.0, the study asks for 50.0"
    ]


def test_results_depend_on_the_multipliers_of_their_own_symbols(tmp_path: Path) -> None:
    one = market(tmp_path, "multiplier: {BBB: 50}")
    assert one.multipliers_read(["AAA"]) == {}
    assert one.multipliers_read(["AAA", "BBB"]) == {"BBB": 50.0}
    assert one.multipliers_read(None) == {"BBB": 50.0}
    assert market(tmp_path, "multiplier: 1").multipliers_read(None) == {}
