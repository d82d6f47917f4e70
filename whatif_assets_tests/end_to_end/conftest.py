"""Fixtures of the tests of the whole chain: a study of real minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import no_pictures

ROOT = Path(__file__).parents[2]
# All 29 take seven times as long, and go the same ways.
SYMBOLS = ["AAPL", "BA", "BRK.B", "CAT"]


@pytest.fixture(scope="session")
def minutes_study(market_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the study of real minutes with the path of the available data."""
    text = (ROOT / "docs/studies/us_minutes.yaml").read_text()
    bars = (market_data / "us1m_2018_av.parquet").resolve()
    study = tmp_path_factory.mktemp("minutes") / "us_minutes.yaml"
    there = f"{bars}\n  symbols: [{', '.join(SYMBOLS)}]"
    study.write_text(
        text.replace("../../../shared/market_data/us1m_2018_av.parquet", there)
    )
    return study


@pytest.fixture(scope="session")
def minutes_by_command_line(
    minutes_study: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a home in which the study of real minutes was run; tests only read it."""

    def make(folder: Path) -> None:
        with no_pictures():
            assert run_studies(folder / "home", str(minutes_study))

    return made_once(tmp_path_factory, "minutes", make) / "home"
