"""Terminal, page, UI and DuckDB show the same sentences for the same result."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from whatif_assets.command_line.result_display import print_new_results
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.best_configuration import report_best
from whatif_assets.steps.freshness import Freshness


def rewritten(home: Home, table: str, **changed: object) -> None:
    """Change values of the study in a table of the lake."""
    manifest = home.lake.manifest(table, "tiny")
    home.lake.write(table, "tiny", home.lake.read(table, "tiny").assign(**changed))
    home.lake.finish(table, "tiny", manifest)


def judged(home: Home, **changed: object) -> None:
    rewritten(home, "verdicts", **changed)


CASES: dict[str, tuple[Callable[[Home], None], str]] = {
    "named": (
        lambda home: judged(home, names_winner=True, in_words="likely real"),
        "Best configuration: tiny.",
    ),
    "a placebo does as well": (
        lambda home: judged(home, names_winner=False, placebos_above=1),
        "No winner is named: a placebo does as well as the first in rank.",
    ),
    "nothing earned": (
        lambda home: judged(home, names_winner=False, placebos_above=0),
        "No winner is named: the first in rank earned nothing out of sample.",
    ),
    "reasons with brackets": (
        lambda home: judged(home, names_winner=True, reasons="Rows [dropped].\n[/red] <b>"),
        "Best configuration: tiny.",
    ),
    "not judged": (
        lambda home: home.lake.remove("verdicts", "tiny"),
        "First in rank, not judged: tiny.",
    ),
    "no candidate": (
        lambda home: rewritten(home, "leaderboard", role="placebo"),
        "No winner: the study has only benchmarks and placebos, no candidates.",
    ),
}  # fmt: skip


def squeezed(text: str) -> str:
    """Remove the layout of a text: borders, line breaks and spaces."""
    return re.sub(r"[\s│]+", "", text)


@pytest.mark.parametrize("case", CASES)
def test_all_four_say_the_same(case: str, copied_home: Path, capsys) -> None:
    change, opening = CASES[case]
    change(Home.open(copied_home))
    home = Home.open(copied_home)
    with dg.DagsterInstance.ephemeral() as instance:
        _, _, metadata = report_best(home, Freshness(home), instance)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        query = "SELECT * FROM best_configuration"
        (row,) = connection.execute(query).df().to_dict("records")
    lines = row["conclusion"].split("\n")
    assert lines[0].startswith(opening)
    if isinstance(row["reasons"], str):
        lines += row["reasons"].split("\n")
    print_new_results(home, [home.study("tiny")])
    page = home.page("tiny").read_text(encoding="utf-8")
    told = [
        capsys.readouterr().out,
        html.unescape(re.sub(r"</?(p|ul|li)\b[^>]*>", "", page)),
        metadata["tiny_conclusion"] + metadata.get("tiny_reasons", ""),
    ]
    for line in lines:
        assert [squeezed(line) in squeezed(text) for text in told] == [True] * 3, line
    named = opening.startswith("Best") or "not judged" in opening
    assert (row["why_none"] == "") is named
    assert isinstance(row["configuration"], str) is named
