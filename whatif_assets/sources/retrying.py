"""Requests that are sent again after an error that may pass by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
PAUSES = (1, 4, 16)  # seconds before the second, third and fourth try
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500
# The clients' libraries have errors of these names, without a common class.
PASSING = {
    "ConnectionError",
    "MaxRetryError",
    "Timeout",
    "TimeoutError",
    "YFRateLimitError",
}


def with_retries(request: Callable[[], Answer]) -> Answer:
    """Send a request, and send it again while its error may pass by itself.

    Parameters
    ----------
    request
        Sends the request and returns the answer.

    Raises
    ------
    Exception
        The request's error: the last one, or the first that does not pass by itself.
    """
    for pause in PAUSES:
        try:
            return request()
        except Exception as error:
            if not may_pass(error):
                raise
        time.sleep(pause)
    return request()


def may_pass(error: Exception) -> bool:
    """Whether an error may pass by itself: no connection, or a service that is busy.

    A wrong key, a wrong request or an unknown symbol does not pass.
    """
    status = _status(error)
    if status is not None:
        return status == TOO_MANY_REQUESTS or status >= SERVER_ERROR
    return any(kind.__name__ in PASSING for kind in type(error).__mro__)


def _status(error: Exception) -> int | None:
    """Return the HTTP status of a client's error, if it has one."""
    response = getattr(error, "response", None)
    named = ((error, "http_status"), (error, "status_code"), (response, "status_code"))
    found = (getattr(owner, name, None) for owner, name in named)
    return next((status for status in found if isinstance(status, int)), None)
