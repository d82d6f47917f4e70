"""The storage of Dagster's history, under the name that ``dagster.yaml`` gives it."""

from whatif_assets.orchestration.storage import OpenSqliteStorage

__all__ = ["OpenSqliteStorage"]
