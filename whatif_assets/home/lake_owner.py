"""A lake at a URL belongs to one home, which says so in the lake."""

from __future__ import annotations

import functools
import secrets

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.files import Files, LocalFiles
from whatif_assets.home.home import Home
from whatif_assets.settings.market import MARKET_FILE

OWNER = "owner.txt"  # in the lake: the token of its home
TOKEN = ".lake_token"  # noqa: S105 - in the home's folder; it protects nothing secret


def claim_lake(home: Home) -> None:
    """Claim the lake at the home's URL, if it has one that nobody has claimed.

    Of two homes that claim a lake at once, one gets it. A home that is moved or copied
    takes its token along.

    Raises
    ------
    BadInput
        The lake belongs to another home.
    """
    if home.market.lake is None:
        return
    own = LocalFiles(home.path)
    own.create(TOKEN, secrets.token_hex(16).encode())
    if not _belongs(home.files, own.read(TOKEN)):
        raise BadInput(
            f"{home.path / MARKET_FILE}: lake: {home.market.lake} has the results of "
            "another home, which would mix with those of this one. Choose another URL."
        )


@functools.lru_cache(maxsize=100)
def _belongs(files: Files, token: bytes) -> bool:
    """Whether a lake belongs to the home with a token; claim it if nobody has."""
    files.create(OWNER, token)
    return files.read(OWNER) == token
