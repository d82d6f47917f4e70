"""A state machine of a home: after any events it equals a fresh home."""

from __future__ import annotations

from whatif_assets_tests.living.of_bars import Bars
from whatif_assets_tests.living.of_files import Files
from whatif_assets_tests.living.of_studies import Studies
from whatif_assets_tests.living.of_the_ui import TheUI


class LivingHome(Bars, Studies, TheUI, Files):
    """A home, its user, and the world around them."""
