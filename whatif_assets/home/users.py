"""Who runs something: a name that is written down with what they do."""

from __future__ import annotations

import getpass
import os

VARIABLE = "WHATIF_USER"
LONGEST = 60  # characters


def user_name() -> str:
    """Return the name of who runs this process; empty if the system knows none.

    It is the environment variable ``WHATIF_USER``, which a service sets for the person
    whom it works for, or else the user's name in the operating system. White space is
    one space, and long names are cut off.
    """
    name = os.environ.get(VARIABLE, "")
    if not name.strip():
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # a container may have no names of users
            name = ""
    return " ".join(name.split())[:LONGEST]
