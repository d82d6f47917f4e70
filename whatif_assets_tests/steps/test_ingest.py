"""Sessions that are read in stretches, and ahead, equal those that are read alone."""

from __future__ import annotations

import threading
import time

import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.settings.market import Market
from whatif_assets.steps.ingest import SessionBars

MARKET = """\
source: sample
symbols: [SYN01, SYN02]
calendar: XNYS
first_session: 2024-01-02
last_session: 2024-01-23
base_bar: 1min
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(Market, "sessions_at_a_time", lambda *_: 3)
    (tmp_path / "market.yaml").write_text(MARKET)
    return Home.open(tmp_path)


def keys_of(home):
    return [day.isoformat() for day in home.market.sessions.dates()]


def read(home, keys, wanted=None):
    bars = SessionBars(home, keys)
    return {key: bars.of(key) for key in wanted or keys}


@pytest.mark.parametrize(
    "left_out", [(), (4,), (2, 3), (0, 1, 2, 3, 4, 5, 6), (7, 9, 11, 13)]
)
def test_each_session_is_what_it_is_alone(home, left_out):
    keys = keys_of(home)
    wanted = [key for n, key in enumerate(keys) if n not in left_out]
    for key, load in read(home, keys, wanted).items():
        (alone,) = read(home, [key]).values()
        pd.testing.assert_frame_equal(load.bars, alone.bars)
        assert load.content == alone.content
        assert (load.report, load.findings) == (alone.report, alone.findings)


@pytest.mark.parametrize("left_out", [(), (3, 5), (1, 2, 6, 7)])
def test_one_thread_at_a_time_reads_a_source(home, left_out, monkeypatch):
    reading, together = threading.Lock(), []
    load = SessionBars._load

    def slowly(self, *arguments):
        together.append(not reading.acquire(blocking=False))
        try:
            time.sleep(0.01)
            return load(self, *arguments)
        finally:
            if not together[-1]:
                reading.release()

    monkeypatch.setattr(SessionBars, "_load", slowly)
    keys = keys_of(home)
    read(home, keys, [key for n, key in enumerate(keys) if n not in left_out])
    assert len(together) > 3
    assert not any(together)


def test_a_fault_ahead_is_told_with_its_own_session(home, monkeypatch):
    keys = keys_of(home)
    load, faulty = SessionBars._load, pd.Timestamp(keys[7]).date()

    def fail(self, first, last, symbols=()):
        if first <= faulty <= last:
            raise BadInput(f"a fault between {first} and {last}")
        return load(self, first, last, symbols)

    monkeypatch.setattr(SessionBars, "_load", fail)
    bars, told = SessionBars(home, keys), []
    for key in keys:
        try:
            assert len(bars.of(key).bars)
        except BadInput:
            told.append(key)
    assert told == [keys[7]]
