"""Two homes whose markets have the same name do not share a Dagster history."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.orchestration.claims import claim_name
from whatif_assets.orchestration.instances import instance_of

MARKET = "source: sample\nsymbols: [SYN01]\nfirst_session: 2026-01-05\n"


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def home_in(folder, name: str = "") -> Home:
    folder.mkdir()
    (folder / "market.yaml").write_text(MARKET + (f"name: {name}\n" if name else ""))
    return Home.open(folder)


def test_a_second_home_without_a_name_is_refused_with_what_to_do(tmp_path, instance):
    first, second = home_in(tmp_path / "first"), home_in(tmp_path / "second")
    claim_name(first, instance)
    claim_name(first, instance)
    with pytest.raises(BadInput) as refused:
        claim_name(second, instance)
    assert f"{second.path / 'market.yaml'}: name:" in str(refused.value)
    assert str(first.path) in str(refused.value)
    assert "name: other" in str(refused.value)


def test_homes_of_different_names_share_a_history(tmp_path, instance):
    for name in ("", "one", "two"):
        claim_name(home_in(tmp_path / f"home_{name}", name), instance)
    with pytest.raises(BadInput, match="already has a market 'two'"):
        claim_name(home_in(tmp_path / "third", "two"), instance)


def test_a_home_that_was_moved_keeps_its_name(tmp_path, instance):
    home = home_in(tmp_path / "before")
    claim_name(home, instance)
    moved = Home.open(home.path.rename(tmp_path / "after"))
    claim_name(moved, instance)


def test_a_copied_home_brings_its_own_history(tmp_path):
    home = home_in(tmp_path / "original")
    with instance_of(home) as instance:
        claim_name(home, instance)
    copy = Home.open(shutil.copytree(home.path, tmp_path / "copy"))
    with instance_of(copy) as instance:
        claim_name(copy, instance)
