"""What installed packages add: found late, named in every message, never in the way."""

from __future__ import annotations

import sys

import pytest

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.plugins import forget_installed
from whatif_assets.domain.base.registry import Registry
from whatif_assets.domain.features import FEATURES, parse_feature
from whatif_assets.domain.quality import QUALITY_CHECKS, parse_rules, rules_hash
from whatif_assets.domain.ranking.ranking import Ranking
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.isolation.worker_pool import stop_idle_workers
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.sources import SOURCES

CODE = """
from whatif_assets.domain.accounts.metrics import Metric
from whatif_assets.domain.features.function import FeatureFunction
from whatif_assets.domain.quality import QualityCheck

def half(price, factor: float = 0.5):
    "Part of the price."
    return factor * price

HALF = FeatureFunction(half, unit="price")

def of_two(of, other):
    "Take one argument too many."

TWO = Metric("two", of_two, higher_is_better=True, unit="number")
NO_BARS = QualityCheck(lambda: [], "note")
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a package with entry points and a module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    stop_idle_workers()  # which began without this package

    def _install(package: str, points: dict[str, str], code: str = CODE) -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {package}\nVersion: 1.2\n")
        lines = [
            f"[whatif_assets.{where.split('.')[0]}]\n{where.split('.')[1]} = {value}"
            for where, value in points.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for registry in (FEATURES, SOURCES, METRICS, QUALITY_CHECKS):
            monkeypatch.setattr(registry, "_load", registry._loaded)
        forget_installed()

    yield _install
    forget_installed()
    for name in [name for name in sys.modules if name.startswith("of_tests")]:
        del sys.modules[name]


def test_a_plug_in_is_imported_when_its_name_is_asked_for(installed):
    installed("of-tests", {"features.half": "of_tests:HALF"})
    assert "half" in FEATURES
    assert "half" in FEATURES.names
    assert "half" not in list(FEATURES)
    assert "of_tests" not in sys.modules
    assert parse_feature("half+factor=0.25").column == "half_0p25_close"
    assert FEATURES["half"].inputs == ("price",)
    assert not FEATURES["half"].comes_with_this


BROKEN = {
    "an import that fails": ("of_tests:HALF", "import nothing_like_this", "No module"),
    "an import that exits": ("of_tests:HALF", "raise SystemExit(3)", "SystemExit: 3"),
    "a name that is not there": ("of_tests:OTHER", CODE, "no attribute 'OTHER'"),
    "another kind of object": ("of_tests:half", CODE, "name a FeatureFunction"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plug_in_costs_what_asks_for_it_and_names_the_package(installed, case):
    value, code, fault = BROKEN[case]
    installed("of-tests", {"features.half": value, "features.ema": value}, code)
    assert parse_feature("ema").function == "ema"
    with pytest.raises(BadInput, match=f"of-tests 1.2 .entry point {value}.*{fault}"):
        parse_feature("half")


@pytest.mark.parametrize(
    ("where", "value", "ask", "fault"),
    [
        ("metrics.two", "of_tests:TWO", lambda: Ranking.parse("two"), "missing a req"),
        (
            "checks.no_bars",
            "of_tests:NO_BARS",
            lambda: parse_rules({"no_bars": "note"}) and QUALITY_CHECKS["no_bars"],
            "too many positional",
        ),
        ("sources.half", "of_tests:Metric", lambda: SOURCES["half"], "lacks Options"),
        (
            "strategies.half",
            "of_tests:Metric",
            lambda: find_strategy("half"),
            "neither a bt.Strategy",
        ),
        (
            "algorithms.half",
            "of_tests:Metric",
            lambda: find_algorithm("half"),
            "neither a class with fit",
        ),
        ("features.Half-1", "of_tests:HALF", lambda: FEATURES["Half-1"], "a name has"),
    ],
)
def test_what_is_no_such_entry_is_refused(installed, where, value, ask, fault):
    installed("of-tests", {where: value})
    with pytest.raises(BadInput, match=f"package of-tests 1.2 .*{fault}"):
        ask()


def test_two_packages_with_one_name_are_both_named(installed):
    installed("of-tests", {"features.half": "of_tests:HALF"})
    installed("of-tests-too", {"features.half": "of_tests_too:HALF"})
    with pytest.raises(BadInput, match="of-tests and of-tests-too; keep one"):
        parse_feature("half")


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda: parse_feature("hlf"), "Did you mean 'half'?"),
        (lambda: Ranking.parse("half"), "package of-tests has a feature of this name"),
        (lambda: find_strategy("xgboost"), r"pip install \"whatif_assets\[xgboost\]\""),
        (lambda: find_algorithm("catboost"), "write 'catboost:CatBoostRegressor'"),
    ],
)
def test_a_study_that_asks_for_something_unknown_is_told_who_may_have_it(
    installed, ask, hint
):
    installed("of-tests", {"features.half": "of_tests:HALF"})
    with pytest.raises(BadInput, match=hint):
        ask()


def test_a_check_runs_where_a_market_names_it_and_its_code_counts(installed):
    finds = CODE + "\nCHECK = QualityCheck(lambda bars, limits: [], 'note')\n"
    before = rules_hash(parse_rules({}), "nothing")
    installed("of-tests", {"checks.never": "of_tests:CHECK"}, finds)
    assert rules_hash(parse_rules({}), "nothing") == before
    assert "never" not in parse_rules({})
    assert parse_rules({"never": "warning"})["never"].severity == "warning"
    assert rules_hash(parse_rules({"never": "note"}), "nothing") != before


def test_a_registry_tries_a_broken_plug_in_once(installed):
    count = "import builtins\nbuiltins.tried = getattr(builtins, 'tried', 0) + 1\n"
    installed("of-tests", {"features.half": "of_tests:HALF"}, count + "raise OSError")
    registry = Registry("features", {}, lambda entry: "")
    for _ in range(2):
        with pytest.raises(BadInput):
            registry["half"]
    import builtins

    assert builtins.__dict__.pop("tried") == 1
    with pytest.raises(KeyError):
        registry["nobody"]
