"""GraphQL queries on a home and an instance in this process, as the UI shows them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG as RANGE_END,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_START_TAG as RANGE_START,
)
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_graphql.test.utils import execute_dagster_graphql

STATES = """
{ assetNodes {
    assetKey { path } isPartitioned partitionKeys isMaterializable
    staleStatus
} }
"""
OF_PARTITIONS = """
query ($asset: AssetKeyInput!, $keys: [String!]) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    staleStatusByPartition(partitions: $keys)
  } }
}
"""
CAUSES = """
query ($asset: AssetKeyInput!, $key: String) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    staleCauses(partition: $key) { key { path } reason }
  } }
}
"""
CHECKS = """
query ($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    assetChecksOrError { ... on AssetChecks { checks {
      name executionForLatestMaterialization { status }
    } } }
  } }
}
"""


class Shown:
    """What the UI would show of a home.

    Parameters
    ----------
    home
        A home that has been set up.
    instance
        The instance that has its records.
    """

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self._origin = LoadableTargetOrigin(
            executable_path=sys.executable, python_file=str(home / "definitions.py")
        )
        self._instance = instance

    @contextmanager
    def _workspace(self) -> Iterator[Any]:
        with in_process_test_workspace(self._instance, self._origin) as context:
            yield context

    def stale(self) -> dict[str, dict[str, str]]:
        """Partitions of each asset that are not fresh, with their status.

        A partition without a name, where an asset has none, is the empty string.
        """
        found: dict[str, dict[str, str]] = {}
        with self._workspace() as context:
            nodes = _ask(context, STATES)
            assert nodes, "the definitions of the home cannot be loaded"
            for node in nodes:
                if not node["isMaterializable"]:
                    continue
                name = "/".join(node["assetKey"]["path"])
                states = {"": node["staleStatus"]}
                if node["isPartitioned"]:
                    keys = node["partitionKeys"]
                    asset = {"path": node["assetKey"]["path"]}
                    answer = _ask(context, OF_PARTITIONS, asset=asset, keys=keys)
                    states = dict(zip(keys, answer["staleStatusByPartition"]))
                states = {key: one for key, one in states.items() if one != "FRESH"}
                if states:
                    found[name] = states
        return found

    def causes(self, asset: str, key: str | None = None) -> list[str]:
        """Why an asset, or a partition of it, is stale: the first causes."""
        with self._workspace() as context:
            answer = _ask(context, CAUSES, asset={"path": [asset]}, key=key)
        return [
            f"{'/'.join(one['key']['path'])} {one['reason']}"
            for one in answer["staleCauses"]
        ]

    def checks(self, asset: str) -> dict[str, str]:
        """Status of each check of an asset; those that never ran have none."""
        with self._workspace() as context:
            answer = _ask(context, CHECKS, asset={"path": [asset]})
        return {
            check["name"]: check["executionForLatestMaterialization"]["status"]
            for check in answer["assetChecksOrError"]["checks"]
            if check["executionForLatestMaterialization"]
        }


def _ask(context: Any, query: str, **variables: Any) -> Any:
    result = execute_dagster_graphql(context, query, variables)
    assert not result.errors, result.errors
    (field,) = result.data.values()
    return field


LAUNCH = """
mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
  __typename
  ... on LaunchRunSuccess { run { id } }
  ... on Error { message }
} }
"""
ADD_PARTITION = """
mutation ($repository: RepositorySelector!, $name: String!, $key: String!) {
  addDynamicPartition(
    repositorySelector: $repository, partitionsDefName: $name, partitionKey: $key
  ) { __typename ... on PythonError { message } }
}
"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
# Runs are launched in this process, and have ended when the launch returns.
HERE = {
    "run_coordinator": {
        "module": "dagster._core.run_coordinator",
        "class": "DefaultRunCoordinator",
    },
    "run_launcher": {
        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
        "class": "SyncInMemoryRunLauncher",
    },
}


class Asked(Shown):
    """What the UI would do for its user: register partitions, launch jobs.

    The instance has to launch runs `HERE`.
    """

    def add_partitions(self, name: str, keys: Sequence[str]) -> None:
        """Add partitions, as the dialogue of the UI does."""
        with self._workspace() as context:
            for key in keys:
                place = _repository(context)
                answer = _ask(
                    context, ADD_PARTITION, repository=place, name=name, key=key
                )
                assert answer["__typename"] == "AddDynamicPartitionSuccess", answer

    def launch(
        self, job: str, first: str | None = None, last: str | None = None
    ) -> str:
        """Launch a job over no partition or a range of them; return the run's status."""
        tags = {} if first is None else {RANGE_START: first, RANGE_END: last or first}
        with self._workspace() as context:
            parameters = {
                "selector": {**_repository(context), "jobName": job},
                "mode": "default",
                "executionMetadata": {
                    "tags": [{"key": k, "value": v} for k, v in tags.items()]
                },
            }
            answer = _ask(context, LAUNCH, parameters=parameters)
            assert answer["__typename"] == "LaunchRunSuccess", answer
            return str(_ask(context, STATUS, run=answer["run"]["id"])["status"])


def _repository(context: Any) -> dict[str, str]:
    """Name the only repository of a workspace."""
    (location,) = context.code_locations
    (repository,) = location.get_repositories()
    return {
        "repositoryName": repository,
        "repositoryLocationName": location.name,
    }
