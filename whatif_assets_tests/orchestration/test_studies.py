"""Preparations of a run: how Spark is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.home.home import Home
from whatif_assets.orchestration.studies import _fits_little

MARKET = """\
source: sample
symbols: [SYN01, SYN02]
calendar: XNYS
first_session: 2024-01-02
last_session: 2024-02-09
base_bar: 1min
"""
STUDY = """\
features: [volume]
label: {{price: close, horizon: 5}}
evaluation: {evaluation}
configurations:
  forest:
    algorithm: random_forest
    backend: {backend}
    strategy: forecast_threshold
    {more}
"""
SPLIT = "{method: split, train: 0.5}"
WALK = "{method: walk_forward, train: 10, test: 2}"


@pytest.mark.parametrize(
    ("evaluation", "backend", "more", "little"),
    [
        (SPLIT, "spark", "", True),
        (SPLIT, "spark", "each: {max_depth: [2, 3, 4]}", True),
        (SPLIT, "spark", "each: {max_depth: [2, 3, 4, 5]}", False),
        (SPLIT, "local", "each: {max_depth: [2, 3, 4, 5]}", True),
        (SPLIT, "spark", "search: {max_depth: [2, 3]}", False),
        (WALK, "spark", "", False),
    ],
)
def test_few_small_models_are_recognized(
    tmp_path: Path, evaluation: str, backend: str, more: str, little: bool
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "market.yaml").write_text(MARKET)
    study = STUDY.format(evaluation=evaluation, backend=backend, more=more)
    (tmp_path / "studies/one.yaml").write_text(study)
    home = Home.open(tmp_path)
    assert _fits_little(home, list(home.studies().values())) is little


def test_small_models_are_not_few_rows_where_there_are_many_symbols(
    tmp_path: Path,
) -> None:
    (tmp_path / "studies").mkdir()
    names = [f"SYN{n:02}" for n in range(1, 31)]
    market = MARKET.replace("[SYN01, SYN02]", f"[{', '.join(names)}]")
    (tmp_path / "market.yaml").write_text(market)
    study = STUDY.format(evaluation=SPLIT, backend="spark", more="")
    (tmp_path / "studies/one.yaml").write_text(study)
    home = Home.open(tmp_path)
    assert _fits_little(home, list(home.studies().values())) is False
