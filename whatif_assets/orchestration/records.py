"""Dagster's records of a partition: the metadata it shows, and its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pandas as pd

from whatif_assets.home.lake import Lake
from whatif_assets.orchestration.dagster_private import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NULL_DATA_VERSION,
    deserialize_value,
    extract_data_version_from_entry,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
    normalize_metadata,
    serialize_value,
)
from whatif_assets.orchestration.page_link import picture_value
from whatif_assets.report.drawing import Picture

# A hidden file: it is written after the partition is complete, with its pictures drawn.
SHOWN = ".shown.json"
NO_VERSION = NULL_DATA_VERSION.value


@dataclass(frozen=True)
class Result:
    """Result of the work on one partition, as it is recorded.

    Attributes
    ----------
    rows
        Rows written.
    data_version
        Hash of the content written.
    metadata
        Values for the UI: numbers, text, tables (DataFrame) and pictures
        (:class:`whatif_assets.report.drawing.Picture`).
    details
        Values for the manifest, where later steps read them.
    inputs
        Hashes of what the partition was computed from, by part. None where the hashes
        taken before the work hold; set where only the work knows what it reads.
    """

    rows: int
    data_version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] | None = None


def metadata_values(metadata: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """Convert the metadata of a result to Dagster's values, and draw its pictures."""
    values = {name: as_metadata(value) for name, value in metadata.items()}
    return dict(normalize_metadata(values))


def store_metadata(lake: Lake, table: str, key: str, shown: Mapping[str, Any]) -> None:
    """Store the metadata of a partition next to its data, for when it is reused."""
    text = serialize_value(dict(shown)) + "\n"
    lake.write_file(table, key, SHOWN, text.encode())


def stored_metadata(lake: Lake, table: str, key: str) -> dict[str, Any]:
    """Read the stored metadata of a partition; empty if it is lost or unreadable."""
    try:
        shown = deserialize_value(lake.read_file(table, key, SHOWN).decode())
    except (FileNotFoundError, ValueError, dg.DagsterError):
        return {}
    return dict(shown) if isinstance(shown, Mapping) else {}


@dataclass(frozen=True)
class Provenance:
    """Origin of the records of one asset in one run.

    Attributes
    ----------
    code_version
        Code version of the asset.
    inputs
        Tags with the versions of the assets it depends on.
    """

    code_version: str
    inputs: Mapping[str, str]

    @classmethod
    def now(cls, instance: dg.DagsterInstance, spec: dg.AssetSpec) -> Provenance:
        """Capture the versions that an asset would read now.

        Call it before the work reads anything. Dagster compares a partition with the
        latest record of its inputs up to a pointer. The pointer is the last record in
        the event log, so that everything recorded from now on counts as later.

        Parameters
        ----------
        instance
            The instance that has the records.
        spec
            The asset.
        """
        pointer = str(instance.event_log_storage.get_maximum_record_id() or 0)
        tags: dict[str, str] = {}
        for key in (dep.asset_key for dep in spec.deps):
            tags[get_input_event_pointer_tag(key)] = pointer
            # For an input with partitions, Dagster reads only the pointer.
            tags[get_input_data_version_tag(key)] = latest_version(instance, key)
        return cls(str(spec.code_version or ""), tags)

    def tags(self, data_version: str) -> dict[str, str]:
        """Return the tags of a record with this data version."""
        return {
            DATA_VERSION_TAG: data_version,
            DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
            CODE_VERSION_TAG: self.code_version,
            **self.inputs,
        }


def latest_version(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None = None
) -> str:
    """Return the data version of the latest materialisation.

    Parameters
    ----------
    instance
        The instance that has the records.
    key
        The asset.
    partition
        One of its partitions; None for the asset as a whole.

    Returns
    -------
    str
        The version; `NO_VERSION` where nothing is recorded.
    """
    record = instance.get_latest_data_version_record(key, False, partition)
    version = record and extract_data_version_from_entry(record.event_log_entry)
    return version.value if version else NO_VERSION


def recorded_versions(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    kind: dg.DagsterEventType = dg.DagsterEventType.ASSET_MATERIALIZATION,
) -> dict[str, str]:
    """Return the data versions of an asset's latest records, by partition.

    Parameters
    ----------
    instance
        The instance that has the records.
    key
        The asset.
    kind
        The kind of record: materialisation or observation.
    """
    found = instance.event_log_storage.get_latest_tags_by_partition(
        key, kind, [DATA_VERSION_TAG]
    )
    return {partition: tags[DATA_VERSION_TAG] for partition, tags in found.items()}


def latest_records(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, int]:
    """Return the ids of an asset's latest records, by partition; ids grow with time."""
    storage, kind = (
        instance.event_log_storage,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
    )
    return dict(storage.get_latest_storage_id_by_partition(key, kind))


def now() -> str:
    """Return the current time in UTC, to the second, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def as_metadata(value: Any) -> Any:
    """Convert a table or a picture to metadata; return other values unchanged."""
    if isinstance(value, Picture):
        return _drawn(value)
    if not isinstance(value, pd.DataFrame):
        return value
    if value.empty:
        return "no rows"
    names = [str(name) for name in value.columns]
    rows = zip(*(column.tolist() for _, column in value.items()))
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(zip(names, map(_plain, row)))) for row in rows]
    )


def _drawn(picture: Picture) -> Any:
    """Draw a picture for the UI; return the reason as text where drawing fails."""
    try:
        return picture_value(picture.png())
    except Exception as error:
        return f"could not be drawn: {type(error).__name__}: {error}"


def _plain(cell: Any) -> Any:
    """Convert a cell to a number, a text, or None where it is missing."""
    if cell is None or cell is pd.NaT or cell is pd.NA or cell != cell:
        return None
    return cell if isinstance(cell, (int, float, bool)) else str(cell)
