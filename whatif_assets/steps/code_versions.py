"""Code versions: hashes of the code that makes each table.

A table that was made by different code is stale. The hash covers the text of the
modules that make the table: the steps listed here, and all modules of the domain, the
engines and the sources that they import, directly or not. Comment lines do not count.
Code with a version of its own is left out: a change of an indicator, an algorithm or a
trading rule only makes the results that use it stale.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from whatif_assets.domain.base.hashing import combined_hash

PACKAGE = "whatif_assets"
# Modules that read bars from the lake, and modules that run a backtest and benchmark.
_BARS = ("home.bar_reader", "home.adjustments")
_RUNS = (
    "steps.sleeves",
    "steps.path_forecasts",
    "steps.benchmarks",
    "steps.frictions",
    "steps.market_impact",
    "domain.strategies.benchmark_size",
    *_BARS,
)
ROOTS: dict[str, tuple[str, ...]] = {
    "facts": ("steps.facts",),
    "price_bars": ("steps.ingest", "steps.actions"),
    "features": ("steps.session_features", "steps.feature_tables", *_BARS),
    "trained_models": (
        "steps.training",
        "steps.trained",
        "steps.examples",
        "steps.dataset",
        *_BARS,
    ),
    "forecasts": (
        "steps.forecasting",
        "steps.dataset",
        "home.models",  # imports all kinds of fitted models
        *_BARS,
    ),
    "forecast_quality": ("steps.forecast_quality", "steps.path_forecasts", *_BARS),
    "model_cards": (
        "steps.model_cards",
        "steps.learning_curve",
        "steps.dataset",
        *_BARS,
    ),
    "backtest_results": ("steps.backtesting", "steps.paths", *_RUNS),
    "data_quality": ("domain.quality",),
    "result_quality": ("steps.leak_gate",),
    "leaderboard": ("steps.leaderboard", "domain.ranking.ranking"),
    "placebo_results": ("steps.placebos", *_RUNS),
    "holdout_results": ("steps.holdout", "steps.backtesting", *_RUNS),
    "verdicts": (
        "steps.verdicts",
        "steps.exposure",
        "steps.edge_parts",
        "steps.capacity",
        *_RUNS,
    ),
    "frozen_winner": ("steps.freezing", "domain.selection.forward"),
    "forward_results": (
        "steps.forward",
        "steps.session_features",
        "home.models",
        *_RUNS,
    ),
    "best_configuration": (
        "steps.winner",
        "steps.paths",
        "report.study_results",
        "report.conclusion",
    ),
}
FOLLOWED = ("domain", "engines", "sources")
# Modules that have versions of their own, or do not change what is computed.
LEFT_OUT = (
    "domain.base",
    "domain.features.indicators",
    "domain.models.algorithms",
    "domain.models.linear",
    "domain.models.trees",
    "domain.strategies",
    "engines.own_strategies",
    "engines.local_code",
    "engines.spark",
)
_IMPORT = re.compile(rf"^\s*from ({PACKAGE}[.\w]*) import (\([^)]*\)|.*)$", re.M)
_COMMENT = re.compile(r"^\s*#.*\n", re.M)


class CodeVersions(dict[str, str]):
    """Code versions by table, each computed on first access."""

    def __missing__(self, table: str) -> str:
        """Hash the text of all modules that make a table."""
        self[table] = combined_hash(
            [name, _COMMENT.sub("", text_of(name))] for name in modules_of(table)
        )
        return self[table]


CODE_VERSIONS = CodeVersions()


def code_of_everything() -> str:
    """Hash the text of all modules, with the code versions of the tables."""
    versions = [[table, CODE_VERSIONS[table]] for table in ROOTS]
    return combined_hash([versions, [[name, text_of(name)] for name in _files()]])


def modules_of(table: str) -> list[str]:
    """Return the names of the modules that make a table, sorted.

    Raises
    ------
    KeyError
        ``ROOTS`` lists no code for the table.
    """
    found: set[str] = set()
    waiting = [f"{PACKAGE}.{root}" for root in ROOTS[table]]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [used for used in imported_by(name) if _counts(used)]
    return sorted(found)


@functools.cache
def imported_by(name: str) -> tuple[str, ...]:
    """Return the modules of the package that a module imports."""
    return tuple(dict.fromkeys(_imports(text_of(name))))


def _imports(text: str) -> Iterator[str]:
    for module, names in _IMPORT.findall(text):
        if _is_module(module):
            yield module
        for word in re.findall(r"\w+", names):
            if _is_module(f"{module}.{word}"):
                yield f"{module}.{word}"


def _counts(name: str) -> bool:
    inside = name.removeprefix(f"{PACKAGE}.")
    if any(inside == one or inside.startswith(f"{one}.") for one in LEFT_OUT):
        return False
    return inside.partition(".")[0] in FOLLOWED


def _is_module(name: str) -> bool:
    return name in _files()


def text_of(name: str) -> str:
    """Return the source text of a module."""
    return _text(name)


@functools.cache
def _text(name: str) -> str:
    return _files()[name].read_text(encoding="utf-8")


@functools.cache
def _files() -> Mapping[str, Path]:
    """Paths of all modules of the package, by name of the module."""
    top = Path(__file__).parents[1]
    found = {}
    for path in sorted(top.rglob("*.py")):
        parts = path.relative_to(top).with_suffix("").parts
        named = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join((PACKAGE, *named))] = path
    return found
