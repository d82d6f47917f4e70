"""What ``import whatif_assets as wi`` offers, and the module of each name.

This module imports nothing, so that ``import whatif_assets`` stays fast: a name is
imported when it is first used.
"""

NAMES = {
    "BadInput": "whatif_assets.domain.base.errors",
    "RunFailed": "whatif_assets.python.running",
    "ask": "whatif_assets.python.running",
    "backtest": "whatif_assets.python.one_rule",
    "open": "whatif_assets.python.opened",
    "run": "whatif_assets.python.running",
    "study": "whatif_assets.python.studies",
}
