"""Dagster's storage of runs and events in PostgreSQL, for several users and machines.

It is named in ``deploy/dagster.yaml``. The web server, the daemon and the code server
import it, and with it the project's corrections of Dagster, as they import
`whatif_assets.orchestration.storage` where the storage is SQLite.
"""

from __future__ import annotations

from dagster_postgres import DagsterPostgresStorage

from whatif_assets.orchestration.excluded_dates import leave_out_excluded_dates

leave_out_excluded_dates()


class PostgresStorage(DagsterPostgresStorage):  # type: ignore[misc]
    """Dagster's own storage in PostgreSQL, with the fields of its ``postgres_db``."""
