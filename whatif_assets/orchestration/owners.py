"""Who owns the jobs of a home, as the UI shows it."""

from __future__ import annotations

import os

VARIABLE = "WHATIF_OWNERS"
DEFAULT = "team:quants"


def owners() -> list[str]:
    """Return the owners: those in ``WHATIF_OWNERS``, separated by commas.

    An owner is an e-mail address, or a team as ``team:name``.
    """
    named = os.environ.get(VARIABLE, "").split(",")
    return [owner.strip() for owner in named if owner.strip()] or [DEFAULT]
