"""Programs of the cluster's tests: a session of their own, and all sweeps on executors.

``run ARGUMENTS`` is ``whatif ARGUMENTS``. ``kill ADDRESS PID`` sweeps twice on the
cluster at an address, kills the process group of a worker in the middle of the second
sweep, and exits with 0 if both equal the sweep of this process, to the bit.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.engines.backtest import sweep, sweeping_on
from whatif_assets.engines.engine import Sweep
from whatif_assets.engines.spark import sweeping
from whatif_assets.engines.spark.executors import prepare_executors
from whatif_assets.engines.spark.session import spark_session, spark_settings
from whatif_assets_tests.engines.spark.same_bits import (
    assert_same_bits,
    market,
    variants,
)


class Counted(sweeping.ClusterEngine):
    """Tells of each sweep that has run on executors."""

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run a sweep there and say so."""
        found = super().accounts(sweep)
        print(f"on executors: {len(sweep.variants)} variants of {sweep.strategy.name}")
        return found


def run(*arguments: str) -> None:
    """Run the command line."""
    from whatif_assets.__main__ import main

    sys.argv[1:] = arguments
    main()


def kill_in_the_middle(context: Any, pid: int) -> None:
    """Kill a worker once some, but not all, tasks of a stage are finished."""
    tracker = context.statusTracker()
    while True:
        for stage in map(tracker.getStageInfo, tracker.getActiveStageIds()):
            if stage and 0 < stage.numCompletedTasks < stage.numTasks:
                os.killpg(pid, signal.SIGKILL)
                print("killed", flush=True)
                return
        time.sleep(0.02)


def kill(address: str, pid: str) -> None:
    """Sweep on a cluster, and again while a worker is killed."""
    spark = spark_session(spark_settings(address))
    prepare_executors(spark)
    cluster = sweeping.Cluster(spark)
    sleeves, some = market(6, bars=2_000), variants(600, stop_loss=0.2)
    (here,) = sweep(sleeves, "forecast_threshold", some)
    assert here.traded.any()
    with sweeping_on(cluster):
        (there,) = sweep(sleeves, "forecast_threshold", some)
        assert_same_bits(there, here)
        arguments = cluster.context, int(pid)
        killer = threading.Thread(target=kill_in_the_middle, args=arguments)
        killer.start()
        (there,) = sweep(sleeves, "forecast_threshold", some)
        killer.join(timeout=0)
    assert not killer.is_alive(), "the sweep ended before the worker was killed"
    assert_same_bits(there, here)
    spark.stop()


if __name__ == "__main__":
    sweeping.WORTH_A_JOB = 0
    sweeping.ClusterEngine = Counted  # type: ignore[misc]
    {"run": run, "kill": kill}[sys.argv[1]](*sys.argv[2:])
