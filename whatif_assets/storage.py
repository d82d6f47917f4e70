"""Dagster's storage of runs and events, under the name used in ``dagster.yaml``."""

from whatif_assets.orchestration.storage import OpenSqliteStorage

__all__ = ["OpenSqliteStorage"]
