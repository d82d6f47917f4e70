"""Tasks for processes of their own: what a strategy is to do there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatif_assets.domain.accounts.job import Executions, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.isolation.messages import (
    Task,
)
from whatif_assets.engines.isolation.worker_pool import only, seconds_for
from whatif_assets.engines.strategies import StrategyType


def task_of(
    what: str, kind: StrategyType, sleeve: Sleeve, variants: Sequence[Variant]
) -> Task:
    """Describe jobs to a worker.

    A setting that is as the strategy declares it stays here: it may be a class or a
    function that only the strategy's own module knows, and the worker finds it there.
    """
    given = tuple(replace(v, settings=kind.given(v.settings)) for v in variants)
    return Task(what, kind.name, kind.base, sleeve, given, seconds_for(len(sleeve)))


def executions_of(
    kind: StrategyType,
    sleeve: Sleeve,
    variant: Variant,
    what: str = "executions",
    sandboxed: bool = False,
) -> Executions:
    """Run one variant, and tell when and how its orders were sent.

    Parameters
    ----------
    what
        ``executions``; ``attempt``, which may fail; or ``bar_by_bar``, an attempt with
        no later bar in reach.
    sandboxed
        Whether it sees none of the files that an earlier run left behind.

    Raises
    ------
    BadInput
        As for `whatif_assets.engines.reference.executions`; or the
        strategy ends its process, or takes too long.
    """
    task = replace(task_of(what, kind, sleeve, [variant]), sandboxed=sandboxed)
    executions: Executions = only(task)
    return executions
