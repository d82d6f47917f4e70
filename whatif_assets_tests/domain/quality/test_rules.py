"""A market's quality settings: parsed when the market is read, or refused."""

from __future__ import annotations

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.quality import QUALITY_CHECKS, parse_rules, rules_hash
from whatif_assets.home.creation import set_up
from whatif_assets.settings.market import list_differences, market_yaml, parse_market
from whatif_assets.settings.spec import read_yaml
from whatif_assets.steps.ingest import SessionBars

MARKET = "source: sample\nfirst_session: 2026-01-05\nlast_session: 2026-01-06\n"


def market(tmp_path, quality=""):
    path = tmp_path / "market.yaml"
    path.write_text(MARKET + (f"quality:\n{quality}" if quality else ""))
    return parse_market(read_yaml(path), tmp_path)


def test_a_check_has_the_severity_and_the_limits_that_a_market_says(tmp_path):
    said = "  jump: {severity: error, threshold: 0.3}\n  missing_bars: off\n"
    rules = market(tmp_path, said).rules
    assert (rules["jump"].severity, rules["jump"].limits.threshold) == ("error", 0.3)
    assert rules["missing_bars"].severity == "off"
    for name in QUALITY_CHECKS.keys() - {"jump", "missing_bars"}:
        assert rules[name] == parse_rules({})[name]
        assert rules[name].severity == QUALITY_CHECKS[name].severity


def test_limits_alone_leave_the_severity(tmp_path):
    rules = market(tmp_path, "  jump: {threshold: 0.5}\n").rules
    assert (rules["jump"].severity, rules["jump"].limits.threshold) == ("warning", 0.5)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "jumps: error",
            "market.yaml:5: quality.jumps: 'jumps' is not a quality check; .* mean 'jump'",
        ),
        ("jump: eror", "market.yaml:5: quality.jump: found 'eror'; .* mean 'error'"),
        ("jump: {treshold: 1}", "quality.jump.treshold: unknown .* mean 'threshold'"),
        ("jump: {threshold: -1}", "quality.jump.threshold: found -1"),
        ("jump: [1]", r"quality.jump: found \[1\]"),
        ("duplicates: off", "quality.duplicates: duplicates always blocks"),
    ],
)
def test_wrong_words_are_refused_with_their_line(tmp_path, said, words):
    with pytest.raises(BadInput, match=words):
        market(tmp_path, f"  {said}\n")


def test_a_market_says_the_same_after_it_was_written(tmp_path):
    said = market(tmp_path, "  jump: {threshold: 0.5}\n  missing_bars: off\n")
    (tmp_path / "market.yaml").write_text(market_yaml(said))
    again = parse_market(read_yaml(tmp_path / "market.yaml"), tmp_path)
    assert again == said
    assert again.rules == said.rules


def test_every_severity_and_limit_counts_as_an_input_of_the_bars():
    hashes = {
        rules_hash(parse_rules(quality), "nothing")
        for quality in ({}, {"jump": "error"}, {"jump": {"threshold": 0.3}})
    }
    assert len(hashes) == 3


def test_what_a_home_says_about_quality_stands_where_a_study_says_nothing(
    tmp_path, tiny_study
):
    home, _ = set_up(tmp_path / "home", tiny_study)
    before = SessionBars(home, ()).inputs("2026-01-06")
    path = home.path / "market.yaml"
    path.write_text(path.read_text() + "quality: {jump: error}\n")
    again, _ = set_up(tmp_path / "home", tiny_study)
    assert again.market.rules["jump"].severity == "error"
    changed = {
        k
        for k, v in SessionBars(again, ()).inputs("2026-01-06").items()
        if v != before[k]
    }
    assert changed == {"quality"}


def test_a_study_that_says_otherwise_is_told_the_difference(tmp_path):
    ours = market(tmp_path)
    theirs = market(tmp_path, "  jump: error\n")
    (told,) = list_differences(ours, theirs)
    assert told.startswith("quality: the home has {}, the study asks for")
    assert list_differences(theirs, ours) == []
