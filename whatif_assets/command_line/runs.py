"""Running a study in this process: the same jobs that the UI launches."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import warnings
from collections.abc import Callable, Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from rich.text import Text

from whatif_assets.command_line.terminal import console
from whatif_assets.command_line.terminal_logs import TerminalLogs
from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.domain.quality.losses import in_words as losses_in_words
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import NEW
from whatif_assets.home.quality_findings import left_out_of
from whatif_assets.home.run_history import RunEntry, in_words, read_run_history
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.home.what_ifs import update_keys, what_ifs
from whatif_assets.orchestration.assets import features
from whatif_assets.orchestration.automation import JOBS
from whatif_assets.orchestration.claims import claim_name
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    DagsterExecutionInterruptedError,
    InstanceRef,
    compute_logs_directory,
)
from whatif_assets.orchestration.observed import observe
from whatif_assets.orchestration.records import recorded_versions
from whatif_assets.orchestration.resources import Compute
from whatif_assets.orchestration.storage import OpenSqliteStorage
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.backend import fitted_on_spark, forced_backend
from whatif_assets.steps.backtesting import indicators_of
from whatif_assets.steps.fitting_ahead import fit_ahead
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import configurations_of
from whatif_assets.steps.placebos import features_read
from whatif_assets.steps.reuse import same_inputs
from whatif_assets.steps.session_features import history

INTERRUPTED = DagsterExecutionInterruptedError.__name__
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def instance_of(home: Home) -> dg.DagsterInstance:
    """Open the instance of ``DAGSTER_HOME``, or one kept inside the home."""
    folder = os.environ.get("DAGSTER_HOME", "")
    if folder and not Path(folder).is_dir():
        raise BadInput(f"DAGSTER_HOME: there is no folder {folder}; make it first.")
    base = str(Path(folder or home.path / ".dagster").resolve())
    if "?" in base:
        raise BadInput(
            f"{base}: Dagster's history can't be in a folder with a '?' in its path. "
            "Rename that folder, or set DAGSTER_HOME to another one."
        )
    Path(base).mkdir(parents=True, exist_ok=True)
    logs = {
        "module": TerminalLogs.__module__,
        "class": TerminalLogs.__name__,
        "config": {"base_dir": compute_logs_directory(base)},
    }
    overrides: dict[str, Any] = {"compute_logs": logs}
    if not folder:
        overrides["telemetry"] = {"enabled": False}
        overrides["storage"] = {
            "custom": {
                "module": OpenSqliteStorage.__module__,
                "class": OpenSqliteStorage.__name__,
                "config": {"base_dir": base},
            }
        }
    reference = InstanceRef.from_dir(base, overrides=overrides)
    return dg.DagsterInstance.from_ref(reference)


class Runner:
    """Runs the jobs of a home in this process, on an instance that keeps history.

    Parameters
    ----------
    home, instance
        The home, and the instance that its runs are recorded in.
    sealed
        Whether to leave holdouts unopened.
    engine_is_compiled
        Waits for the engine, where another process compiles it.
    """

    def __init__(
        self,
        home: Home,
        instance: dg.DagsterInstance,
        sealed: bool = False,
        engine_is_compiled: Callable[[], object] = lambda: None,
    ) -> None:
        claim_name(home, instance)
        self._home, self._instance, self._sealed = home, instance, sealed
        self._engine_is_compiled = engine_is_compiled
        self._done: dict[str, list[RunEntry]] = {}
        self._moved: set[str] = set()
        _silence()
        self._definitions = build_definitions(home.path)
        self._prefix = f"{home.market.name}_" if home.market.name else ""

    def run(self, *studies: Study) -> list[str]:
        """Materialise all that studies show; return what failed, in words.

        What fails costs what depends on it, and the rest is computed and ranked.
        """
        self._update_keys()
        failures: list[str] = []
        for study in studies:
            try:
                failures += self._run_study(study)
            except BadInput as error:  # the other studies go on
                failures.append(str(error))
        for asset in JOBS["evaluate_configurations"]:
            self._tell(asset)
        failures += self.rank()
        observe(self._home, self._instance, forced_backend())
        return list(dict.fromkeys(failures))

    def _update_keys(self) -> None:
        """Register the keys of the home's studies, and remove those that are gone."""
        name = f"{self._prefix}configurations"
        changes = update_keys(self._home, self._keys())
        self._instance.add_dynamic_partitions(name, changes.add)
        for key, why in changes.remove.items():
            self._instance.delete_dynamic_partition(name, key)
            console.print(f"{key} is removed: {why}.", highlight=False, markup=False)
        if changes.remove:
            update_keys(self._home, self._keys())  # so that they are known as removed

    def _run_study(self, study: Study) -> list[str]:
        """Materialise the sessions, models and results of a study and its what-ifs."""
        resolved = self._home.resolve(study)
        asked, faults = what_ifs(self._home, study, self._keys())
        failures = [*resolved.faults.values(), *faults.values()]
        configurations = [*resolved.configurations, *asked]
        on_spark = [one for one in configurations if fitted_on_spark(one)]
        here = [one for one in configurations if not fitted_on_spark(one)]
        name = f"{self._prefix}configurations"
        self._instance.add_dynamic_partitions(name, [c.key for c in configurations])
        sessions = study.sessions(self._home.market)
        failures += self._run_sessions(self._sessions_of_bars(study), sessions)
        failures += self._losses(study)
        if here:
            self._fit_ahead(study, on_spark)
        return failures + self._evaluate(here) + self._evaluate(on_spark)

    def _losses(self, study: Study) -> list[str]:
        """Tell which bars were left out; a failure, unless studies may do without."""
        may_lose = self._home.market.may_lose
        days = set(self._sessions_of_bars(study))
        told = losses_in_words(left_out_of(self._home.lake, days), may_lose)
        if may_lose == "nothing":
            return told
        for line in told:
            console.print(Text(line), soft_wrap=True)
        return []

    def _fit_ahead(self, study: Study, on_spark: Sequence[Configuration]) -> None:
        """Begin to fit the models on Spark that would be fitted anew."""
        fresh = Freshness(self._home)
        waiting: dict[str, Configuration] = {}
        for one in on_spark:
            state = fresh.of("trained_models", one.key)
            if state.is_fresh or state.upstream is not None:
                continue
            with contextlib.suppress(BadInput):  # which the asset meets, and tells
                inputs = fresh.inputs("trained_models", one.key)
                lake = self._home.lake
                if same_inputs(lake, "trained_models", one.key, inputs) is None:
                    waiting.setdefault(one.model_hash(study), one)
        spark = functools.partial(Compute().spark, study)
        fit_ahead(self._home, study, list(waiting.values()), "spark", spark)

    def _evaluate(self, configurations: Sequence[Configuration]) -> list[str]:
        """Fit, forecast and backtest configurations; return what failed, in words."""
        failures: list[str] = []
        hindered: dict[str, list[str]] = {}
        for asset in JOBS["evaluate_configurations"]:
            ready, fresh = [], Freshness(self._home)
            for key in (configuration.key for configuration in configurations):
                state = fresh.of(asset, key)
                if state.upstream is None:
                    ready.append(key)
                elif state.upstream[1] != key:  # else its own failure has been told
                    hindered.setdefault(state.because, []).append(key)
            if asset == "backtest_results":
                self._engine_is_compiled()
            failures += self.run_keys(asset, ready, self._keys())
        return failures + [
            f"{few(list(dict.fromkeys(keys)))}: not computed, since {because}"
            for because, keys in hindered.items()
        ]

    def rank(self) -> list[str]:
        """Rank what is fresh in the lake and report it; return failures in words."""
        assets = JOBS["rank_configurations"]
        left_out = {"holdout_results"} if self._sealed else set()
        chosen = [asset for asset in assets if asset not in left_out]
        failures = self._execute("rank_configurations", chosen, {})
        if failures:
            # What comes after a failure is skipped; the report is made all the same.
            for asset in chosen[1:]:
                failures += self._execute("rank_configurations", [asset], {})
        return failures

    def _sessions_of_bars(self, study: Study) -> list[date]:
        """Sessions whose bars a study needs: its own, and those to warm up on."""
        sessions = study.sessions(self._home.market)
        needed = set(sessions)
        for size, some in self._home.features().items():
            needed.update(history(self._home, sessions[0], some, size))
        first = evaluated_sessions(self._home, study)[0]
        for configuration in configurations_of(self._home, study):
            read = [*indicators_of(configuration), *features_read()]
            size = self._home.bar_size(configuration)
            needed.update(history(self._home, first, read, size))
        return sorted(needed)

    def _run_sessions(
        self, for_bars: Sequence[date], for_features: Sequence[date]
    ) -> list[str]:
        failures: list[str] = []
        if self._home.market.facts:
            failures += self._execute("collect_facts", JOBS["collect_facts"], {})
        before = self._recorded("price_bars")
        failures += self._run_stale("price_bars", for_bars)
        if any(self._home.features().values()):
            now = self._recorded("price_bars")
            self._moved |= {k for k, version in now.items() if before.get(k) != version}
            keys = self._asset_key("price_bars"), self._asset_key("features")
            again = features.seen_stale(self._home, self._instance, keys, self._moved)
            failures += self._run_stale("features", for_features, again)
        return failures

    def _run_stale(
        self, asset: str, sessions: Sequence[date], again: Collection[str] = ()
    ) -> list[str]:
        """Materialise the sessions of an asset that are not fresh and can be made.

        Those that are fresh are reused, and so recorded, where Dagster has no record of
        them, or another one: a run may have died before it recorded what it wrote, or
        another instance may have its records.

        Parameters
        ----------
        asset, sessions
            What to materialise.
        again
            Record these once more where they are fresh.

        Returns
        -------
        list of str
            Failures, in words.
        """
        fresh, told = Freshness(self._home), self._recorded(asset)
        states = {day.isoformat(): fresh.of(asset, day.isoformat()) for day in sessions}
        is_fresh = {key for key, state in states.items() if state.is_fresh}
        manifests = {key: fresh.home.lake.manifest(asset, key) for key in is_fresh}
        reused = {
            key
            for key, made in manifests.items()
            if key in again or (made and told.get(key) != made.data_version)
        }
        stale = [key for key in states if key not in is_fresh]
        ready = {key for key in stale if states[key].upstream is None} | reused
        calendar = [day.isoformat() for day in self._home.market.sessions.dates()]
        failures = self.run_keys(asset, sorted(ready), calendar)
        self._tell(asset, len(is_fresh - reused))
        return failures

    def _recorded(self, asset: str) -> dict[str, str]:
        """Data versions that Dagster has of an asset's partitions."""
        return recorded_versions(self._instance, self._asset_key(asset))

    def _tell(self, asset: str, untouched: int = 0) -> None:
        """Print what was computed of an asset, and why, unless all of it is new."""
        entries = self._done.pop(asset, [])
        if untouched or any(entry.why_computed != NEW for entry in entries):
            console.print(in_words(asset, entries, untouched), highlight=False)

    def _keys(self) -> list[str]:
        name = f"{self._prefix}configurations"
        return list(self._instance.get_dynamic_partitions(name))

    def _asset_key(self, asset: str) -> dg.AssetKey:
        prefix = [self._home.market.name] if self._home.market.name else []
        return dg.AssetKey([*prefix, asset])

    def run_keys(
        self, asset: str, keys: Sequence[str], order: Sequence[str]
    ) -> list[str]:
        """Run an asset over keys, one run per unbroken range in their order.

        Parameters
        ----------
        asset
            Name of a partitioned asset.
        keys
            Partitions to materialise.
        order
            All partitions of the asset, in their order.

        Returns
        -------
        list of str
            Failures, in words.
        """
        job = next(job for job, assets in JOBS.items() if asset in assets)
        failures: list[str] = []
        for first, last in ranges(keys, order):
            tags = {
                ASSET_PARTITION_RANGE_START_TAG: first,
                ASSET_PARTITION_RANGE_END_TAG: last,
            }
            failures += self._execute(job, (asset,), tags)
        return failures

    def _execute(
        self, job: str, assets: Sequence[str], tags: dict[str, str]
    ) -> list[str]:
        """Run a job, or some of its assets; return the failures in words."""
        result = self._definitions.resolve_job_def(
            f"{self._prefix}{job}"
        ).execute_in_process(
            instance=self._instance,
            asset_selection=[self._asset_key(asset) for asset in assets] or None,
            tags=tags,
            run_config=QUIET,
            raise_on_error=False,
        )
        for asset in assets:
            entries = read_run_history(self._home.lake, result.run_id, asset)
            self._done.setdefault(asset, []).extend(entries)
        failures = [e.step_failure_data for e in result.all_events if e.is_step_failure]
        if any(_innermost(one).cls_name == INTERRUPTED for one in failures):
            # Dagster makes a failed step of it, after which others would go on.
            raise KeyboardInterrupt
        return [_reason(failure) for failure in failures]


def _reason(failure: Any) -> str:
    """Say why a step failed: what the asset said, else the innermost error."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    error = _innermost(failure)
    return f"{error.message.strip()} The run's log in the UI has the traceback."


def _innermost(failure: Any) -> Any:
    """The error that the others came from."""
    error = failure.error
    while error.cause:
        error = error.cause
    return error


def ranges(keys: Sequence[str], order: Sequence[str]) -> list[tuple[str, str]]:
    """Group keys into unbroken ranges, as first and last key of each.

    Parameters
    ----------
    keys
        Keys to group; each one is in ``order``.
    order
        All partition keys, in the order that the partitions have.
    """
    position = {key: number for number, key in enumerate(order)}
    numbers = sorted(position[key] for key in keys)
    groups = itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    found = []
    for _, group in groups:
        members = [number for _, number in group]
        found.append((order[members[0]], order[members[-1]]))
    return found


def _silence() -> None:
    """Keep library chatter off a terminal that shows progress."""
    for library in ("dagster", "sqlalchemy.pool"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning)
