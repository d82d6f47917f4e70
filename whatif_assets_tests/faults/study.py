"""The study whose runs are disturbed, and its home without any disturbance."""

from __future__ import annotations

from pathlib import Path

from whatif_assets_tests.living.tables import differences, tables_of

STUDY = """
market:
  source: sample
  symbols: [SYN01, SYN02]
  first_session: 2026-01-05
  last_session: 2026-01-16
features:
  - ema: {timeperiod: 5, relative_to: vwap}
label: {price: vwap, horizon: 5, kind: return}
evaluation: {method: split, train: 4, holdout: 2}
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    sweep: {threshold: [0.0001, 0.0002]}
  hold: {strategy: buy_and_hold, size: 100}
"""
LARGER = STUDY.replace("0.0002]", "0.0002, 0.0004]")
NAME = "small"


def write_study(folder: Path, text: str = STUDY) -> Path:
    """Write the study's file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.yaml"
    path.write_text(text)
    return path


def differ(home: Path, from_undisturbed: Path) -> list[str]:
    """List the tables of a home that differ from those of an undisturbed one."""
    return differences(tables_of(home), tables_of(from_undisturbed))
