"""Measure what a bar, a variant, a model and a partition cost, and plan large studies.

Run ``python benchmarks/scale.py --json FILE`` with the package installed, on Linux: it
runs studies on simulated markets, as ``growth.py`` does, takes differences between runs
that differ in one respect, and writes the unit costs. ``--plan FILE`` reads unit costs
and prints what a large study would take. See docs/scale.md for the cost model.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from growth import HOLD, MINUTES, VARIANTS, Case, Market, measure

SYMBOLS, SESSIONS, MORE_SESSIONS = 50, 10, 40
FEW, MANY = 1, 20  # times 200 variants
FEW_MODELS, MANY_MODELS = 2, 8
FEATURES = [{"ema": {"timeperiod": n, "relative_to": "close"}} for n in (5, 10, 20, 40)]
LEARNING = {
    "features": FEATURES,
    "label": {"price": "close", "horizon": 5, "kind": "return"},
}


def _swept(sessions: int, holdings: int) -> Case:
    """Return a rule with 200 variants for each of some holding times."""
    sweep = {**VARIANTS, "max_holding": [0, *range(10, 10 * holdings, 10)]}
    rule = {"strategy": "ema_cross", "sweep": sweep}
    return Case(Market(SYMBOLS, sessions, "1min"), {"ema": rule, **HOLD})


def _learned(models: int) -> Case:
    forest = {"algorithm": "random_forest", "n_trees": 20, "max_depth": 5}
    forest |= {"strategy": "forecast_threshold", "threshold": 0.0001}
    several = {f"forest_{n}": {**forest, "model_seed": n} for n in range(models)}
    return Case(Market(SYMBOLS, SESSIONS, "1min"), {**several, **HOLD}, LEARNING)


def _listed(configurations: int) -> Case:
    rules = {
        f"ema_{n}": {"strategy": "ema_cross", "fastperiod": 2, "slowperiod": 5 + n}
        for n in range(configurations)
    }
    return Case(Market(5, 250), {**rules, **HOLD})


CASES = {
    "bars": _swept(SESSIONS, FEW),
    "more bars": _swept(MORE_SESSIONS, FEW),
    "more variants": _swept(SESSIONS, MANY),
    "models": _learned(FEW_MODELS),
    "more models": _learned(MANY_MODELS),
    "configurations": _listed(4),
    "more configurations": _listed(24),
}


@dataclass(frozen=True)
class Costs:
    """Unit costs. Seconds are those of one core.

    Attributes
    ----------
    bar_seconds
        Of a bar: ingest, checks, database, report.
    bar_variant_seconds
        Of a bar of a variant with stops and holding times.
    row_fit_seconds
        Of a row of training data, in a forest of 20 trees on 4 features, with its
        forecast and backtest.
    configuration_seconds, configuration_record_mb
        Of a configuration of daily bars, and of its records in Dagster.
    session_record_mb
        Records of a session in Dagster.
    bar_bytes, bar_memory_bytes
        Of a bar in the lake, and in the memory of a run.
    fixed_seconds
        Of a run, however small.
    """

    bar_seconds: float
    bar_variant_seconds: float
    row_fit_seconds: float
    configuration_seconds: float
    configuration_record_mb: float
    session_record_mb: float
    bar_bytes: float
    bar_memory_bytes: float
    fixed_seconds: float

    @classmethod
    def of(cls, rows: dict[str, dict[str, float]]) -> Costs:
        """Derive unit costs from the measured runs, by differences."""
        bars = SYMBOLS * SESSIONS * MINUTES
        more_bars = SYMBOLS * (MORE_SESSIONS - SESSIONS) * MINUTES

        def _more(name: str, what: str) -> float:
            return rows[f"more {name}"][what] - rows[_BASE[name]][what]

        variant = _more("variants", "cpu_seconds") / (bars * 200 * (MANY - FEW))
        bar = _more("bars", "cpu_seconds") / more_bars - 200 * FEW * variant
        trained = (MANY_MODELS - FEW_MODELS) * bars / 2
        fixed = rows["bars"]["cpu_seconds"] - bars * (bar + 200 * FEW * variant)
        return cls(
            bar_seconds=bar,
            bar_variant_seconds=variant,
            row_fit_seconds=_more("models", "cpu_seconds") / trained,
            configuration_seconds=_more("configurations", "cpu_seconds") / 20,
            configuration_record_mb=_more("configurations", "records_mb") / 20,
            session_record_mb=_more("bars", "records_mb") / (MORE_SESSIONS - SESSIONS),
            bar_bytes=_more("bars", "lake_mb") * 1e6 / more_bars,
            bar_memory_bytes=_more("bars", "peak_mb") * 2**20 / more_bars,
            fixed_seconds=fixed,
        )


_BASE = {
    "bars": "bars",
    "variants": "bars",
    "models": "models",
    "configurations": "configurations",
}


@dataclass(frozen=True)
class Plan:
    """A large study, and the machines and prices that are assumed for it."""

    symbols: int = 8_000
    sessions: int = 2_520  # 10 years
    variants: int = 10_000
    configurations: int = 10
    models: int = 100  # 10 configurations of 10 folds
    train_sessions: int = 250
    features: int = 4
    cores: int = 16  # of a worker
    core_hour: float = 0.05  # $
    stored_gb_month: float = 0.023  # $

    @property
    def bars(self) -> float:
        """Bars of one minute."""
        return float(self.symbols * self.sessions * MINUTES)

    def work(self, costs: Costs) -> dict[str, float]:
        """Return the core seconds of each part."""
        rows = self.symbols * self.train_sessions * MINUTES * self.models
        return {
            "sweep": self.bars * self.variants * costs.bar_variant_seconds,
            "models": rows * costs.row_fit_seconds,
            "bars": self.bars * costs.bar_seconds,
            "configurations": self.configurations * costs.configuration_seconds,
        }

    def on(self, workers: int, costs: Costs) -> dict[str, float]:
        """Return time, memory, shuffle, storage and money on some workers.

        Sweep and models are divided evenly. Bars and configurations are the work of
        one process on the driver, on one core: reading and writing is a queue.
        """
        work = self.work(costs)
        divided = (work["sweep"] + work["models"]) / (workers * self.cores)
        driver = work["bars"] + work["configurations"] + costs.fixed_seconds
        hours = (divided + driver) / 3600
        rows = self.symbols * self.train_sessions * MINUTES
        shuffle = rows * self.models * 8 * (self.features + 2)
        return {
            "workers": workers,
            "hours divided": divided / 3600,
            "hours of driver": driver / 3600,
            "hours": hours,
            "memory a worker, GB": self.bars * costs.bar_memory_bytes / workers / 1e9,
            "shuffle, TB": 0.0 if workers == 1 else shuffle / 1e12,
            "$ of computing": hours * workers * self.cores * self.core_hour,
        }

    def storage(self, costs: Costs) -> dict[str, float]:
        """Return the size of lake and records, and the monthly price of the lake."""
        lake = self.bars * costs.bar_bytes / 1e9
        records = self.sessions * costs.session_record_mb
        records += self.configurations * costs.configuration_record_mb
        return {
            "lake, GB": lake,
            "records, MB": records,
            "$ a month": lake * self.stored_gb_month,
        }


def measured() -> dict[str, dict[str, float]]:
    """Run all cases, each from an empty home."""
    rows: dict[str, dict[str, float]] = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = measure(case, Path(folder))
        print(json.dumps({"case": name, **rows[name]}), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Measure unit costs, or read them, and print them with the plan."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write what was measured")
    parser.add_argument("--plan", type=Path, help="read what was measured before")
    chosen = parser.parse_args()
    content: dict[str, Any] = (
        json.loads(chosen.plan.read_text()) if chosen.plan else {"rows": measured()}
    )
    costs, plan = Costs.of(content["rows"]), Plan()
    if chosen.json:
        chosen.json.write_text(
            json.dumps({**content, "costs": asdict(costs)}, indent=1)
        )
    shown = "{:,.3g}".format
    print(pd.DataFrame(content["rows"]).T.to_string(float_format=shown))
    for found in (asdict(costs), asdict(plan), plan.work(costs), plan.storage(costs)):
        print("\n" + pd.Series(found, dtype=float).to_string(float_format=shown))
    table = pd.DataFrame([plan.on(workers, costs) for workers in (1, 10, 100)])
    print("\n" + table.to_string(index=False, float_format=shown))


if __name__ == "__main__":
    main()
