"""Setting up a home: a study's market is described there, with paths that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home

STUDY = """market:
  source: csv
  path: {path}
  options: {{stamp: start, timezone: UTC}}
  calendar: XNYS
  first_session: 2026-01-05
  last_session: 2026-01-16
evaluation: {{method: whole}}
configurations:
  hold: {{strategy: buy_and_hold}}
"""


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("'**/[**'", r"path '.*\[\*\*' is not a valid glob"),
        ("'a**.csv'", r"path '.*a\*\*.csv' is not a valid glob"),
        ("a" * 300, r"path '.*aaa' cannot be read: File name too long"),
    ],
)
def test_a_path_that_is_no_path_is_refused_and_leaves_no_home(
    tmp_path: Path, path: str, message: str
) -> None:
    study = tmp_path / "mine.yaml"
    study.write_text(STUDY.format(path=path))
    with pytest.raises(BadInput, match=message):
        set_up(tmp_path / "home", study)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("url", ["s3://bucket/home", "gs://b", "file:///srv/home"])
def test_a_url_is_no_home_and_nothing_is_written(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "s.yaml"
    study.write_text("configurations: {a: {strategy: macd_cross}}")
    with pytest.raises(BadInput, match=rf"URL of {url.partition(':')[0]}://"):
        Home.open(Path(url))
    with pytest.raises(BadInput, match=r"a folder of this machine.*'lake: "):
        set_up(Path(url), study)
    assert list(tmp_path.iterdir()) == [study]


@pytest.mark.parametrize(
    "name", ["../beside", "studies/../../beside", "9" * 3000, "a\0b"]
)
def test_what_is_no_name_of_a_study_is_looked_for_nowhere(copied_home, name):
    (copied_home / "beside.yaml").write_text("secret: of somebody else")
    home = Home.open(copied_home)
    with pytest.raises(BadInput, match="There is no study"):
        home.study(name)
