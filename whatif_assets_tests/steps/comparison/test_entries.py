"""Names of leaderboard entries, as people write and copy them."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.steps.comparison.entries import find_entry, flat
from whatif_assets.steps.leaderboard import read_table
from whatif_assets_tests.steps.comparison.rewriting import rewrite


@pytest.fixture
def home(finished_home: Path) -> Home:
    return Home.open(finished_home)


@pytest.mark.parametrize(
    "name",
    [
        "tiny.forest~max_depth=2:threshold=0.0002",
        "tiny.forest~max_depth=2 threshold=0.0002",
        "tiny.forest~max_depth=2: threshold=2e-4",
        "forest~max_depth=2 threshold=0.0002",
        " forest~max_depth=2:threshold=0.0002 ",
    ],
)
def test_a_variant_is_found_as_it_is_written_anywhere(home: Home, name: str) -> None:
    found = find_entry(home, name)
    assert found.name == "tiny.forest~max_depth=2:threshold=0.0002"
    assert found.variant.settings["threshold"] == 0.0002


@pytest.mark.parametrize(
    "name", ["tiny.hold", "tiny.hold:-", "hold -", "hold (benchmark)"]
)
def test_a_configuration_of_one_variant_needs_none(home: Home, name: str) -> None:
    assert find_entry(home, name).name == "tiny.hold"


def test_every_line_of_the_leaderboard_is_found_by_its_columns(home: Home) -> None:
    ranking = read_table(home, "leaderboard")
    assert len(ranking) == 7
    for row in ranking.to_dict("records"):
        found = find_entry(home, f"{row['configuration']}:{row['variant']}")
        assert found.row["rank"] == row["rank"]
        assert find_entry(home, found.name).row["rank"] == row["rank"]


def test_a_configuration_is_its_best_variant(home: Home) -> None:
    ranking = read_table(home, "leaderboard")
    mine = ranking[ranking["configuration"] == "tiny.forest~max_depth=3"]
    found = find_entry(home, "tiny.forest~max_depth=3")
    assert found.row["pnl"] == mine["pnl"].max()


def test_a_study_is_its_best_configuration(home: Home) -> None:
    (best,) = read_table(home, "best_configuration").itertuples()
    found = find_entry(home, "tiny")
    assert (found.configuration.key, found.variant.id) == (
        best.configuration,
        best.variant,
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "has no name"),
        ("tinny", "Did you mean 'tiny'?"),
        ("linaer", "Did you mean 'linear'?"),
        ("tiny.linaer", "Did you mean 'linear'?"),
        ("tinny.linear", "Did you mean 'tiny'?"),
        ("tiny.forest", "choose one value of max_depth"),
        ("tiny.linear~horizn=2", "Did you mean 'horizon'?"),
        ("tiny.forest~max_depth=4", "is not in a leaderboard yet"),
        ("tiny.linear:threshold=0.3", "such as tiny.linear:-"),
        ("tiny.forest~max_depth=2:threshold=0.00002", "Did you mean 'threshold=0.000"),
        ("tiny.forest~max_depth=2:treshold=0.0002", "Did you mean 'threshold=0.0002'"),
        ("tiny:threshold=0.0001", "is a study; put the configuration before"),
    ],
)
def test_a_wrong_name_is_refused_with_what_to_do(
    home: Home, name: str, says: str
) -> None:
    with pytest.raises(BadInput) as refused:
        find_entry(home, name)
    assert says in str(refused.value)


def two_studies(home: Path) -> None:
    text = (home / "studies/tiny.yaml").read_text()
    (home / "studies/small.yaml").write_text(text)


def test_a_name_that_two_studies_have_is_refused(copied_home: Path) -> None:
    two_studies(copied_home)
    with pytest.raises(BadInput, match=r"use 'small\.hold' or 'tiny\.hold'"):
        find_entry(Home.open(copied_home), "hold")


def test_several_variants_that_fit_are_named(copied_home: Path) -> None:
    ranking = Home.open(copied_home).lake.read("leaderboard", "tiny")
    again = ranking[ranking["configuration"] == "tiny.forest~max_depth=2"]
    ranking["variant"] = ranking["variant"].where(
        ~ranking.index.isin(again.index), ranking["variant"] + "~size=1"
    )
    rewrite(copied_home, "leaderboard", ranking)
    with pytest.raises(BadInput, match="2 variants match; write one in full"):
        find_entry(Home.open(copied_home), "tiny.forest~max_depth=2:size=1")


def test_a_study_without_a_winner_says_why(copied_home: Path) -> None:
    best = Home.open(copied_home).lake.read("best_configuration", "tiny")
    best["configuration"], best["why_none"] = None, "No winner: none trades."
    rewrite(copied_home, "best_configuration", best)
    with pytest.raises(BadInput, match=r"\(No winner: none trades\.\); name one"):
        find_entry(Home.open(copied_home), "tiny")


def test_results_of_an_older_study_are_refused(copied_home: Path) -> None:
    study = copied_home / "studies/tiny.yaml"
    study.write_text(study.read_text().replace("train: 6", "train: 7"))
    with pytest.raises(BadInput, match="settings changed"):
        find_entry(Home.open(copied_home), "tiny.hold")


def test_a_home_without_a_leaderboard_says_what_to_run(copied_home: Path) -> None:
    (copied_home / "lake/leaderboard/study=tiny/data.parquet").unlink()
    with pytest.raises(BadInput, match="or use 'whatif run'"):
        find_entry(Home.open(copied_home), "tiny")


def test_settings_of_a_block_are_flat() -> None:
    assert flat({"a": 1, "b": {"c": {"d": 2}}}) == {"a": 1, "b.c.d": 2}
