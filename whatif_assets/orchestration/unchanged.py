"""Whether anything has changed since a run of a home, so that another has no work.

A run leaves a mark in the Dagster instance: a hash of the code, of the instance's
records and of the state of every file of the home. If the hash is the same later and
everything is fresh, then the source, the settings and the user's code are the same too.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from whatif_assets.domain.base.clock import today
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.home.state import Part
from whatif_assets.orchestration.automation import JOBS
from whatif_assets.report.page.installed_sections import installed_sections_version
from whatif_assets.settings.market import MARKET_FILE
from whatif_assets.settings.study import Study
from whatif_assets.steps.backend import forced_backend
from whatif_assets.steps.code_versions import code_of_everything
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import configurations_of
from whatif_assets.steps.planning import awaited_sessions, sessions_of_bars

# Compiled Python, and what Dagster writes into the home if DAGSTER_HOME is the home.
IGNORED = frozenset({"__pycache__", "history", "storage", "schedules", "logs"})
OF_STUDY = ("leaderboard", "placebo_results", "verdicts")


@dataclass(frozen=True)
class LastRun:
    """What is known about the last run of some studies of a home.

    Attributes
    ----------
    home, instance
        The home, and the Dagster instance that records its runs.
    studies
        The studies to run.
    sealed
        Whether holdouts stay unopened.
    began
        When the run to come begins, in nanoseconds of the system clock.
    """

    home: Home
    instance: dg.DagsterInstance
    studies: Sequence[Study]
    sealed: bool
    began: int = field(default_factory=time.time_ns)

    def has_done_all(self) -> bool:
        """Whether the last run did the same, and nothing has changed since.

        Facts are read from their sources by every run, so a market with facts always
        has work, as has one whose lake is at a URL, whose files have no place here.
        """
        market = self.home.market
        if market.facts or market.lake or self.home.faults():
            return False
        known = self.instance.daemon_cursor_storage.get_cursor_values({self._name})
        mark = known.get(self._name)
        return bool(mark) and mark == self._mark() and self._is_fresh()

    def keep(self) -> None:
        """Leave the mark of a run that has ended without a failure.

        A run leaves none if the user has edited a file meanwhile, since it may have
        read the file before.
        """
        edited = [
            *_within(self.home.studies_folder),
            *_within(self.home.path / MARKET_FILE),
        ]
        if any(max(times) >= self.began for _, _, *times in edited):
            return
        mark = {self._name: self._mark()}
        self.instance.daemon_cursor_storage.set_cursor_values(mark)

    @property
    def _name(self) -> str:
        return f"whatif/{self.home.market.prefix}last_run"

    def _mark(self) -> str:
        """Hash what a run is asked for, the code, the records and the files."""
        asked = [[study.name for study in self.studies], self.sealed, forced_backend()]
        keys = self.instance.get_dynamic_partitions(
            f"{self.home.market.prefix}configurations"
        )
        last = self.instance.event_log_storage.get_maximum_record_id()
        return combined_hash(
            [
                [asked, today().isoformat()],
                [code_of_everything(), installed_sections_version()],
                [last, sorted(keys)],
                sorted(_files(self.home.path)),
            ]
        )

    def _is_fresh(self) -> bool:
        """Whether all results of all studies of the home are fresh."""
        fresh = Freshness(self.home, forced_backend())
        try:
            parts = list(self._parts())
        except BadInput:
            return False
        return fresh.first_stale(parts) is None

    def _parts(self) -> Iterator[Part]:
        """Yield the parts of the lake that a run of all studies would look at."""
        has_features = any(self.home.features().values())
        for study in self.home.studies().values():
            for day in sessions_of_bars(self.home, study):
                yield "price_bars", day.isoformat()
            # The source may have got one of them.
            for day in awaited_sessions(self.home, study)[:1]:
                yield "price_bars", day.isoformat()
            for day in study.sessions(self.home.market) if has_features else ():
                yield "features", day.isoformat()
            for configuration in configurations_of(self.home, study):
                for table in JOBS["evaluate_configurations"]:
                    yield table, configuration.key
            for table in OF_STUDY:
                yield table, study.name
            if study.evaluation.holdout and not self.sealed:
                yield "holdout_results", study.name


def _files(home: Path) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, size and times of all files of a home, without hidden folders."""
    for entry in os.scandir(home):
        if not entry.name.startswith("."):
            yield from _within(Path(entry.path))


def _within(path: Path) -> Iterator[tuple[str, int, int, int]]:
    if path.name in IGNORED:
        return
    if not path.is_dir():
        with contextlib.suppress(FileNotFoundError):  # another process may remove it
            state = path.lstat()
            # A file that is put in place of another has another ctime, even a copy.
            yield str(path), state.st_size, state.st_mtime_ns, state.st_ctime_ns
        return
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name not in IGNORED]
        for name in files:
            yield from _within(Path(folder, name))
