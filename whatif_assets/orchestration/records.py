"""What Dagster is told of a partition: what it shows, and what it came from."""

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

# Hidden, since it is written once the partition is complete, when pictures are drawn.
SHOWN = ".shown.json"
NO_VERSION = NULL_DATA_VERSION.value


@dataclass(frozen=True)
class Result:
    """What one partition's work gives back for the record.

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
        Hashes of what it was computed from, by part, where the work alone finds out;
        otherwise they are as they were asked for before it.
    """

    rows: int
    data_version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] | None = None


def shown_values(metadata: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """Turn what a result has to show into what Dagster records, pictures drawn."""
    values = {name: as_metadata(value) for name, value in metadata.items()}
    return dict(normalize_metadata(values))


def keep_shown(lake: Lake, table: str, key: str, shown: Mapping[str, Any]) -> None:
    """Keep what is shown of a partition beside its data, for when it is reused."""
    text = serialize_value(dict(shown)) + "\n"
    lake.write_file(table, key, SHOWN, text.encode())


def kept_shown(lake: Lake, table: str, key: str) -> dict[str, Any]:
    """Read what was shown of a partition when it was computed; nothing if lost."""
    try:
        shown = deserialize_value(lake.read_file(table, key, SHOWN).decode())
    except (FileNotFoundError, ValueError, dg.DagsterError):
        return {}
    return dict(shown) if isinstance(shown, Mapping) else {}


@dataclass(frozen=True)
class Provenance:
    """What the records of one asset in one run say of their origin.

    Attributes
    ----------
    code_version
        Of the asset.
    inputs
        Tags that name the versions of what it depends on.
    """

    code_version: str
    inputs: Mapping[str, str]

    @classmethod
    def now(cls, instance: dg.DagsterInstance, spec: dg.AssetSpec) -> Provenance:
        """Note what an asset would read now; to be asked before the work reads.

        Dagster holds a partition against the latest record of its inputs up to a
        pointer. The pointer is the last record of all, so that whatever is recorded
        from now on counts as later.

        Parameters
        ----------
        instance
            The instance that has the records.
        spec
            Of the asset.
        """
        pointer = str(instance.event_log_storage.get_maximum_record_id() or 0)
        tags: dict[str, str] = {}
        for key in (dep.asset_key for dep in spec.deps):
            tags[get_input_event_pointer_tag(key)] = pointer
            # Of an input that has partitions, Dagster looks at the pointer alone.
            tags[get_input_data_version_tag(key)] = latest_version(instance, key)
        return cls(str(spec.code_version or ""), tags)

    def tags(self, data_version: str) -> dict[str, str]:
        """Tags of the record of something with this version."""
        return {
            DATA_VERSION_TAG: data_version,
            DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
            CODE_VERSION_TAG: self.code_version,
            **self.inputs,
        }


def latest_version(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None = None
) -> str:
    """Data version of the latest materialisation of an asset, or of a partition."""
    record = instance.get_latest_data_version_record(key, False, partition)
    version = record and extract_data_version_from_entry(record.event_log_entry)
    return version.value if version else NO_VERSION


def recorded_versions(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    kind: dg.DagsterEventType = dg.DagsterEventType.ASSET_MATERIALIZATION,
) -> dict[str, str]:
    """Data versions of the latest records of an asset's partitions, by partition.

    Parameters
    ----------
    instance
        The instance that has the records.
    key
        Of the asset.
    kind
        Of the records: materialisations or observations.
    """
    found = instance.event_log_storage.get_latest_tags_by_partition(
        key, kind, [DATA_VERSION_TAG]
    )
    return {partition: tags[DATA_VERSION_TAG] for partition, tags in found.items()}


def latest_records(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, int]:
    """Numbers of the latest records of an asset's partitions; later ones are higher."""
    storage, kind = (
        instance.event_log_storage,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
    )
    return dict(storage.get_latest_storage_id_by_partition(key, kind))


def now() -> str:
    """Return the time, UTC, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def as_metadata(value: Any) -> Any:
    """Turn a table or a picture into metadata; leave what Dagster knows as it is."""
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
    """Picture for the UI; what cannot be drawn says so, and the result is kept."""
    try:
        return picture_value(picture.png())
    except Exception as error:
        return f"could not be drawn: {type(error).__name__}: {error}"


def _plain(cell: Any) -> Any:
    """Number, text or None: what is missing is None."""
    if cell is None or cell is pd.NaT or cell is pd.NA or cell != cell:
        return None
    return cell if isinstance(cell, (int, float, bool)) else str(cell)
