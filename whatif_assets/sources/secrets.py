"""Secrets of the environment, and texts without them in any form."""

from __future__ import annotations

import base64
import itertools
import json
import logging
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

# Variables that hold a secret whatever they are for, by their names.
NAMED = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
SHORTEST = 6  # a shorter one would take words out of texts
# What is given as a secret in an address or a header, such as ?apiKey=x.
GIVEN = re.compile(
    r"(?i)\b((?:api_?-?key|access_?-?token|token|secret|password|signature|"
    r"authorization)[\"']?\s*[=:]\s*[\"']?(?:(?:bearer|basic|token)\s+)?)"
    r"([^\s&\"',;<>)]{8,})"
)


def without_secrets(text: str, also: Collection[str] = ()) -> str:
    """Leave secrets out of a text.

    Parameters
    ----------
    text
        A message.
    also
        Variables of the environment that hold secrets, whatever their names.

    Returns
    -------
    str
        ``<NAME>`` where the value of a variable was: as it is, as it is written in an
        address (once or twice encoded), in JSON, and in base64, alone and as a part of
        ``key:secret``. ``<hidden>`` where something else was given as a key.
    """
    for form, name in _forms(_secrets(also)):
        text = re.sub(re.escape(form), f"<{name}>", text, flags=re.IGNORECASE)
    return GIVEN.sub(r"\1<hidden>", text)


@contextmanager
def logs_without_secrets(also: Collection[str] = ()) -> Iterator[None]:
    """Leave secrets out of whatever is logged meanwhile, by any library."""
    make = logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = make(*args, **kwargs)
        made.msg, made.args = without_secrets(made.getMessage(), also), None
        return made

    logging.setLogRecordFactory(record)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _secrets(also: Collection[str]) -> dict[str, str]:
    """Secrets of the environment by the names of their variables."""
    named = {name for name in os.environ if NAMED.search(name)}
    values = {name: os.environ.get(name, "").strip() for name in {*named, *also}}
    least = {name: 1 if name in also else SHORTEST for name in values}
    return {name: v for name, v in values.items() if len(v) >= least[name]}


def _forms(secrets: dict[str, str]) -> list[tuple[str, str]]:
    """Every form of every secret with its variable's name, the longest first."""
    forms: dict[str, str] = {}
    for name, value in secrets.items():
        for form in _encoded(value):
            forms.setdefault(form, name)
    for one, other in itertools.permutations(secrets, 2):
        forms |= dict.fromkeys(_in_base64(f"{secrets[one]}:{secrets[other]}"), one)
    return sorted(forms.items(), key=lambda form: -len(form[0]))


def _encoded(value: str) -> set[str]:
    once = {quote(value), quote(value, safe=""), quote_plus(value)}
    twice = {quote(form, safe="") for form in once}
    quoted = {json.dumps(value)[1:-1], repr(value)[1:-1]}
    with_colon = {
        form for text in (f"{value}:", f":{value}") for form in _in_base64(text)
    }
    return {value, *once, *twice, *quoted, *_in_base64(value), *with_colon} - {""}


def _in_base64(value: str) -> set[str]:
    """Base64 of a text, with and without what fills it up."""
    content = value.encode()
    forms = {base64.b64encode(content), base64.urlsafe_b64encode(content)}
    texts = {form.decode() for form in forms}
    return texts | {text.rstrip("=") for text in texts}
