"""Params of a user's strategy: their kinds, names, and values as text."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies.params import json_value
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import (
    build_configuration,
    expand,
    find_configuration,
)
from whatif_assets.settings.study import Study
from whatif_assets_tests.domain.accounts.situations import Kind, Params

NAME = "whatif_assets_tests.domain.accounts.situations:Params"
CLASHING = """
import backtrader as bt


class Mine(bt.Strategy):
    params = dict(cash=0.5, horizon=3, bar=2, symbols="x", sweep=1, periods=(3, 8),
                  max_depth=4, opt=None)
"""


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("average", "backtrader.indicators.SMA", bt.ind.SMA),
        ("average", "bt.ind.SMA", bt.ind.SMA),
        ("scale", "math.sqrt", __import__("math").sqrt),
        ("periods", [5, 20], (5, 20)),
        ("periods", "5+20", (5, 20)),
        ("weights", {"fast": 2.0, "slow": 1.0}, {"fast": 2.0, "slow": 1.0}),
        ("begin", "15:05", datetime.time(15, 5)),
        ("wait", 90, datetime.timedelta(seconds=90)),
        ("since", "2018-02-21", datetime.date(2018, 2, 21)),
        ("since", datetime.date(2018, 2, 21), datetime.date(2018, 2, 21)),
        ("kind", "DOWN", Kind.DOWN),
        ("frame", 5, 5),
        ("nothing", [1, "a"], [1, "a"]),
    ],
)
def test_a_value_becomes_what_the_params_default_is(
    name: str, given: object, meant: object
) -> None:
    value = dict(find_strategy(NAME).settings({name: given}))[name]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "average",
            "no.such.Class",
            "found 'no.such.Class'; it must be the name of a c",
        ),
        ("average", "math.sqrt", "it must be the name of a class"),
        ("average", 3, "such as backtrader.indicators.ema.EMA"),
        ("periods", 3, "it must be a list"),
        ("weights", [1], "it must be a mapping of names to values"),
        (
            "begin",
            930,
            "found 930; it must be a time such as '15:30'. Write times in quotes",
        ),
        ("begin", "noon", "it must be a time"),
        ("since", "soon", "it must be a date such as 2018-02-20"),
        ("wait", "long", "it must be a number of seconds"),
        ("kind", "SIDEWAYS", "allowed are UP, DOWN"),
        ("flag", 1, "found 1; it must be true or false"),
        ("note", 1, "found 1; it must be text; write it in quotes"),
        ("frame", True, "it must be a number"),
    ],
)
def test_a_value_of_another_kind_is_refused(
    name: str, given: object, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        find_strategy(NAME).settings({name: given})


def test_a_default_is_handed_out_as_it_is() -> None:
    settings = dict(find_strategy(NAME).settings({}))
    for name, default in Params.params._getitems():
        assert settings[name] is default


def test_what_json_has_no_word_for_has_one_text_in_every_process() -> None:
    code = (
        "import json; from whatif_assets.engines.strategies import find_strategy;"
        "from whatif_assets.domain.strategies.params import json_value;"
        f"print(json.dumps(json_value(find_strategy({NAME!r}).settings({{}})"
        ".model_dump()), sort_keys=True))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    (text,) = texts
    known = json.loads(text)
    assert known["average"] == "backtrader.indicators.ema.EMA"
    assert known["begin"] == "14:40:00"
    assert known["wait"] == "300s"
    assert known["kind"] == "Kind.UP"
    assert known["scale"].endswith("situations._double")


def test_values_inside_of_others_are_written_too() -> None:
    class Point:
        def __init__(self) -> None:
            self.x, self._hidden = datetime.date(2018, 1, 2), object()

    value = {"a": [bt.ind.SMA, {3, 1}], 2: Point()}
    assert json_value(value) == {
        "a": ["backtrader.indicators.sma.SMA", [1, 3]],
        "2": {f"{Point.__qualname__}": {"x": "2018-01-02"}},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(CLASHING)
    return tmp_path


def configuration(folder: Path, **fields: Any) -> Configuration:
    """Build a configuration of the strategy whose params clash."""
    entry = {"strategy": "mine.py:Mine", **fields}
    study = Study(name="demo", cash=1000.0, configurations={"one": entry})
    return build_configuration(study, "one", {}, folder)


@pytest.mark.parametrize("name", ["cash", "horizon", "bar", "symbols"])
def test_a_name_that_means_two_things_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(
        BadInput,
        match=f"{name}: this is the name of a field .* Write 'param.{name}'",
    ):
        configuration(folder, **{name: 4})
    with pytest.raises(BadInput, match=f"Write 'param.{name}' to set the param"):
        configuration(folder, sweep={name: [4, 5]})


def test_a_param_keeps_its_default_where_nothing_clashes(folder: Path) -> None:
    (variant,) = configuration(folder).variants()
    assert variant.cash == 1000.0
    settings = find_strategy("mine.py:Mine", folder).settings(variant.settings)
    assert dict(settings)["cash"] == 0.5


def test_a_param_is_set_by_its_own_spelling_beside_the_field(folder: Path) -> None:
    fields = {"param.cash": 0.25, "cash": 500.0, "param.sweep": 9}
    one = configuration(folder, **fields)
    (variant,) = one.variants()
    settings = dict(find_strategy("mine.py:Mine", folder).settings(variant.settings))
    assert (variant.cash, settings["cash"], settings["sweep"]) == (500.0, 0.25, 9)
    told = one.settings()
    assert (told["cash"], told["param.cash"]) == (500.0, 0.25)


def test_a_clashing_param_may_be_swept(folder: Path) -> None:
    one = configuration(folder, sweep={"param.cash": [0.1, 0.2]})
    kind = find_strategy("mine.py:Mine", folder)
    assert [v.id for v in one.variants()] == ["param.cash=0.1", "param.cash=0.2"]
    cash = [dict(kind.settings(v.settings))["cash"] for v in one.variants()]
    assert cash == [0.1, 0.2]
    assert {v.cash for v in one.variants()} == {1000.0}


def test_a_param_that_clashes_with_the_models_is_refused(folder: Path) -> None:
    fields = {"algorithm": "random_forest", "max_depth": 3}
    with pytest.raises(BadInput, match=r"max_depth: .* Write 'param.max_depth'"):
        configuration(folder, **fields)
    one = configuration(folder, **fields, **{"param.max_depth": 7})
    assert one.model_settings["max_depth"] == 3
    assert one.strategy_settings["param.max_depth"] == 7


def test_a_param_without_a_clash_has_one_spelling(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"param\.periods: unknown field"):
        configuration(folder, **{"param.periods": [1, 2]})


def test_a_value_that_is_none_or_a_list_is_found_again_by_its_key(folder: Path) -> None:
    axes = {"opt": [None, 1], "periods": [[3, 8], [5, 20]]}
    entry = {"strategy": "mine.py:Mine", "each": axes}
    study = Study(name="demo", configurations={"one": entry})
    expanded = expand(study, folder)
    assert expanded[0].key == "demo.one~opt=null~periods=3+8"
    for one in expanded:
        again = find_configuration({"demo": study}, one.key, folder)
        assert again.strategy_settings == one.strategy_settings
        assert again.result_hash(study) == one.result_hash(study)
