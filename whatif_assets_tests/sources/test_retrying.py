"""Requests are sent again after errors that may pass by themselves, and no others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import requests

from whatif_assets.domain.bars.bar_size import ONE_DAY
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import retrying
from whatif_assets.sources.online import Online, OnlineOptions


class Refused(Exception):
    def __init__(self, status: int) -> None:
        self.http_status = status


def answered(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


class Flaky(Online):
    """A source whose requests fail with the given errors, one after the other."""

    name, module, spans = "flaky", "json", {"1day": "1d"}

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__(OnlineOptions(symbols=("A",)), Path())
        self.errors = errors

    def fetch(self, *_: object) -> list[pd.DataFrame]:
        if self.errors:
            raise self.errors.pop(0)
        return []


@pytest.fixture
def pauses(monkeypatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(retrying.time, "sleep", found.append)
    return found


def read(source: Flaky) -> pd.DataFrame:
    day = pd.Timestamp("2026-01-05", tz="UTC")
    return source.read(["A"], day, day + pd.Timedelta(days=1), ONE_DAY)


def test_what_passes_by_itself_is_waited_for(pauses):
    errors = [requests.ConnectionError(), TimeoutError(), answered(503)]
    assert read(Flaky(errors)).empty
    assert pauses == [1, 4, 16]


@pytest.mark.parametrize(
    "error", [Refused(401), answered(404), ValueError("x"), FileNotFoundError("x")]
)
def test_what_does_not_pass_is_told_at_once(pauses, error):
    with pytest.raises(BadInput, match=f"failed with {type(error).__name__}"):
        read(Flaky([error]))
    assert pauses == []


def test_there_is_an_end_to_it(pauses):
    source = Flaky([Refused(429)] * 5)
    with pytest.raises(BadInput, match="failed with Refused"):
        read(source)
    assert len(pauses) == 3 and len(source.errors) == 1
