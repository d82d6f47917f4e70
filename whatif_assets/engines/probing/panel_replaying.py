"""Probe a user's own strategy of several symbols by running it bar by bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.panel_run import PanelRun
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.leaks.filling import ADVICE, FILLS_PROBE
from whatif_assets.domain.leaks.finding import Finding, Tally, when
from whatif_assets.engines.isolation.worker_pool import run_tasks
from whatif_assets.engines.processes.tasks import task_of
from whatif_assets.engines.strategies import StrategyType

_PROCESSES = 2


def panel_runs_alike(
    kind: StrategyType, variant: Variant, sleeves: Sequence[Sleeve], fills: pd.DataFrame
) -> Finding:
    """Run an account once more, and once on feeds that end with the current bar.

    Parameters
    ----------
    kind, variant, sleeves
        What was run.
    fills
        Its fills.

    Returns
    -------
    Finding
        Failed where the fills of the runs differ. If those of two equal runs do, the
        strategy is random, or keeps something from one run to the next. Otherwise it
        reads bars that are still to come.

    Raises
    ------
    BadInput
        The strategy fails on the same bars.
    """
    panel, tally = Panel.of(sleeves), Tally(FILLS_PROBE)
    again, revealed = _runs(kind, variant, panel)
    own = fills.sort_values(["ts", "symbol"], kind="stable", ignore_index=True)
    tally.look_at(f"{len(panel.sleeves)} symbols twice, once bar by bar")
    tally.count(len(own))
    if _first_apart(own, again.filled(panel)) is not None:
        tally.fail(_not_repeated(again))
    elif (row := _first_apart(own, revealed.filled(panel))) is not None:
        tally.fail(
            f"the fills of the account from {row['symbol']} at {when(row['ts'])} on "
            f"are not the same once later bars do not exist yet. {ADVICE}",
            str(row["symbol"]),
            row["ts"],
        )
    return tally.finding()


def _runs(kind: StrategyType, variant: Variant, panel: Panel) -> list[PanelRun]:
    tasks = [
        replace(task_of(what, kind, panel, [variant]), sandboxed=True)
        for what in ("backtest_panel", "panel_bar_by_bar")
    ]
    found: list[PanelRun] = []
    for outcome in run_tasks(tasks, _PROCESSES):
        if outcome.failure:
            raise outcome.failure
        found += outcome.results
    return found


def _not_repeated(again: PanelRun) -> str:
    names = ", ".join(sorted({path.rsplit("/", 1)[-1] for path in again.files.read}))
    if names:
        return (
            f"the strategy reads {names}, and trades differently where the file is "
            "missing. Keep nothing from one run to the next."
        )
    return (
        "the results of the strategy differ between runs on the same bars. Use a "
        "random generator with a seed, such as random.Random(7), and keep nothing from "
        "an earlier run."
    )


def _first_apart(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.Series | None:
    """Return the first fill that only one of two runs has; None if there is none."""
    columns = ["symbol", "ts", "size", "price"]
    n = min(len(ours), len(theirs))
    apart = (ours.loc[: n - 1, columns] != theirs.loc[: n - 1, columns]).any(axis=1)
    if apart.any():
        return ours.iloc[int(np.argmax(apart))]
    if len(ours) == len(theirs):
        return None
    return (ours if len(ours) > n else theirs).iloc[n]
