"""Random studies, keys and files are accepted or refused in words."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import check_study
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.price_bars import ingest
from whatif_assets.settings.market import Market
from whatif_assets.steps.ingest import SessionBars
from whatif_assets_tests.fuzz.mutations import keys, spoilt, studies
from whatif_assets_tests.sources.malformed import cases

SHARE = float(os.environ.get("WHATIF_FUZZ", "0.005"))  # of the full numbers
SECONDS_OF_A_HANG = 120
MOST_MEMORY = 1 << 20  # kilobytes
DAY = date(2018, 2, 20)


def examples(number: int) -> settings:
    return settings(
        max_examples=max(10, int(number * SHARE)),
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Let nothing be raised but bad input, and end the process if it hangs."""
    faulthandler.dump_traceback_later(SECONDS_OF_A_HANG, exit=True)
    try:
        yield
    except BadInput as error:
        assert 0 < len(str(error)) < 20_000
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module", autouse=True)
def _little_memory() -> Iterator[None]:
    """Fail if the tests of this module need more than a gigabyte."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert most - before < MOST_MEMORY


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@examples(10_000)
@given(text=studies())
def test_a_random_study_is_checked_or_refused(text, folder):
    path = folder / "random.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with in_words():
        check_study(path)


@examples(3_000)
@given(data=st.data())
def test_a_random_key_is_found_or_refused(data, finished_home):
    home = Home.open(finished_home)
    known = [c.key for s in home.studies().values() for c in home.configurations(s)]
    key = data.draw(keys(known))
    with in_words():
        home.find(key)


@examples(1_000)
@given(data=st.data())
def test_a_random_file_of_bars_is_read_or_refused(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    case = data.draw(st.sampled_from(CASES))
    options = case.write(folder)
    path = folder / case.file
    path.write_bytes(data.draw(spoilt(path.read_bytes())))
    with in_words():
        market = Market(
            source=case.source,
            path=options.pop("path", None),
            options=options,
            calendar="24/7" if case.source == "freqtrade" else "XNYS",
            first_session=DAY,
            last_session=DAY,
        )
        home = Home(folder, market)
        ingest(DAY.isoformat(), home, SessionBars(home, [DAY.isoformat()]))


CASES = cases()
