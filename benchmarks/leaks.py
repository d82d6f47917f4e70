"""Count detected leaks and false alarms of the leak gate, and measure its cost.

Run ``python -m benchmarks.leaks`` in the project's folder; ``--json FILE`` writes the
counts, ``--docs`` the table in ``docs/leaks.md``. The programs are in
``whatif_assets_tests/domain/leaks/zoo``. The cost is the total time of the gate's calls
in runs of the demo and of a study of 29 symbols.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.leaks import Finding
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration.runs import Runner
from whatif_assets_tests.domain.leaks.zoo import (
    computing,
    dated,
    honest_features,
    honest_strategies,
    leaky_features,
    leaky_strategies,
    trading,
)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "leaks.md"
BEGIN, END = "<!-- benchmark -->", "<!-- end of benchmark -->"
GATE = {
    "whatif_assets.orchestration.assets.features": ("probe_features",),
    "whatif_assets.steps.training": ("probe_labels", "probe_learned_columns"),
    "whatif_assets.steps.forecasting": ("probe_forecasts",),
    "whatif_assets.steps.backtesting": (
        "probe_indicators",
        "probe_fills",
        "probe_traded_columns",
    ),
}
LARGE_STUDY = """
market:
  source: sample
  options: {symbol_count: 29}
  first_session: 2026-01-05
  last_session: 2026-01-30
features:
  - ema: {timeperiod: 10, relative_to: vwap}
  - close: {relative_to: vwap}
label: {price: vwap, horizon: 5, kind: return}
evaluation: {method: split, train: 0.5}
configurations:
  linear: {algorithm: linear, strategy: forecast_threshold}
  ema: {strategy: ema_cross, sweep: {fastperiod: [5, 10], slowperiod: [30, 60]}}
  own: {strategy: "own.py:Own"}
"""
OWN = """
import backtrader as bt


class Own(bt.Strategy):
    def __init__(self):
        self.cross = bt.ind.CrossOver(bt.ind.SMA(period=10), bt.ind.SMA(period=60))

    def next(self):
        if self.cross[0]:
            self.order_target_size(target=100 * self.cross[0])
"""


@dataclass
class Count:
    """Programs of one kind, and how the gate judged them."""

    leaky: int = 0
    honest: int = 0
    missed: dict[str, str] = field(default_factory=dict)
    accused: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def caught(self) -> int:
        """Number of leaky programs that were refused."""
        return self.leaky - len(self.missed)


def strategies() -> Count:
    """Probe all strategies."""
    bars = trading.sleeves()
    return _counted(
        leaky_strategies.LEAKY,
        honest_strategies.HONEST,
        lambda name, _: trading.probed("leaky_strategies", name, bars),
        lambda name, _: trading.probed("honest_strategies", name, bars),
    )


def features() -> Count:
    """Probe all features."""
    bars = computing.walks()

    def _probed(name: str, function: Any) -> Finding:
        return computing.probed(name, function, bars)

    return _counted(leaky_features.LEAKY, honest_features.HONEST, _probed, _probed)


def _counted(
    leaky: Mapping[str, Any],
    honest: Mapping[str, Any],
    probe_leaky: Callable[[str, Any], Finding],
    probe_honest: Callable[[str, Any], Finding],
) -> Count:
    count, began = Count(len(leaky), len(honest)), time.perf_counter()
    for name, program in leaky.items():
        if reason := _why_passed(functools.partial(probe_leaky, name, program)):
            count.missed[name] = reason
        print(f"{name}: {'missed' if name in count.missed else 'caught'}", flush=True)
    for name, program in honest.items():
        try:
            finding = probe_honest(name, program)
            reason = finding.reason
        except BadInput as error:
            reason = str(error)
        if reason:
            count.accused[name] = reason
        print(f"{name}: {'accused' if reason else 'passed'}", flush=True)
    count.seconds = time.perf_counter() - began
    return count


def _why_passed(probe: Callable[[], Finding]) -> str:
    """Describe what was compared without a finding; empty if refused."""
    try:
        finding = probe()
    except BadInput:
        return ""
    return f"not seen in: {finding.compared}" if finding.passed else ""


def facts_and_labels() -> Count:
    """Probe facts, labels and bars that are dated too early."""
    began, names = time.perf_counter(), dated.DATED
    missed = {n: "not asked about" for n, found in names.items() if not found()}
    asked = dated.honest_facts_asked_about()
    accused = {"honest facts": f"{asked} asked about"} if asked else {}
    seconds = time.perf_counter() - began
    return Count(len(names), 3, missed, accused, seconds)


@contextlib.contextmanager
def timed_gate() -> Iterator[dict[str, float]]:
    """Sum the seconds of the gate's calls, by probe."""
    import importlib

    seconds: dict[str, float] = {}
    replaced = []

    def _timed(name: str, probe: Callable[..., Finding]) -> Callable[..., Finding]:
        def _call(*args: Any, **options: Any) -> Finding:
            began = time.perf_counter()
            try:
                return probe(*args, **options)
            finally:
                took = time.perf_counter() - began
                seconds[name] = seconds.get(name, 0.0) + took

        return _call

    for module_name, names in GATE.items():
        module = importlib.import_module(module_name)
        for name in names:
            probe = getattr(module, name)
            replaced.append((module, name, probe))
            setattr(module, name, _timed(name, probe))
    try:
        yield seconds
    finally:
        for module, name, probe in replaced:
            setattr(module, name, probe)


def cost(home: Home, study: Any) -> dict[str, Any]:
    """Return the seconds of a run, and those of the gate in it."""
    began = time.perf_counter()
    with dg.DagsterInstance.ephemeral() as instance, timed_gate() as seconds:
        failures = Runner(home, instance).run(study)
    whole = time.perf_counter() - began
    return {
        "run_seconds": round(whole, 1),
        "gate_seconds": round(sum(seconds.values()), 1),
        "by_probe": {name: round(s, 1) for name, s in sorted(seconds.items())},
        "failures": failures,
    }


def costs() -> dict[str, Any]:
    """Measure the cost on the demo and on 29 symbols."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        (data / "studies").mkdir(parents=True)
        shutil.copy(ROOT / "data" / "market.yaml", data)
        shutil.copy(ROOT / "data" / "studies" / "demo.yaml", data / "studies")
        home = Home.open(data)
        demo = cost(home, home.studies()["demo"])
        path = Path(folder) / "large.yaml"
        path.write_text(LARGE_STUDY)
        path.with_name("own.py").write_text(OWN)
        large = cost(*set_up(Path(folder) / "large", path))
    return {"demo": demo, "symbols_29": large}


def table(report: Mapping[str, Any]) -> str:
    """Format the counts as a table for the docs."""
    lines = [
        "| programs | leaky | caught | honest | false alarms |",
        "|---|---|---|---|---|",
    ]
    for kind, count in report["kinds"].items():
        alarms = len(count["false_alarms"])
        lines.append(
            f"| {kind} | {count['leaky']} | {count['caught']} | {count['honest']} | "
            f"{alarms} |"
        )
    missed = [
        f"- {name} ({kind}): {reason}"
        for kind, count in report["kinds"].items()
        for name, reason in count["missed"].items()
    ]
    lines += ["", "Missed:" if missed else "Nothing was missed.", *missed]
    for name, words in (("demo", "the demo"), ("symbols_29", "29 symbols")):
        if name in report.get("cost", {}):
            one = report["cost"][name]
            lines += [
                "",
                f"On {words} the gate took {one['gate_seconds']} s of "
                f"{one['run_seconds']} s.",
            ]
    return "\n".join(lines)


def main() -> None:
    """Probe every program, and report the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the counts to this file")
    parser.add_argument("--docs", action="store_true", help="write the docs' table")
    parser.add_argument("--no-cost", action="store_true", help="leave out the runs")
    chosen = parser.parse_args()
    kinds = {
        "strategies": strategies(),
        "features": features(),
        "facts, labels and stamps": facts_and_labels(),
    }
    report: dict[str, Any] = {
        "caught": sum(count.caught for count in kinds.values()),
        "missed": {n: why for c in kinds.values() for n, why in c.missed.items()},
        "false_alarms": sum(len(count.accused) for count in kinds.values()),
        "kinds": {
            kind: {
                "leaky": count.leaky,
                "honest": count.honest,
                "caught": count.caught,
                "missed": count.missed,
                "false_alarms": count.accused,
                "seconds": round(count.seconds, 1),
            }
            for kind, count in kinds.items()
        },
    }
    if not chosen.no_cost:
        report["cost"] = costs()
    print(json.dumps(report, indent=1))
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    if chosen.docs:
        text = DOCS.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        DOCS.write_text(f"{head}{BEGIN}\n{table(report)}\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
