"""What is compiled after an installation is what runs need."""

from __future__ import annotations

from pathlib import Path

from whatif_assets.command_line.studies import run_studies
from whatif_assets.engines.compile_once import compile_engines
from whatif_assets.engines.compiled.compiling import one_by_one, side_by_side
from whatif_assets.engines.portfolio.compiling import ranking_of, run_alike

ENTRIES = (one_by_one, side_by_side, ranking_of, run_alike)
STUDY = """
market:
  source: sample
  symbols: [SYN01, SYN02]
  first_session: 2026-01-05
  last_session: 2026-01-16
evaluation: {method: split, train: 6}
configurations:
  cross:
    strategy: ema_cross
    sweep: {fastperiod: [2, 3, 4, 5, 6, 7, 8, 9], slowperiod: [20]}
  ranks: {strategy: rank_long_short, score: {roc: {timeperiod: 5}}, sweep: {count: [1]}}
"""


def test_a_study_compiles_no_engine_again(tmp_path: Path, undrawn: None) -> None:
    compile_engines()
    compiled = [list(entry.signatures) for entry in ENTRIES]
    assert all(len(signatures) == 1 for signatures in compiled)
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    assert run_studies(tmp_path / "home", str(path))
    assert [list(entry.signatures) for entry in ENTRIES] == compiled
