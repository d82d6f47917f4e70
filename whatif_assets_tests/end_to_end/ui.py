"""A running Dagster UI, and a client that sends the requests of a user."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS_TO_START = 180.0
SECONDS_TO_STOP = 15.0
SECONDS_BETWEEN_LOOKS = 0.5
REPOSITORY = "__repository__"
ALL_ASSETS = "__ASSET_JOB"
PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
FINISHED_RUN = {"SUCCESS", "FAILURE", "CANCELED"}
FINISHED_BACKFILL = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}

LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus
    locationOrLoadError { __typename ... on PythonError { message } }
} } } }
"""
PARTITION_KEYS = """
query ($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode { partitionKeys } }
}
"""
RECORDED = """
query ($asset: AssetKeyInput!, $keys: [String!]) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    latestMaterializationByPartition(partitions: $keys) { partition runId }
  } }
}
"""
ASSETS = "{ assetNodes { assetKey { path } } }"
RUN = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }
"""
REASONS = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run {
  eventConnection { events { ... on ExecutionStepFailureEvent {
    error { message } failureMetadata { description }
  } } }
} } }
"""
BACKFILL = """
query ($backfill: String!) { partitionBackfillOrError(backfillId: $backfill) {
  ... on PartitionBackfill { status runs { id } error { message } }
} }
"""
ADD_PARTITION = """
mutation ($repository: RepositorySelector!, $name: String!, $key: String!) {
  addDynamicPartition(
    repositorySelector: $repository, partitionsDefName: $name, partitionKey: $key
  ) { __typename ... on PythonError { message } }
}
"""
REMOVE_PARTITIONS = """
mutation ($repository: RepositorySelector!, $name: String!, $keys: [String!]!) {
  deleteDynamicPartitions(
    repositorySelector: $repository, partitionsDefName: $name, partitionKeys: $keys
  ) { __typename ... on PythonError { message } }
}
"""
LAUNCH_RUN = """
mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
  __typename
  ... on LaunchRunSuccess { run { id } }
  ... on Error { message }
} }
"""
LAUNCH_BACKFILL = """
mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}
"""


class UiError(Exception):
    """An error response of the UI."""


@dataclass(frozen=True)
class Ui:
    """A client of a running UI that shows one home.

    Attributes
    ----------
    url
        Address of the web server.
    location
        Name of the code location in the workspace.
    prefix
        The market's name, where it has one: it prefixes asset keys.
    """

    url: str
    location: str
    prefix: str = ""

    def ask(self, query: str, **variables: Any) -> Any:
        """Send a GraphQL query; return the one field that it asks for."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as refusal:
            raise UiError(refusal.read().decode()) from None
        if answer.get("errors"):
            raise UiError(answer["errors"][0]["message"])
        (field,) = answer["data"].values()
        return field

    def load_errors(self) -> dict[str, str]:
        """Say why code locations did not load, by name."""
        entries = self.ask(LOCATIONS)["locationEntries"]
        loaded = {entry["name"]: entry["locationOrLoadError"] for entry in entries}
        return {
            name: found["message"]
            for name, found in loaded.items()
            if found["__typename"] == "PythonError"
        }

    def assets(self) -> set[str]:
        """Keys of all assets of the workspace, their parts joined by a slash."""
        return {"/".join(node["assetKey"]["path"]) for node in self.ask(ASSETS)}

    def partition_keys(self, asset: str) -> list[str]:
        """Partition keys of an asset."""
        return list(self.ask(PARTITION_KEYS, asset=self._key(asset))["partitionKeys"])

    def recorded(self, asset: str) -> dict[str, str]:
        """Partitions of an asset that are materialised, and the latest run of each."""
        keys = self.partition_keys(asset)
        node = self.ask(RECORDED, asset=self._key(asset), keys=keys)
        found = node["latestMaterializationByPartition"]
        return {each["partition"]: each["runId"] for each in found if each}

    def add_partition(self, key: str) -> None:
        """Add a configuration by hand, as the dialogue of the UI does."""
        answer = self.ask(ADD_PARTITION, **self._configurations(), key=key)
        if answer["__typename"] != "AddDynamicPartitionSuccess":
            raise UiError(answer.get("message", answer["__typename"]))

    def remove_partition(self, key: str) -> None:
        """Remove a configuration, as the dialogue of the UI does."""
        answer = self.ask(REMOVE_PARTITIONS, **self._configurations(), keys=[key])
        if answer["__typename"] != "DeleteDynamicPartitionsSuccess":
            raise UiError(answer.get("message", answer["__typename"]))

    def _configurations(self) -> dict[str, Any]:
        """Name the partitions of the configurations."""
        name = f"{self.prefix}_configurations" if self.prefix else "configurations"
        return {"repository": self._repository(), "name": name}

    def launch(
        self, assets: Sequence[str], first: str | None = None, last: str | None = None
    ) -> str:
        """Launch a run of assets over no, one or a range of partitions.

        Returns the run's id. A run is accepted whatever its keys are; whether
        they exist shows when it has finished.
        """
        tags = {PARTITION: first} if first else {}
        if last:
            tags = {RANGE_START: first, RANGE_END: last}
        parameters = {
            "selector": {
                "repositoryName": REPOSITORY,
                "repositoryLocationName": self.location,
                "jobName": ALL_ASSETS,
                "assetSelection": [self._key(asset) for asset in assets],
            },
            "mode": "default",
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in tags.items()]
            },
        }
        answer = self.ask(LAUNCH_RUN, parameters=parameters)
        if answer["__typename"] != "LaunchRunSuccess":
            raise UiError(answer.get("message", answer["__typename"]))
        return str(answer["run"]["id"])

    def backfill(self, assets: Sequence[str], keys: Sequence[str]) -> str:
        """Launch a backfill of assets over partitions; return the backfill's id."""
        parameters = {
            "assetSelection": [self._key(asset) for asset in assets],
            "partitionNames": list(keys),
        }
        answer = self.ask(LAUNCH_BACKFILL, parameters=parameters)
        if answer["__typename"] != "LaunchBackfillSuccess":
            raise UiError(answer.get("message", answer["__typename"]))
        return str(answer["backfillId"])

    def finish_run(self, run: str, seconds: float = 300.0) -> str:
        """Wait for a run to end; return its status."""
        return str(
            wait_for(
                lambda: self._status_of_run(run), seconds, f"run {run} did not end"
            )
        )

    def finish_backfill(self, backfill: str, seconds: float = 450.0) -> str:
        """Wait for a backfill to be closed by the daemon; return its status."""
        return str(
            wait_for(
                lambda: self._status_of_backfill(backfill),
                seconds,
                f"backfill {backfill} did not end",
            )
        )

    def runs_of(self, backfill: str, seconds: float = 180.0) -> list[str]:
        """Wait for the daemon to launch a backfill's runs; return their ids."""
        return list(
            wait_for(
                lambda: self._runs_of(backfill),
                seconds,
                f"backfill {backfill} launched no run",
            )
        )

    def reasons(self, run: str) -> str:
        """Say why the steps of a run failed, as the UI shows it."""
        events = self.ask(REASONS, run=run)["eventConnection"]["events"]
        failures = [event for event in events if event.get("error")]
        return "\n".join(
            (failure["failureMetadata"] or {}).get("description")
            or failure["error"]["message"]
            for failure in failures
        )

    def _key(self, asset: str) -> dict[str, list[str]]:
        return {"path": [*([self.prefix] if self.prefix else []), asset]}

    def _repository(self) -> dict[str, str]:
        return {"repositoryName": REPOSITORY, "repositoryLocationName": self.location}

    def _status_of_run(self, run: str) -> str | None:
        status = self.ask(RUN, run=run)["status"]
        return status if status in FINISHED_RUN else None

    def _runs_of(self, backfill: str) -> list[str]:
        found = self.ask(BACKFILL, backfill=backfill)
        if found["status"] == "FAILED":
            raise UiError((found["error"] or {}).get("message", "backfill failed"))
        return [run["id"] for run in found["runs"]]

    def _status_of_backfill(self, backfill: str) -> str | None:
        status = self.ask(BACKFILL, backfill=backfill)["status"]
        return status if status in FINISHED_BACKFILL else None


def wait_for(
    look: Callable[[], Any], seconds: float, otherwise: str | Callable[[], str]
) -> Any:
    """Poll until there is a result, and return it.

    Raises
    ------
    TimeoutError
        There was no result in time; the message is ``otherwise``.
    """
    end = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            reason = otherwise if isinstance(otherwise, str) else otherwise()
            raise TimeoutError(f"{reason} within {seconds:.0f} s")
        time.sleep(SECONDS_BETWEEN_LOOKS)


@contextlib.contextmanager
def dagster_dev(
    folder: Path, environment: Mapping[str, str], workspace: Path | None = None
) -> Iterator[str]:
    """Run ``dagster dev`` from the root of the project; yield its address.

    The web server, the daemon, the code servers and the runs share a process
    group, which ends with the context whatever happens inside it.

    Parameters
    ----------
    folder
        Where to keep Dagster's history and the server's log.
    environment
        Variables to set, such as ``WHATIF_HOME``.
    workspace
        A workspace file; that of the project where left out.
    """
    history = history_in(folder)
    port = free_port()
    command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1"]
    command += ["--port", str(port)]
    command += ["--workspace", str(workspace)] if workspace else []
    log = folder / "dagster_dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment, "DAGSTER_HOME": str(history)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(
                lambda: is_up(process, url, log),
                SECONDS_TO_START,
                lambda: f"the UI did not start; its log:\n{log.read_text()[-4000:]}",
            )
            yield url
        finally:
            end_group(process)


def history_in(folder: Path) -> Path:
    """Give the ``DAGSTER_HOME`` of a folder, set up like that of the project."""
    history = folder / "dagster_home"
    history.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", history)
    return history


def is_up(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"dagster dev ended; its log:\n{log.read_text()[-4000:]}")
    try:
        entries = Ui(url, "").ask(LOCATIONS)["locationEntries"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return bool(entries) and all(e["loadStatus"] == "LOADED" for e in entries)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children: with SIGTERM first, then with SIGKILL."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: is_gone(process), SECONDS_TO_STOP, "the processes go on")
            return


def is_gone(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process and all of its children have ended."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


def free_port() -> int:
    """Find a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
