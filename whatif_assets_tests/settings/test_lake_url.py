"""A URL of a lake is refused at once, with what to write instead."""

import importlib.util

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import set_up
from whatif_assets.settings.market import parse_market
from whatif_assets.settings.spec import read_yaml

MARKET = "source: sample\nfirst_session: 2026-01-05\nlake: {url}\n"


def lake_of(url, folder):
    path = folder / "market.yaml"
    path.write_text(MARKET.format(url=url))
    return parse_market(read_yaml(path), folder).lake


@pytest.mark.parametrize(
    "url", ["s3://bucket/a/lake", "memory://lake", "file:///srv/my-lake"]
)
def test_a_url_is_kept_without_its_last_slash(url, tmp_path):
    assert lake_of(url, tmp_path) == lake_of(f"{url}/", tmp_path) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hdfs://name/lake", "found 'hdfs://name/lake'; write a URL that begins with"),
        (
            "s4://bucket",
            "begins with 'abfs://', 'file://', 'gs://', 'memory://' or 's3",
        ),
        ("/srv/lake", "or leave the field out"),
        ("s3://", "such as s3://bucket/lake"),
        ("s3:///lake", "such as s3://bucket/lake"),
        ("file://srv/lake", "such as file:///srv/lake"),
        ("s3://bucket/*", r"without any of"),
        ("s3://me:secret@bucket/lake", "found a password"),
    ],
)
def test_another_url_is_refused_with_its_line(url, message, tmp_path):
    with pytest.raises(BadInput, match=message) as caught:
        lake_of(url, tmp_path)
    assert "market.yaml:3: lake" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_study_does_not_say_where_results_are_written(tmp_path):
    study = tmp_path / "theirs.yaml"
    study.write_text(
        "market: {source: sample, first_session: 2026-01-05, lake: 'memory://theirs'}\n"
        "configurations: {a: {strategy: macd_cross}}\n"
    )
    with pytest.raises(
        BadInput, match=r"theirs.yaml:1: market.lake: a study can't say"
    ):
        set_up(tmp_path / "home", study)
    assert not (tmp_path / "home").exists()


def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "s3fs" else find(name)
    )
    with pytest.raises(BadInput, match=r"pip install 'whatif_assets\[s3\]'"):
        lake_of("s3://bucket/lake", tmp_path)
