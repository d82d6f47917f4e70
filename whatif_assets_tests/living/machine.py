"""A home that lives: whatever happens to it, it ends up as a fresh one would."""

from __future__ import annotations

from whatif_assets_tests.living.of_bars import Bars
from whatif_assets_tests.living.of_files import Files
from whatif_assets_tests.living.of_studies import Studies
from whatif_assets_tests.living.of_the_ui import TheUI


class LivingHome(Bars, Studies, TheUI, Files):
    """A home, its user, and the world around them."""
