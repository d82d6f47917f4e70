"""A user's own strategy is found, checked and run unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Variant, run_backtests
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.sleeves_for_tests import sleeve

SOURCE = '''
import backtrader as bt
from beside import SIZE


class Buyer(bt.Strategy):
    """Buy at the second bar."""

    params = (("size", SIZE), ("note", "x"), ("flag", True), ("kind", None), ("_a", 1))

    def next(self):
        if len(self) == 1:
            self.buy(size=self.p.size)


class NoStrategy:
    pass
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "beside.py").write_text("SIZE = 3\n")
    return tmp_path


def test_a_file_is_found_in_the_base_folder_and_imports_its_neighbours(
    folder: Path,
) -> None:
    bars = sleeve([10, 11, 12])
    variants = [Variant("-", {}), Variant("size=5", {"size": 5})]
    result = run_backtests([bars], "mine.py:Buyer", variants, base=folder)
    assert result.fills["size"].tolist() == [3, 5]


def test_a_package_is_found_by_its_name() -> None:
    kind = find_strategy("whatif_assets_tests.user_strategies:SmaReversal")
    assert kind.settings({"fast": 3}).model_dump() == {"fast": 3, "slow": 5, "size": 10}


def test_a_module_beside_the_study_is_found_by_its_name(folder: Path) -> None:
    (folder / "my_module_of_strategies.py").write_text(SOURCE)
    kind = find_strategy("my_module_of_strategies:Buyer", folder)
    assert kind.Settings().model_dump()["size"] == 3


def test_params_are_the_settings_without_private_ones(folder: Path) -> None:
    kind = find_strategy("mine.py:Buyer", folder)
    assert list(kind.Settings.model_fields) == ["size", "note", "flag", "kind"]


def test_an_unknown_param_is_refused_with_a_suggestion(folder: Path) -> None:
    kind = find_strategy("mine.py:Buyer", folder)
    with pytest.raises(BadInput, match=r"sise: unknown field.*Did you mean 'size'\?"):
        kind.settings({"sise": 1})


@pytest.mark.parametrize(
    ("name", "value"), [("size", "many"), ("note", 5), ("flag", "perhaps")]
)
def test_a_value_of_another_kind_than_the_default_is_refused(
    folder: Path, name: str, value: object
) -> None:
    kind = find_strategy("mine.py:Buyer", folder)
    with pytest.raises(BadInput, match=f"Strategy 'mine.py:Buyer': {name}: found"):
        kind.settings({name: value})


def test_a_param_without_a_kind_takes_anything(folder: Path) -> None:
    kind = find_strategy("mine.py:Buyer", folder)
    assert dict(kind.settings({"kind": [1, 2]}))["kind"] == [1, 2]


def test_an_edited_file_has_another_version_and_is_imported_again(folder: Path) -> None:
    before = find_strategy("mine.py:Buyer", folder)
    version = before.code_version
    (folder / "mine.py").write_text(SOURCE.replace('"size", SIZE', '"size", 7'))
    after = find_strategy("mine.py:Buyer", folder)
    assert after.code_version != version
    assert dict(after.settings({}))["size"] == 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py:Buyer", "nowhere.py cannot be read"),
        ("mine.py:Byer", r"mine.py has no class Byer; .* Buyer. Did you mean 'Buyer'"),
        ("mine.py:NoStrategy", "NoStrategy is neither a bt.Strategy nor"),
        ("mine.py:", "write 'package.module:Class' or 'file.py:Class'"),
        ("no.such.module:Buyer", "its import fails with ModuleNotFoundError"),
    ],
)
def test_an_error_names_what_cannot_be_found(
    folder: Path, name: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        find_strategy(name, folder)


def test_a_file_that_fails_names_its_line(folder: Path) -> None:
    (folder / "broken.py").write_text("x = 1\ny = x / 0\n")
    with pytest.raises(BadInput, match=r"ZeroDivisionError: .*broken.py:2"):
        find_strategy("broken.py:Buyer", folder)


def test_a_users_class_sees_every_column_under_its_name(folder: Path) -> None:
    (folder / "reader.py").write_text(
        "import backtrader as bt\n"
        "class Reader(bt.Strategy):\n"
        "    def next(self):\n"
        "        if self.data.ema_10_close[0] > 1 and not self.position:\n"
        "            self.buy(size=1)\n"
    )
    bars = sleeve([10, 11, 12, 13], ema_10_close=[0, 2, 0, 0], close=[0, 0, 0, 0])
    result = run_backtests([bars], "reader.py:Reader", [Variant("-", {})], base=folder)
    assert result.fills["price"].tolist() == [12]


def test_a_users_trading_rule_has_settings_and_lines_like_a_built_in(
    folder: Path,
) -> None:
    (folder / "rule.py").write_text(
        "from whatif_assets.domain.strategies import RuleSettings, TradingRule\n"
        "class LevelSettings(RuleSettings):\n"
        "    level: float = 0.0\n"
        "class Level(TradingRule):\n"
        "    Settings = LevelSettings\n"
        "    needs_forecast = True\n"
        "    def signal(self):\n"
        "        return int(self.data.forecast[0] > self.settings.level)\n"
    )
    kind = find_strategy("rule.py:Level", folder)
    assert kind.needs_forecast
    bars = sleeve([10, 11, 12], forecast=[0.5, 0, 0])
    variants = [Variant("-", {"level": 0.4})]
    result = run_backtests([bars], "rule.py:Level", variants, base=folder)
    assert result.fills["price"].tolist() == [11]
