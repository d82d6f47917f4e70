"""Run studies in this process, with the same Dagster jobs that the UI launches."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date

import dagster as dg

from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.domain.quality.losses import in_words as losses_in_words
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import NEW
from whatif_assets.home.quality_findings import left_out_of
from whatif_assets.home.run_history import RunEntry, in_words, read_run_history
from whatif_assets.home.what_ifs import update_keys, what_ifs
from whatif_assets.orchestration.assets import features
from whatif_assets.orchestration.automation import JOBS
from whatif_assets.orchestration.chain import chain_of
from whatif_assets.orchestration.claims import claim_name
from whatif_assets.orchestration.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from whatif_assets.orchestration.observed import observe
from whatif_assets.orchestration.partitions import configuration_partitions
from whatif_assets.orchestration.records import recorded_versions
from whatif_assets.orchestration.resources import Compute
from whatif_assets.orchestration.run_failures import failures_of
from whatif_assets.orchestration.unchanged import LastRun
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.backend import fitted_on_spark, forced_backend
from whatif_assets.steps.fitting_ahead import fit_ahead
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.planning import at_source, awaited_sessions, sessions_of_bars
from whatif_assets.steps.reuse import same_inputs

RANGE = (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
# What a run is about, as a tag by which the UI lists and filters runs.
ABOUT = "whatif/about"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Runner:
    """Runs the jobs of a home in this process, and records them in an instance.

    Parameters
    ----------
    home, instance
        The home, and the Dagster instance that records its runs.
    sealed
        Whether to leave holdouts unopened.
    say
        Called with each sentence about what was computed, left out or removed.
    """

    def __init__(
        self,
        home: Home,
        instance: dg.DagsterInstance,
        sealed: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        claim_name(home, instance)
        self._say = say
        self._home, self._instance, self._sealed = home, instance, sealed
        self._done: dict[str, list[RunEntry]] = {}
        self._moved: set[str] = set()
        _silence()
        self._definitions = chain_of(home)
        self._prefix = home.market.prefix

    def run(self, *studies: Study) -> list[str]:
        """Compute the results of studies and rank them.

        After a failure, everything that does not depend on it is still computed. If
        nothing has changed since the last run, there is nothing to do.

        Returns
        -------
        list of str
            A message for each failure.
        """
        last = LastRun(self._home, self._instance, studies, self._sealed)
        if last.has_done_all():
            self._say("Nothing has changed since the last run.")
            return [line for study in studies for line in self._losses(study)]
        self._update_keys()
        failures: list[str] = []
        for study in studies:
            try:
                failures += self._run_study(study)
            except BadInput as error:  # the other studies are still run
                failures.append(str(error))
        for asset in JOBS["evaluate_configurations"]:
            self._print_runs(asset)
        failures += self.rank()
        observe(self._home, self._instance, forced_backend())
        if not failures:
            last.keep()
        return list(dict.fromkeys(failures))

    def refresh(self, *studies: Study) -> list[str]:
        """Compute the bars and features of studies that are missing or stale.

        Returns
        -------
        list of str
            A message for each failure.
        """
        failures: list[str] = []
        for study in studies:
            failures += self._refresh(study)
        observe(self._home, self._instance, forced_backend())
        return list(dict.fromkeys(failures))

    def _refresh(self, study: Study) -> list[str]:
        """Compute a study's sessions, and report the bars that were left out."""
        sessions = study.sessions(self._home.market)
        failures = self._run_sessions(sessions_of_bars(self._home, study), sessions)
        # It is no failure if a study has ended, and the source with it.
        later, faults = at_source(self._home, awaited_sessions(self._home, study))
        failures += faults + (self._run_stale("price_bars", later) if later else [])
        return failures + self._losses(study)

    def _update_keys(self) -> None:
        """Register the partition keys of the home's studies, and remove old ones."""
        name = f"{self._prefix}configurations"
        changes = update_keys(self._home, self.keys())
        self._instance.add_dynamic_partitions(name, changes.add)
        for key, why in changes.remove.items():
            self._instance.delete_dynamic_partition(name, key)
            self._say(f"{key} is removed: {why}.")
        if changes.remove:
            update_keys(self._home, self.keys())  # records the keys as removed

    def _run_study(self, study: Study) -> list[str]:
        """Compute the sessions, models and results of a study and its what-ifs."""
        resolved = self._home.resolve(study)
        added, faults = what_ifs(self._home, study, self.keys())
        failures = [*resolved.faults.values(), *faults.values()]
        configurations = [*resolved.configurations, *added]
        Compute().reach(study, configurations)
        on_spark = [c for c in configurations if fitted_on_spark(c)]
        here = [c for c in configurations if not fitted_on_spark(c)]
        name = f"{self._prefix}configurations"
        self._instance.add_dynamic_partitions(name, [c.key for c in configurations])
        failures += self._refresh(study)
        if here:
            self._fit_ahead(study, on_spark)
        return failures + self._evaluate(here) + self._evaluate(on_spark)

    def _losses(self, study: Study) -> list[str]:
        """Report the bars that were left out, as failures if the market allows none."""
        may_lose = self._home.market.may_lose
        days = set(sessions_of_bars(self._home, study))
        losses = losses_in_words(left_out_of(self._home.lake, days), may_lose)
        if may_lose == "nothing":
            return losses
        for line in losses:
            self._say(line)
        return []

    def _fit_ahead(self, study: Study, on_spark: Sequence[Configuration]) -> None:
        """Start to fit the Spark models that are stale and cannot be copied."""
        fresh = Freshness(self._home)
        waiting: dict[str, Configuration] = {}
        for configuration in on_spark:
            key = configuration.key
            state = fresh.of("trained_models", key)
            if state.is_fresh or state.upstream is not None:
                continue
            with contextlib.suppress(BadInput):  # the asset reports the same error
                lake, inputs = self._home.lake, fresh.inputs("trained_models", key)
                if same_inputs(lake, "trained_models", key, inputs) is None:
                    waiting.setdefault(configuration.model_hash(study), configuration)
        spark = functools.partial(Compute().spark, study)
        fit_ahead(self._home, study, list(waiting.values()), "spark", spark)

    def _evaluate(self, configurations: Sequence[Configuration]) -> list[str]:
        """Fit, forecast and backtest configurations; return a message per failure.

        Usually all sessions are fresh, so that one run computes all assets. Assets that
        cannot be computed for the same configurations have runs of their own.
        """
        fresh, assets = Freshness(self._home), JOBS["evaluate_configurations"]
        waiting: dict[str, set[str]] = {}
        blocked: dict[str, list[str]] = {}
        for key in (configuration.key for configuration in configurations):
            waiting[key] = set()
            for asset in assets:
                because = fresh.blocked(asset, key, waiting[key])
                if because is not None:
                    waiting[key].add(asset)
                    blocked.setdefault(because, []).append(key)
        failures: list[str] = []
        ready = {a: [key for key in waiting if a not in waiting[key]] for a in assets}
        for keys, together in itertools.groupby(assets, key=lambda asset: ready[asset]):
            failures += self._run_ranges(tuple(together), keys, self.keys())
        return failures + [
            f"{few(list(dict.fromkeys(keys)))}: not computed, because {because}"
            for because, keys in blocked.items()
            if because
        ]

    def rank(self) -> list[str]:
        """Rank the fresh results and write the report; return a message per failure."""
        assets = JOBS["rank_configurations"]
        left_out = {"holdout_results"} if self._sealed else set()
        chosen = [asset for asset in assets if asset not in left_out]
        failures = self._execute("rank_configurations", chosen, {})
        if failures:
            # The job skips all assets after a failure. Run each of them separately, so
            # that the report is written anyway.
            for asset in chosen[1:]:
                failures += self._execute("rank_configurations", [asset], {})
        return failures

    def report(self) -> list[str]:
        """Write the report of the results as they are; return a message per failure."""
        return self._execute("rank_configurations", ["best_configuration"], {})

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
            again = features.stale_for_dagster(
                self._home, self._instance, keys, self._moved
            )
            failures += self._run_stale("features", for_features, again)
        return failures

    def _run_stale(
        self, asset: str, sessions: Sequence[date], again: Collection[str] = ()
    ) -> list[str]:
        """Compute the sessions of an asset that are stale and whose inputs are fresh.

        Fresh sessions are also run, and recorded as reused, if Dagster has no record or
        an older record of them: a run may have died before it recorded what it wrote,
        or another instance may have the records.

        Parameters
        ----------
        asset, sessions
            The asset's name, and the sessions to check.
        again
            Sessions to record again even if they are fresh.
        """
        fresh, recorded = Freshness(self._home), self._recorded(asset)
        states = {day.isoformat(): fresh.of(asset, day.isoformat()) for day in sessions}
        is_fresh = {key for key, state in states.items() if state.is_fresh}
        manifests = {key: fresh.home.lake.manifest(asset, key) for key in is_fresh}
        reused = {
            key
            for key, made in manifests.items()
            if key in again or (made and recorded.get(key) != made.data_version)
        }
        stale = [key for key in states if key not in is_fresh]
        ready = {key for key in stale if states[key].upstream is None} | reused
        calendar = [day.isoformat() for day in self._home.market.sessions.dates()]
        failures = self.run_keys(asset, sorted(ready), calendar)
        self._print_runs(asset, len(is_fresh - reused))
        return failures

    def _recorded(self, asset: str) -> dict[str, str]:
        """Return the data version of each partition of an asset in Dagster."""
        return recorded_versions(self._instance, self._asset_key(asset))

    def _print_runs(self, asset: str, untouched: int = 0) -> None:
        """Print what was computed for an asset and why, unless everything is new."""
        entries = self._done.pop(asset, [])
        if untouched or any(entry.why_computed != NEW for entry in entries):
            self._say(in_words(asset, entries, untouched))

    def register(self, key: str) -> None:
        """Register a configuration that is asked for."""
        self._instance.add_dynamic_partitions(f"{self._prefix}configurations", [key])

    def unregister(self, key: str) -> None:
        """Remove the partition of a configuration, and no longer know it."""
        name = f"{self._prefix}configurations"
        self._instance.delete_dynamic_partition(name, key)
        self._update_keys()

    def keys(self) -> list[str]:
        """List the registered configurations."""
        return registered_keys(self._home, self._instance)

    def _asset_key(self, asset: str) -> dg.AssetKey:
        prefix = self._home.market.key_prefix
        return dg.AssetKey([*prefix, asset])

    def run_keys(
        self, asset: str, keys: Sequence[str], order: Sequence[str]
    ) -> list[str]:
        """Run an asset for some partitions, one run per contiguous range.

        Parameters
        ----------
        asset
            Name of a partitioned asset.
        keys
            Partitions to compute.
        order
            All partitions of the asset, in order.

        Returns
        -------
        list of str
            A message for each failure.
        """
        return self._run_ranges((asset,), keys, order)

    def _run_ranges(
        self, assets: Sequence[str], keys: Sequence[str], order: Sequence[str]
    ) -> list[str]:
        """Run assets of one job for some partitions; see :meth:`run_keys`."""
        job = next(job for job, those in JOBS.items() if assets[0] in those)
        failures: list[str] = []
        for first, last in ranges(keys, order):
            tags = {
                ASSET_PARTITION_RANGE_START_TAG: first,
                ASSET_PARTITION_RANGE_END_TAG: last,
            }
            failures += self._execute(job, assets, tags)
        return failures

    def _execute(
        self, job: str, assets: Sequence[str], tags: dict[str, str]
    ) -> list[str]:
        """Run a job, or some of its assets; return a message for each failure."""
        result = self._definitions.resolve_job_def(
            f"{self._prefix}{job}"
        ).execute_in_process(
            instance=self._instance,
            asset_selection=[self._asset_key(asset) for asset in assets] or None,
            tags={**tags, ABOUT: _about(assets, tags)},
            run_config=QUIET,
            raise_on_error=False,
        )
        for asset in assets:
            entries = read_run_history(self._home.lake, result.run_id, asset)
            self._done.setdefault(asset, []).extend(entries)
        return failures_of(result.all_events)


def registered_keys(home: Home, instance: dg.DagsterInstance) -> list[str]:
    """List the configurations of a home that an instance has as partitions."""
    name = configuration_partitions(home.market).name
    return list(instance.get_dynamic_partitions(str(name)))


def _about(assets: Sequence[str], tags: Mapping[str, str]) -> str:
    """Name the assets that a run computes, and its first and last partition."""
    ends = list(dict.fromkeys(tags[name] for name in RANGE if name in tags))
    named = ", ".join(assets)
    return f"{named} of {' to '.join(ends)}" if ends else named


def ranges(keys: Sequence[str], order: Sequence[str]) -> list[tuple[str, str]]:
    """Group keys into contiguous ranges; return the first and last key of each.

    Parameters
    ----------
    keys
        Keys to group; each one is in ``order``.
    order
        All partition keys, in the order of the partitions.
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
    """Keep log lines and warnings of libraries off the terminal."""
    for library in ("dagster", "sqlalchemy.pool"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning)
    # Dagster cannot tidy its event loop while that of a notebook runs; it is empty.
    warnings.filterwarnings("ignore", "coroutine '.*shutdown_asyncgens' was never")
