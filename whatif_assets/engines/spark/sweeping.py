"""Sweeps on the executors of a Spark cluster, by blocks of symbols and of variants.

An executor runs a block with the compiled engine of this process. What it computes on a
symbol stays on the cluster: the symbols of a variant are added up there, in the same
order as here, so that the accounts that come back are the same, to the bit.
"""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.compiled.engine import CompiledEngine
from whatif_assets.engines.engine import Engine, Sweep
from whatif_assets.engines.spark.executors import (
    cause_of,
    libraries,
    refuse_here,
)

if TYPE_CHECKING:
    from pyspark import RDD, Broadcast, SparkContext
    from pyspark.sql import SparkSession

# A job of Spark takes a second or two, in which this process runs that many bars.
WORTH_A_JOB = 100_000_000
# Enough to keep all cores busy when some tasks take longer, or are run again.
TASKS_PER_CORE = 4
# What a task computes once for all of its variants should serve some of them.
LEAST_VARIANTS = 64

# The numbers of a block of variants, of a list of sleeves, and of a sleeve in the list.
Key = tuple[int, int, int]
# What was computed on a sleeve, or the error that says why nothing was.
Part = tuple[Key, Any]


class Cluster:
    """The executors of a Spark session, as a place to run sweeps.

    Parameters
    ----------
    spark
        A session whose executors are prepared; see `prepare_executors`.
    """

    def __init__(self, spark: SparkSession) -> None:
        self.context: SparkContext = spark.sparkContext
        self._sleeves: list[weakref.ref[Sleeve]] = []
        self._sent: list[Broadcast[Any]] = []

    def __call__(self, engine: Engine) -> Engine:
        """Return the engine that runs on the executors what another would run here."""
        return ClusterEngine(self, engine)

    def send(self, sleeves: Sequence[Sleeve]) -> list[Broadcast[Any]]:
        """Send sleeves to the executors, unless they were the last that were sent.

        Returns
        -------
        list of Broadcast
            Consecutive sleeves, at most as many of these lists as tasks.
        """
        if [sleeve() for sleeve in self._sleeves] != list(sleeves):
            self.close()
            size = -(-len(sleeves) // self.tasks)
            self._sent = [
                self.context.broadcast(list(sleeves[first : first + size]))
                for first in range(0, len(sleeves), size)
            ]
            self._sleeves = [weakref.ref(sleeve) for sleeve in sleeves]
        return self._sent

    def close(self) -> None:
        """Remove the sleeves from the executors."""
        _remove(*self._sent)
        self._sent, self._sleeves = [], []

    @property
    def tasks(self) -> int:
        """How many tasks keep the executors busy."""
        return self.context.defaultParallelism * TASKS_PER_CORE


@dataclass(frozen=True)
class ClusterEngine:
    """Runs sweeps on a cluster, and what is small or has fills in this process.

    Attributes
    ----------
    cluster
        Where sweeps run.
    engine
        The engine that executors run, and this process.
    """

    cluster: Cluster
    engine: Engine
    is_reference = False

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants here and keep the results of each sleeve separate."""
        return self.engine.result(sweep)

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants on the executors and add up the sleeves of each variant.

        Raises
        ------
        BadInput
            A variant cannot run on a sleeve, or the executors failed.
        """
        bars = sum(len(sleeve) for sleeve in sweep.sleeves)
        if bars * len(sweep.variants) <= WORTH_A_JOB:
            return self.engine.accounts(sweep)
        found = self._collected(sweep)
        if sweep.progress:
            jobs = len(sweep.sleeves) * len(sweep.variants)
            sweep.progress(jobs, jobs)
        return Accounts.joined(found)

    def _collected(self, sweep: Sweep) -> list[Accounts]:
        """Run a sweep on the executors, and return the accounts of its blocks."""
        try:
            blocks = self._run(sweep)
        except Exception as error:
            raise BadInput(
                f"Spark: a sweep failed on the executors of "
                f"{self.cluster.context.master}: {cause_of(error)}. The log of the "
                "executors tells more. Run the study again to continue, or with the "
                "master local[*] to compute the same on this machine."
            ) from error
        return [_sound(blocks[block]) for block in sorted(blocks)]

    def _run(self, sweep: Sweep) -> dict[int, Any]:
        sent = self.cluster.send(sweep.sleeves)
        bare = replace(sweep, sleeves=(), progress=None, workers=1)
        alone = self.cluster.context.broadcast(bare)
        try:
            return dict(self._planned(sweep, sent, alone).collect())
        finally:
            _remove(alone)

    def _planned(
        self, sweep: Sweep, sent: Sequence[Broadcast[Any]], alone: Broadcast[Any]
    ) -> RDD[Any]:
        """Plan tasks: blocks of variants, and of symbols where these are too few."""
        tasks, variants = self.cluster.tasks, len(sweep.variants)
        blocks = min(tasks, -(-variants // LEAST_VARIANTS))
        by_symbol = isinstance(self.engine, CompiledEngine)
        groups = min(-(-tasks // blocks), len(sent)) if by_symbol else 1
        work = _Work(
            self.engine, alone, sent, _cut(variants, blocks), tuple(libraries().items())
        )
        each = list(itertools.product(range(blocks), _cut(len(sent), groups)))
        parts = self.cluster.context.parallelize(each, len(each)).flatMap(work.parts)
        if groups > 1:
            parts = parts.repartitionAndSortWithinPartitions(blocks, itemgetter(0))
        return parts.mapPartitions(work.accounts)


@dataclass(frozen=True)
class _Work:
    """The work of executors in a sweep.

    Attributes
    ----------
    engine
        The engine that they run.
    sweep
        The sweep without its sleeves.
    sleeves
        Lists of consecutive sleeves.
    blocks
        The numbers of the variants of each block.
    libraries
        Versions of the libraries that the executors must have.
    """

    engine: Engine
    sweep: Broadcast[Sweep]
    sleeves: Sequence[Broadcast[list[Sleeve]]]
    blocks: Sequence[range]
    libraries: tuple[tuple[str, str], ...]

    def parts(self, task: tuple[int, range]) -> Iterator[Part]:
        """Run a block of variants on some lists of sleeves."""
        block, lists = task
        try:
            refuse_here(self.libraries)
            yield from self._parts(block, lists)
        except BadInput as error:
            yield (block, lists.start, 0), error

    def _parts(self, block: int, lists: range) -> Iterator[Part]:
        sweep = replace(self.sweep.value, variants=self._variants(block))
        if not isinstance(self.engine, CompiledEngine):
            sleeves = [sleeve for number in lists for sleeve in self._list(number)]
            yield (block, 0, 0), self.engine.accounts(replace(sweep, sleeves=sleeves))
            return
        for number in lists:
            some = replace(sweep, sleeves=self._list(number))
            for sleeve, part in enumerate(self.engine.parts(some)):
                yield (block, number, sleeve), part

    def accounts(self, parts: Iterable[Part]) -> Iterator[tuple[int, Any]]:
        """Add up the parts of each block of variants, which are in order."""
        for block, some in itertools.groupby(parts, key=lambda part: part[0][0]):
            yield block, self._added(block, (part for _, part in some))

    def _added(self, block: int, parts: Iterator[Any]) -> Any:
        try:
            sound = map(_sound, parts)
            if isinstance(self.engine, CompiledEngine):
                return self.engine.together(self._variants(block), sound)
            (accounts,) = sound
            return accounts
        except BadInput as error:
            return error

    def _variants(self, block: int) -> Sequence[Variant]:
        numbers = self.blocks[block]
        return self.sweep.value.variants[numbers.start : numbers.stop]

    def _list(self, number: int) -> list[Sleeve]:
        return self.sleeves[number].value


def _remove(*sent: Broadcast[Any]) -> None:
    """Remove what was sent; of a session that has ended, nothing is left."""
    for one in sent:
        with contextlib.suppress(Exception):
            one.destroy()


def _sound(part: Any) -> Any:
    """Return a part, or raise the error that came in its place."""
    if isinstance(part, BadInput):
        raise part
    return part


def _cut(number: int, pieces: int) -> list[range]:
    """Cut the numbers from 0 into pieces that differ by one at most."""
    stops = [number * piece // pieces for piece in range(pieces + 1)]
    return [range(*ends) for ends in itertools.pairwise(stops)]
