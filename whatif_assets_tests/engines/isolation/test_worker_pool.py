"""A strategy that ends or blocks its process harms only its job, and is named."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Variant, run_backtests
from whatif_assets.engines.isolation import worker_pool as isolation
from whatif_assets.engines.isolation.worker_pool import run_tasks
from whatif_assets.engines.probing.replaying import probe_strategy
from whatif_assets.engines.processes.tasks import task_of
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.sleeves_for_tests import sleeve

BARS = sleeve(np.linspace(10, 20, 40).tolist())
HEAD = """
import os, random, signal, sys
import backtrader as bt
import numpy as np


class Wild(bt.Strategy):
    params = dict(last=False)

    def next(self):
        if len(self) == 3 and not self.p.last:
            """


def run(folder: Path, line: str, variants: list[Variant] | None = None) -> list[float]:
    """Run a strategy that does something on its third bar; return the filled sizes."""
    (folder / "wild.py").write_text(f"{HEAD}{line}\n        self.buy(size=1)\n")
    chosen = variants or [Variant("-", {})]
    result = run_backtests([BARS], "wild.py:Wild", chosen, base=folder)
    return [float(size) for size in result.fills["size"]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sys.exit(3)", r"SystemExit: 3 \(.*wild.py:12\).*env.runstop"),
        ("exit()", r"SystemExit: None \(.*wild.py:12\)"),
        ("os._exit(0)", r"SystemExit: 0 \(.*wild.py:12\)"),
        ("raise KeyboardInterrupt", r"KeyboardInterrupt:  \(.*wild.py:12\)"),
        ("self.next()", r"RecursionError: .*\(.*wild.py:1[12]\)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "ended by the signal SIGKILL"),
        ("signal.raise_signal(signal.SIGSEGV)", "signal SIGSEGV.*wild.py:12 in next"),
        ("input()", r"EOFError: .*\(.*wild.py:12\)"),
        ("self.datas[1].close[0]", r"IndexError.*one data feed, self.data"),
        ("self.getdatabyname('SPY')", "KeyError.*Each symbol is traded in a separate"),
        ("self.data1.close[0]", "AttributeError.*Each symbol is traded in a separate"),
    ],
)
def test_an_error_that_ends_a_strategy_is_reported_with_its_line(
    tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        run(tmp_path, line)
    assert str(caught.value).startswith(
        "Strategy 'wild.py:Wild', symbol AAA, variant -"
    )


@pytest.mark.parametrize("line", ["while True: pass", "__import__('time').sleep(99)"])
def test_a_strategy_that_never_ends_is_stopped_and_reported_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("WHATIF_STRATEGY_SECONDS", "2")
    with pytest.raises(BadInput, match=r"still running after 2 s, for 40 bars, at .*"
                       r"wild.py:12 in next.*WHATIF_STRATEGY_SECONDS"):  # fmt: skip
        run(tmp_path, line)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_a_limit_that_is_not_a_number_above_0_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("WHATIF_STRATEGY_SECONDS", text)
    with pytest.raises(BadInput, match="WHATIF_STRATEGY_SECONDS: found"):
        run(tmp_path, "pass")


def test_the_next_job_runs_after_one_that_ended_its_process(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="SIGKILL"):
        run(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert run(tmp_path, "pass") == [1.0] * 39


def test_dismissing_a_pool_ends_its_running_jobs(tmp_path: Path) -> None:
    line = """
            with open(f"{self.p.last}.pid", "w") as file:
                file.write(str(os.getpid()))
            while self.p.last == str(self.p.last): pass
"""
    text = HEAD.replace("last=False", "last=''").replace("and not self.p.last", "")
    (tmp_path / "wild.py").write_text(text + line)
    kind = find_strategy("wild.py:Wild", tmp_path)
    file = tmp_path / "job.pid"
    loops = Variant("-", {"last": str(file.with_suffix(""))})
    outcomes = run_tasks([task_of("backtest", kind, BARS, [loops])], 1)
    listener = threading.Thread(target=lambda: list(outcomes), daemon=True)
    pools: list[isolation._WorkerPool] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolation, "_WorkerPool", _noted(isolation._WorkerPool, pools))
        listener.start()
        while not (file.exists() and file.read_text()):
            time.sleep(0.01)
    pools[0].dismiss()
    listener.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def _noted(
    kind: type[isolation._WorkerPool], made: list[isolation._WorkerPool]
) -> Callable[[], isolation._WorkerPool]:
    """Make a pool, and keep it in a list."""

    def make() -> isolation._WorkerPool:
        made.append(kind())
        return made[-1]

    return make


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import os\nos._exit(3)\n",
            r"its import fails with SystemExit: 3 .*wild.py:2",
        ),
        ("import os\nos.abort()\n", r"signal SIGABRT .*, at .*wild.py:2 in <module>"),
        (
            "import sys\nsys.exit(3)\n",
            r"its import fails with SystemExit: 3 .*wild.py:2",
        ),
        ("\nraise KeyboardInterrupt\n", r"KeyboardInterrupt"),
        ("\nimport no_such_module\n", r"ModuleNotFoundError.*wild.py:2"),
    ],
)
@pytest.mark.parametrize("name", ["wild.py:Wild", "wild:Wild"])
def test_code_that_ends_its_process_when_imported_is_refused(
    tmp_path: Path, text: str, message: str, name: str
) -> None:
    (tmp_path / "wild.py").write_text(text)
    with pytest.raises(BadInput, match=rf"Strategy '{name}'.*{message}"):
        find_strategy(name, tmp_path)


def test_an_import_that_never_ends_is_stopped_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATIF_STRATEGY_SECONDS", "1.5")
    (tmp_path / "wild.py").write_text("import time\ntime.sleep(1e6)\n")
    with pytest.raises(BadInput, match=r"still running after 2 s, at .*wild.py:2"):
        find_strategy("wild.py:Wild", tmp_path)
    monkeypatch.setattr(isolation, "try_import", None)
    with pytest.raises(BadInput, match="still running after 2 s"):
        find_strategy("wild.py:Wild", tmp_path)
    monkeypatch.undo()
    (tmp_path / "wild.py").write_text(f"{HEAD}pass\n")
    assert find_strategy("wild.py:Wild", tmp_path).strategy.__name__ == "Wild"


def test_a_job_finds_nothing_that_an_earlier_job_kept(tmp_path: Path) -> None:
    variants = [Variant("1", {}), Variant("2", {})]
    line = "Wild.sold = getattr(Wild, 'sold', 0) + 1; self.sell(size=Wild.sold)"
    sizes = run(tmp_path, line, variants)
    assert sizes.count(-1.0) == 2
    assert -2.0 not in sizes


def test_the_output_of_the_first_job_is_printed_up_to_a_limit(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    variants = [Variant("1", {}), Variant("2", {})]
    run(tmp_path, "print('hello ' * 1_000_000)", variants)
    printed = capfd.readouterr()
    assert "wild.py:Wild on AAA printed:\nhello hello" in printed.out
    assert "the rest of the output is left out" in printed.out
    assert len(printed.out) + len(printed.err) < 5_000


@pytest.mark.parametrize("draw", ["random.random()", "np.random.uniform()"])
def test_a_strategy_that_draws_without_a_seed_is_told_to_set_one(
    tmp_path: Path, draw: str
) -> None:
    (tmp_path / "wild.py").write_text(f"{HEAD}pass\n        self.buy(size={draw})\n")
    kind = find_strategy("wild.py:Wild", tmp_path)
    finding = probe_strategy(kind, [BARS], Variant("-", {}), seed=1)
    assert "results of the strategy differ between runs" in finding.reason
    assert "seed" in finding.reason


@pytest.mark.parametrize("seed", ["random.seed(7)", "np.random.seed(7)"])
def test_a_strategy_that_seeds_when_it_is_imported_is_honest(
    tmp_path: Path, seed: str
) -> None:
    text = HEAD.replace("class Wild", f"{seed}\n\n\nclass Wild")
    draw = f"{seed.split('seed')[0]}random()"
    (tmp_path / "wild.py").write_text(f"{text}pass\n        self.buy(size={draw})\n")
    kind = find_strategy("wild.py:Wild", tmp_path)
    finding = probe_strategy(kind, [BARS], Variant("-", {}), seed=1)
    assert finding.passed, finding.reason
