"""What probes found of a partition, kept beside its data, also where it was refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from whatif_assets.domain.leaks.finding import Finding, refuse_leak
from whatif_assets.home.lake import Lake

FOUND = "probes.json"


class Gate:
    """Admits what is computed of one partition, and keeps what the probes found.

    From now on an earlier version of the partition is no longer complete, and what
    was found of it is forgotten.

    Parameters
    ----------
    lake, table, key
        The partition.
    """

    def __init__(self, lake: Lake, table: str, key: str) -> None:
        self._lake, self._table, self._key = lake, table, key
        self._found: list[Finding] = []
        lake.remove(table, key, FOUND)

    def admit(self, finding: Finding, where: str = "") -> None:
        """Keep a finding, and refuse a leak; ``where`` names the partition in words."""
        self.keep(finding)
        refuse_leak(finding, where)

    def keep(self, finding: Finding) -> None:
        """Keep a finding, whatever it says."""
        self._found.append(finding)
        content = _text(self._found).encode()
        self._lake.write_file(self._table, self._key, FOUND, content)


def kept_probes(lake: Lake, table: str, key: str) -> list[Finding]:
    """Read what probes found of a partition; nothing where nothing was probed."""
    try:
        rows = json.loads(lake.read_file(table, key, FOUND))
        return [_finding(**row) for row in rows]
    except (FileNotFoundError, TypeError, ValueError):
        return []


def _finding(ts: str | None, **values: Any) -> Finding:
    return Finding(**values, ts=None if ts is None else pd.Timestamp(ts))


def questions(lake: Lake, key: str) -> list[str]:
    """List what probes ask about a configuration, in whichever table."""
    found = [
        finding.reason
        for table in ("trained_models", "backtest_results")
        for finding in kept_probes(lake, table, key)
        if finding.asks and not finding.passed
    ]
    return list(dict.fromkeys(found))


def probed(lake: Lake, table: str) -> list[str]:
    """Keys of the partitions of a table that something was found of, refused or not."""
    return lake.keys_with(table, FOUND)


def _text(found: Sequence[Finding]) -> str:
    rows = [dataclasses.asdict(finding) for finding in found]
    return json.dumps(rows, indent=1, default=str) + "\n"
