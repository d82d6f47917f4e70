"""Tasks that run a strategy in another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatif_assets.domain.accounts.job import Executions, Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.isolation.messages import Task
from whatif_assets.engines.isolation.worker_pool import run_task, time_limit
from whatif_assets.engines.strategies import StrategyType


def task_of(
    what: str, kind: StrategyType, sleeve: Sleeve | Panel, variants: Sequence[Variant]
) -> Task:
    """Make a task that runs a function of ``engines.reference`` for some variants.

    Settings that have the strategy's default are not sent: a default may be a class or
    function of the strategy's own module, which the worker has to import itself.
    """
    given = tuple(replace(v, settings=kind.given(v.settings)) for v in variants)
    return Task(what, kind.name, kind.base, sleeve, given, time_limit(len(sleeve)))


def executions_of(
    kind: StrategyType,
    sleeve: Sleeve,
    variant: Variant,
    what: str = "executions",
    sandboxed: bool = False,
) -> Executions:
    """Run one variant on one sleeve in another process; return its orders and fills.

    Parameters
    ----------
    what
        Name of the function of `whatif_assets.engines.reference`: ``executions``;
        ``attempt``, which returns a failure too; or ``bar_by_bar``, an attempt with
        bars that are loaded one by one.
    sandboxed
        Whether files of earlier runs are hidden.

    Raises
    ------
    BadInput
        As for `whatif_assets.engines.reference.executions`; or the strategy ends its
        process, or takes too long.
    """
    task = replace(task_of(what, kind, sleeve, [variant]), sandboxed=sandboxed)
    executions: Executions = run_task(task)
    return executions
