"""Messages and log lines do not contain a secret in any form."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, quote_plus

import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_DAY
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.online import Online, OnlineOptions
from whatif_assets.sources.secrets import without_secrets

SECRET = "pk/live+7 &=\u00fc%secret"
OTHER = "second-half-of-it"


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "as it is": SECRET,
    "in an address": quote(SECRET, safe=""),
    "in an address, slashes kept": quote(SECRET),
    "in a form": quote_plus(SECRET),
    "in an address of lower case": quote(SECRET, safe="").lower(),
    "in an address twice": quote(quote(SECRET, safe=""), safe=""),
    "in base64": in_base64(SECRET),
    "in base64 for addresses": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "in base64 without the end": in_base64(SECRET).rstrip("="),
    "as a user": in_base64(f"{SECRET}:"),
    "as a user with a password": in_base64(f"{SECRET}:{OTHER}"),
    "in JSON": "pk/live+7 &=\\u00fc%secret",
}


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("VENDOR_API_KEY", SECRET)
    monkeypatch.setenv("VENDOR_SECRET", OTHER)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_removed_in_every_form(form):
    text = without_secrets(f"401 for https://vendor.test/bars?x={form}&y=1: refused")
    assert text == "401 for https://vendor.test/bars?x=<VENDOR_API_KEY>&y=1: refused"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /bars?apiKey=abcdefgh1&limit=5", "GET /bars?apiKey=<hidden>&limit=5"),
        ("GET /bars?api_key=abcdefgh1", "GET /bars?api_key=<hidden>"),
        (
            "{'Authorization': 'Bearer abcdefgh1'}",
            "{'Authorization': 'Bearer <hidden>'}",
        ),
        ("password=hunter2hunter2;", "password=<hidden>;"),
        ("bars of AAPL from 2018-03-01", "bars of AAPL from 2018-03-01"),
    ],
)
def test_a_secret_parameter_is_removed_even_if_no_variable_has_it(text, expected):
    assert without_secrets(text) == expected


def test_a_short_value_removes_no_word_from_a_text(monkeypatch):
    monkeypatch.setenv("SORT_KEY", "bars")
    assert without_secrets("no bars") == "no bars"


class Careless(Online):
    """A service whose client logs and raises its key."""

    name = "careless"
    module = "json"
    keys = ("VENDOR_API_KEY",)
    spans: ClassVar = {"1day": "day"}
    form: ClassVar[str] = ""

    def fetch(self, client, symbols, start, end, bar_size):
        logging.getLogger("vendor.client").warning("retrying ?apiKey=%s", self.form)
        raise ConnectionError(f"host vendor.test, url /bars?apiKey={self.form}")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_error_and_no_log_of_a_service_has_its_key(form, monkeypatch, caplog):
    monkeypatch.setattr(Careless, "form", form)
    source = Careless(OnlineOptions(symbols=("AAA",)), Path())
    day = pd.Timestamp("2018-03-01", tz="UTC")
    with pytest.raises(BadInput, match="failed with ConnectionError") as error:
        source.read(["AAA"], day, day + pd.Timedelta(1, "D"), ONE_DAY)
    for text in (str(error.value), caplog.text):
        assert form not in text
        assert "apiKey=<VENDOR_API_KEY>" in text
    assert error.value.__cause__ is None
