"""Private parts of Dagster that the project uses, and that may change in any release.

No other module imports a Dagster module whose name begins with an underscore. If an
upgrade breaks one of these imports, find the name in the new version, change it here,
and run ``whatif_assets_tests/orchestration``. Then raise the upper bound of dagster in
``setup.cfg``.
"""

from __future__ import annotations

from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NULL_DATA_VERSION,
    extract_data_version_from_entry,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.metadata import normalize_metadata
from dagster._core.definitions.selector import PartitionsByAssetSelector
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import ASSET_EVENTS, AssetMaterializationPlannedData
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.instance.ref import InstanceRef, compute_logs_directory
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import (
    SqliteScheduleStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
)
from dagster._serdes import ConfigurableClassData, deserialize_value, serialize_value

__all__ = [
    "ASSET_EVENTS",
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "BACKFILL_ID_TAG",
    "CODE_VERSION_TAG",
    "DATA_VERSION_IS_USER_PROVIDED_TAG",
    "DATA_VERSION_TAG",
    "INDEX_SHARD_NAME",
    "NULL_DATA_VERSION",
    "PARTITION_NAME_TAG",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "AssetBackfillData",
    "AssetMaterializationPlannedData",
    "BaseAssetGraph",
    "BulkActionStatus",
    "BulkActionsFilter",
    "CapturedLogContext",
    "ConfigurableClassData",
    "DagsterExecutionInterruptedError",
    "DagsterSqliteStorage",
    "EventLogEntry",
    "InstanceRef",
    "LocalComputeLogManager",
    "PartitionsByAssetSelector",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "SqliteRunStorage",
    "SqliteScheduleStorage",
    "_event_logs_directory",
    "_runs_directory",
    "_schedule_directory",
    "compute_logs_directory",
    "deserialize_value",
    "extract_data_version_from_entry",
    "get_input_data_version_tag",
    "get_input_event_pointer_tag",
    "normalize_metadata",
    "serialize_value",
]
