"""One contract for each kind of entry: of this package, and of any other."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.plugins import forget_installed
from whatif_assets.engines.isolation import worker_pool
from whatif_assets_tests.example_package import EXAMPLE, install_example

OF_EXAMPLE = re.findall(r"def (test_\w+)", (EXAMPLE / "test_example.py").read_text())
SOME = ("close", "rsi", "kama", "donchian_upper", "realized_volatility", "mfi")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Install the example of plug-ins; yield where it is, and the module of its tests."""
    site = install_example(tmp_path_factory.mktemp("example"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        # Processes that were started before do not find the package.
        patch.setattr(worker_pool, "_idle", workers := [])
        forget_installed()
        where = EXAMPLE / "test_example.py"
        spec = importlib.util.spec_from_file_location("test_example", where)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield SimpleNamespace(site=site, tests=module)
        for worker in workers:
            worker.stop()
    forget_installed()
    for name in [name for name in sys.modules if name.startswith("whatif_assets_ex")]:
        del sys.modules[name]


@pytest.mark.parametrize("name", OF_EXAMPLE)
def test_the_example_of_plug_ins_keeps_the_contracts(example, name):
    function = getattr(example.tests, name)
    marks = getattr(function, "pytestmark", [])
    for values in [(value,) for mark in marks for value in mark.args[1]] or [()]:
        function(*values)


@pytest.mark.parametrize("name", ["strategies", "algorithms", "sources"])
def test_an_edit_of_a_plug_in_changes_its_code_version(example, name):
    from whatif_assets.engines.algorithms import find_algorithm
    from whatif_assets.engines.strategies import find_strategy
    from whatif_assets.sources import code_of_source

    def _versions():
        return {
            "strategies": find_strategy("breakout").code_version,
            "algorithms": find_algorithm("ridge").code_version,
            "sources": code_of_source("waves")["code of waves"],
        }

    before = _versions()
    file = example.site / f"whatif_assets_example/{name}.py"
    text = file.read_text()
    file.write_text(text + "\nEDITED = True\n")
    try:
        changed = {kind for kind, of in _versions().items() if of != before[kind]}
    finally:
        file.write_text(text)
    assert changed == {name}


def test_every_metric_of_this_package_keeps_the_contract():
    from whatif_assets import contracts
    from whatif_assets.domain.accounts.metrics import METRICS

    for name in METRICS:
        contracts.check_metric(name)


def test_every_check_of_this_package_keeps_the_contract():
    from whatif_assets import contracts
    from whatif_assets.domain.quality import QUALITY_CHECKS

    for name in QUALITY_CHECKS:
        contracts.check_quality_check(name)


@pytest.mark.parametrize("name", SOME)
def test_features_of_this_package_keep_the_contract(name):
    from whatif_assets import contracts

    contracts.check_feature(name)


class TestWhatDoesNotKeepAContract:
    @pytest.mark.parametrize(
        ("compute", "before", "fault"),
        [
            (lambda price: np.roll(price, -1), 0, "do not depend on later bars"),
            (
                lambda price: price / np.r_[price, 1.0][0],
                0,
                "warm-up of 0 bars suffices",
            ),
            (lambda price: price[1:], 0, "must return one value per bar"),
            (lambda price: price / 0.0, 0, "finite or NaN"),
        ],
    )
    @pytest.mark.filterwarnings("ignore")
    def test_feature(self, compute, before, fault):
        from whatif_assets import contracts
        from whatif_assets.domain.features import FeatureFunction

        compute.__doc__ = "Described."
        function = FeatureFunction(compute, lambda: before)
        with pytest.raises((AssertionError, BadInput), match=fault):
            contracts.check_feature(function)

    def test_metric(self):
        from whatif_assets import contracts
        from whatif_assets.domain.accounts.metrics import METRICS

        def beside_the_best(of):
            """Compare a variant with the best of its block."""
            return of.equity[:, -1] / of.equity[:, -1].max()

        wrong = dataclasses.replace(METRICS["pnl"], function=beside_the_best)
        with pytest.raises(AssertionError, match="does not depend on the others"):
            contracts.check_metric(wrong)

    def test_check(self):
        from whatif_assets import contracts
        from whatif_assets.domain.quality import Finding, QualityCheck

        def long(bars, limits):
            """Count all bars."""
            return [
                Finding(day, None, None, len(bars.bars), 0.0, f"{len(bars.bars)} bars")
                for day in bars.days
            ]

        with pytest.raises(AssertionError, match="which others are inspected"):
            contracts.check_quality_check(QualityCheck(long, "note"))

    def test_section(self):
        from whatif_assets import contracts
        from whatif_assets.report.page.markup import Section

        with pytest.raises(AssertionError, match="it shows no nan"):
            contracts.check_section(lambda of: Section("A", "a", "<p>nan</p>"), None)
