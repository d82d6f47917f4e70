"""Every malformed file causes one clear message, and nothing is written."""

from __future__ import annotations

from datetime import date

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.price_bars import ingest
from whatif_assets.settings.market import Market
from whatif_assets.steps.ingest import SessionBars
from whatif_assets_tests.sources.malformed import cases

CASES = cases()
DAY = date(2018, 2, 20)


def test_there_are_at_least_300_malformed_files_over_all_file_sources():
    assert len({case.id for case in CASES}) == len(CASES) >= 300
    sources = {case.source for case in CASES}
    assert sources == {"csv", "lean", "freqtrade", "parquet", "duckdb"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_malformed_file_is_one_message_and_nothing_is_written(case, tmp_path):
    options = case.write(tmp_path)
    calendar = "24/7" if case.source == "freqtrade" else "XNYS"
    market = Market(
        source=case.source,
        path=options.pop("path", None),
        options=options,
        calendar=calendar,
        first_session=DAY,
        last_session=DAY,
    )
    home = Home(tmp_path, market)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput) as error:
        ingest(DAY.isoformat(), home, SessionBars(home, [DAY.isoformat()]))
    message = str(error.value)
    assert case.file.rpartition("/")[2] in message or case.source in message
    assert error.match(f"(?s){case.names}")
    assert len(message) < 1000
    assert sorted(tmp_path.rglob("*")) == before
