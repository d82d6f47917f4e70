"""Removing secrets of environment variables from messages and log lines."""

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

# Environment variables whose name shows that the value is a secret.
NAMED = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
SHORTEST = 6  # replacing a shorter secret would remove ordinary words
# A secret in an address or a header, such as ?apiKey=x.
PARAMETER = re.compile(
    r"(?i)\b((?:api_?-?key|access_?-?token|token|secret|password|signature|"
    r"authorization)[\"']?\s*[=:]\s*[\"']?(?:(?:bearer|basic|token)\s+)?)"
    r"([^\s&\"',;<>)]{8,})"
)


def without_secrets(text: str, also: Collection[str] = ()) -> str:
    """Replace the secrets in a text.

    Parameters
    ----------
    text
        A message.
    also
        Further environment variables whose values are secrets.

    Returns
    -------
    str
        The text with ``<NAME>`` in place of the value of variable NAME. Replaced are
        the plain value and its forms in an address (encoded once or twice), in JSON
        and in base64, also as a part of ``key:secret``. Any other value of a parameter
        such as ``apiKey=`` becomes ``<hidden>``.
    """
    for form, name in _forms(_secrets(also)):
        text = re.sub(re.escape(form), f"<{name}>", text, flags=re.IGNORECASE)
    return PARAMETER.sub(r"\1<hidden>", text)


@contextmanager
def logs_without_secrets(also: Collection[str] = ()) -> Iterator[None]:
    """Replace the secrets in all log records made in the block, by any library."""
    make = logging.getLogRecordFactory()

    def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = make(*args, **kwargs)
        made.msg, made.args = without_secrets(made.getMessage(), also), None
        return made

    logging.setLogRecordFactory(_record)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _secrets(also: Collection[str]) -> dict[str, str]:
    """Return the secrets in environment variables, by variable name."""
    named = {name for name in os.environ if NAMED.search(name)}
    values = {name: os.environ.get(name, "").strip() for name in {*named, *also}}
    least = {name: 1 if name in also else SHORTEST for name in values}
    return {name: v for name, v in values.items() if len(v) >= least[name]}


def _forms(secrets: dict[str, str]) -> list[tuple[str, str]]:
    """List all forms of the secrets with the variable name, longest form first."""
    forms: dict[str, str] = {}
    for name, value in secrets.items():
        for form in _encoded(value):
            forms.setdefault(form, name)
    for user, password in itertools.permutations(secrets, 2):
        pair = f"{secrets[user]}:{secrets[password]}"
        forms |= dict.fromkeys(_in_base64(pair), user)
    return sorted(forms.items(), key=lambda form: -len(form[0]))


def _encoded(value: str) -> set[str]:
    """Return the forms in which a value may appear in a text."""
    once = {quote(value), quote(value, safe=""), quote_plus(value)}
    twice = {quote(form, safe="") for form in once}
    quoted = {json.dumps(value)[1:-1], repr(value)[1:-1]}
    with_colon = {
        form for text in (f"{value}:", f":{value}") for form in _in_base64(text)
    }
    return {value, *once, *twice, *quoted, *_in_base64(value), *with_colon} - {""}


def _in_base64(value: str) -> set[str]:
    """Return the base64 forms of a text, with and without padding."""
    content = value.encode()
    forms = {base64.b64encode(content), base64.urlsafe_b64encode(content)}
    texts = {form.decode() for form in forms}
    return texts | {text.rstrip("=") for text in texts}
