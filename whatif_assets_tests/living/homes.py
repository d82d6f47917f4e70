"""Run a home as a user does, and make a fresh one from the same inputs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from whatif_assets.command_line import checking, terminal
from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import REPORTS, Home
from whatif_assets.home.ledger import CHAIN
from whatif_assets.orchestration import instances, runs
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.settings.keys import study_of
from whatif_assets_tests.living.inputs import Inputs
from whatif_assets_tests.undrawn import nothing_drawn

# What has been tried and looked at is history, not a result: a fresh home gets it.
HISTORY = "ledger"
STAMPS = ("at", "previous", "hash", "run_id")
AXIS = "configurations"


@dataclass(frozen=True)
class Outcome:
    """Whether a run succeeded, and what it said on the terminal."""

    succeeded: bool
    said: str


@contextlib.contextmanager
def listening() -> Iterator[io.StringIO]:
    """Yield the messages that are printed in the context, one per line."""
    heard = io.StringIO()
    with contextlib.ExitStack() as stack:
        for console in (terminal.console, terminal.errors):
            stack.enter_context(mock.patch.object(console, "_file", heard))
            stack.enter_context(mock.patch.object(console, "_width", 4000))
        yield heard


def run(home: Path, instance: dg.DagsterInstance) -> Outcome:
    """Run all studies of a home, as ``whatif run`` does, on an instance."""
    kept = contextlib.nullcontext(instance)
    with listening() as heard, nothing_drawn(), contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(instances, "instance_of", lambda _: kept))
        try:
            succeeded = run_studies(home, None)
        except BadInput as error:
            return Outcome(False, f"{heard.getvalue()}\n{error}")
    return Outcome(succeeded, heard.getvalue())


def check(home: Path, study: str) -> Outcome:
    """Check a study of a home, as ``whatif check`` does."""
    with listening() as heard:
        try:
            succeeded = checking.print_check(home, study)
        except BadInput as error:
            return Outcome(False, f"{heard.getvalue()}\n{error}")
    return Outcome(succeeded, heard.getvalue())


def files(home: Path) -> dict[str, tuple[int, int]]:
    """Size and modification time of every file of a home, without compiled Python."""
    found = (path for path in sorted(home.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(home)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in found
        if path.suffix != ".pyc"
    }


def ask(home: Path, instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """Add partitions and materialise them, as the UI does."""
    instance.add_dynamic_partitions(AXIS, list(keys))
    for key in keys:
        launch(home, instance, "evaluate_configurations", (key, key))


def launch(
    home: Path,
    instance: dg.DagsterInstance,
    job: str,
    between: tuple[str, str] | None = None,
    assets: Sequence[str] = (),
) -> bool:
    """Launch a job, or some of its assets, as the UI does; return its success.

    Parameters
    ----------
    between
        First and last partition of a range.
    """
    edges = ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG
    with nothing_drawn():
        result = (
            build_definitions(home)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
                raise_on_error=False,
                run_config=runs.QUIET,
                tags=dict(zip(edges, between)) if between else {},
            )
        )
    return result.success


def keys(home: Path) -> set[str]:
    """Keys of all configurations in the study files that can be read."""
    opened = Home.open(home)
    found: set[str] = set()
    for path in opened.study_files():
        with contextlib.suppress(BadInput):
            study = opened.study_in(path)
            found.update(c.key for c in opened.configurations(study))
    return found


def pages(home: Path) -> list[str]:
    """Names of the pages of a home, which are those of its studies with results."""
    return sorted(path.name for path in (home / REPORTS).glob("*.html"))


def without_meaning(home: Path, asked: set[str]) -> list[str]:
    """List what-ifs of a home's studies with a field or value that does not exist."""
    opened, found = Home.open(home), []
    for key in sorted(asked):
        if study_of(key) not in opened.studies():
            continue
        try:
            opened.find(key)
        except BadInput:
            found.append(key)
    return found


class FreshHomes:
    """Homes made from scratch, one for all equal inputs.

    Parameters
    ----------
    folder
        Where they are made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[Path, Outcome]] = {}

    def of(self, inputs: Inputs, living: Path) -> tuple[Path, Outcome]:
        """Make a home of inputs, with the history of a living one."""
        name = f"{inputs.hash()}-{_history(living)}"
        if name not in self._known:
            home = self._folder / name
            inputs.write(home)
            with contextlib.suppress(FileNotFoundError):
                shutil.copytree(living / HISTORY, home / HISTORY)
            with dg.DagsterInstance.ephemeral() as instance:
                instance.add_dynamic_partitions(AXIS, sorted(inputs.asked))
                self._known[name] = home, run(home, instance)
        return self._known[name]


def _history(living: Path) -> str:
    """Hash of the trials and the openings of holdouts in a home."""
    ledger = living / HISTORY
    files = sorted(p for p in ledger.rglob("*.parquet"))
    content = [str(p.relative_to(ledger)).encode() + p.read_bytes() for p in files]
    with contextlib.suppress(FileNotFoundError):
        # Not when: the time and the hashes of it differ from run to run.
        for line in (ledger / CHAIN).read_text().splitlines():
            said = json.loads(line)
            kept = {k: v for k, v in said.items() if k not in STAMPS}
            content.append(json.dumps(kept, sort_keys=True).encode())
    return hashlib.sha256(b"".join(content)).hexdigest()[:16]
