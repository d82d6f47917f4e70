"""All inputs of a home, which a user can change between runs."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import FEATURES
from whatif_assets_tests.living.market import Market

Study = dict[str, Any]

# Members of the universe `index`: AAA always, so that something can be traded.
MEMBERS = {
    "all": "symbol,from,to\nAAA,2018-01-01,\nBBB,2018-01-01,\n",
    "one": "symbol,from,to\nAAA,2018-01-01,\n",
    "in and out": "symbol,from,to\nAAA,2018-01-01,\nBBB,2018-01-01,2018-01-08\n"
    "BBB,2018-01-11,\n",
}
MODELS: Study = {
    "universes": {"index": {"file": "members.csv"}},
    "features": [
        {"sma": {"timeperiod": 3, "relative_to": "close"}},
        {"close": {"relative_to": "vwap"}},
        {"demean": {"of": {"sma": {"timeperiod": 3, "relative_to": "close"}}}},
    ],
    "label": {"price": "close", "horizon": 1, "kind": "return"},
    "evaluation": {"method": "split", "train": 4},
    "finalists": 3,
    "configurations": {
        "linear": {
            "algorithm": "linear",
            "strategy": "forecast_threshold",
            "sweep": {"threshold": [0.0, 0.001]},
        },
        "mine": {"strategy": "my_rules.py:Mine", "amount": 3},
        "hold": {"strategy": "buy_and_hold", "size": 10},
        "ranked": {
            "algorithm": "linear",
            "strategy": "rank_long_short",
            "rebalance": "bars",
            "sides": "long_short",
            "universe": "index",
            "sweep": {"count": [1, 2]},
        },
    },
}
RULES: Study = {
    "features": [{"ema": {"timeperiod": 2, "relative_to": "close"}}],
    "label": {"price": "close", "horizon": 2, "kind": "return"},
    "evaluation": {"method": "walk_forward", "train": 3, "test": 2, "holdout": 1},
    "rank_by": "sharpe",
    "configurations": {
        "cross": {
            "strategy": "ema_cross",
            "fastperiod": 2,
            "sweep": {"slowperiod": [4, 6]},
        },
        "tilted": {"algorithm": "linear", "strategy": "forecast_threshold"},
        "placebo": {"strategy": "random_entry", "probability": 0.2},
    },
}
MINE = """
import backtrader as bt
from my_amounts import UNIT


class Mine(bt.Strategy):
    params = (("amount", 1),)

    def next(self):
        if len(self.data) % {period} == 0 and not self.position:
            self.buy(size=self.p.amount * UNIT)
        elif len(self.data) % {period} == 2 and self.position:
            self.close()
"""
SHRUNK = """
from sklearn.linear_model import Ridge


class Shrunk(Ridge):
    def __init__(self, alpha={period}.0):
        super().__init__(alpha=alpha)
"""
AMOUNTS = "UNIT = {unit}\n"


def _median(price: FloatArray, timeperiod: int = 30) -> FloatArray:
    return pd.Series(price).rolling(timeperiod).median().to_numpy()


SMAS = {
    "mean": FEATURES["sma"],
    "median": dataclasses.replace(FEATURES["sma"], compute=_median),
}


@dataclass
class Inputs:
    """The inputs of a home.

    Attributes
    ----------
    studies
        Content of the study files, by the study's name.
    members
        Which of `MEMBERS` the membership file has.
    period, unit
        Values in the code of the own strategy and of the own estimator, and of the
        module that the strategy imports.
    code_of_sma
        Which of `SMAS` the feature ``sma`` is.
    asked
        Keys of the requested what-ifs that are still valid.
    broken
        Text of study files that are wrong, by name.
    """

    market: Market = field(default_factory=Market)
    studies: dict[str, Study] = field(default_factory=dict)
    members: str = "all"
    period: int = 5
    unit: int = 1
    code_of_sma: str = "mean"
    asked: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)

    def entries(self) -> list[tuple[str, str]]:
        """Study and name of all entries under ``configurations``, in order."""
        return [
            (name, entry)
            for name, study in sorted(self.studies.items())
            for entry in study["configurations"]
        ]

    @property
    def wrong(self) -> list[str]:
        """Words that the messages of a run about wrong inputs must contain."""
        return [*self.broken, *self.market.wrong]

    def forget_questions(self) -> None:
        """Drop what-ifs whose configuration was removed.

        What-ifs of a removed study stay while a study file cannot be read, because
        that file could be the study.
        """
        stems = {".".join(entry) for entry in self.entries()}
        self.asked = {
            key
            for key in self.asked
            if key.split("~")[0] in stems
            or (self.broken and key.split("~")[0].split(".")[0] not in self.studies)
        }

    def write(self, home: Path) -> None:
        """Write the files of the home that are a user's."""
        wanted = {"market.yaml": yaml.safe_dump(self.market.described())}
        for name, study in self.studies.items():
            wanted[f"studies/{name}.yaml"] = yaml.safe_dump(study, sort_keys=False)
        for name, text in self.broken.items():
            wanted[f"studies/{name}.yaml"] = text
        wanted["studies/my_rules.py"] = MINE.replace("{period}", str(self.period))
        wanted["studies/my_models.py"] = SHRUNK.replace("{period}", str(self.period))
        wanted["studies/my_amounts.py"] = AMOUNTS.format(unit=self.unit)
        wanted["studies/members.csv"] = MEMBERS[self.members]
        (home / "studies").mkdir(parents=True, exist_ok=True)
        for path in (home / "studies").glob("*.yaml"):
            if f"studies/{path.name}" not in wanted:
                path.unlink()
        for name, text in wanted.items():
            (home / name).write_text(text)
        self.market.write(home / "bars")

    def hash(self) -> str:
        """Hash of all inputs."""
        content = [
            yaml.safe_dump(self.market.described()),
            yaml.safe_dump(self.studies),
            f"{self.members} {self.period} {self.unit} {self.code_of_sma} {sorted(self.asked)} {self.broken}",
            *(f"{n} {c!r}" for n, c in sorted(self.market._files().items())),
        ]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]


def template(study: Study) -> Study:
    """Copy a study, to be changed freely."""
    return copy.deepcopy(study)
