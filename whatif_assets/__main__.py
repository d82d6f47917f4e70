"""The command ``whatif``, which handles signals before it imports slow modules."""

from __future__ import annotations

import os

from whatif_assets.orchestration.interruption import watch_for_signals


def main() -> None:
    """Run the command line."""
    watch_for_signals()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    from whatif_assets.command_line.cli import app

    app()


if __name__ == "__main__":
    main()
