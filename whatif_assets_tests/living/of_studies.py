"""Edits of studies and of a user's code."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from whatif_assets.domain.features import FEATURES
from whatif_assets_tests.living import homes
from whatif_assets_tests.living.inputs import MEMBERS, MODELS, RULES, SMAS, template
from whatif_assets_tests.living.life import NUMBERS, Life

SPREADS = {"default": 1, "AAA": 4}
RELATIVE = {"price": "close", "horizon": 1, "kind": "return", "relative_to": "market"}
BARRIERS = {
    **{"price": "close", "horizon": 2, "kind": "triple_barrier"},
    "volatility_window": 2,
}
META = {**BARRIERS, "kind": "meta", "side": {"roc": {"timeperiod": 1}}}
SCALED = {**RELATIVE, "kind": "scaled_return", "volatility_window": 3}
PAIR = {
    "strategy": "pairs",
    "first": "AAA",
    "second": "BBB",
    "lookback": 4,
    "entry": 0.5,
    "exit": 0,
}


class Studies(Life):
    """Studies and configurations are edited, renamed and removed."""

    @rule(number=NUMBERS, values=st.sampled_from([[0.0], [0.001], [0.0, 0.002]]))
    def edit_thresholds(self, number: int, values: list[float]) -> None:
        for study, entry in self.inputs.entries():
            settings = self.inputs.studies[study]["configurations"][entry]
            if settings["strategy"] == "forecast_threshold":
                settings["sweep"] = {"threshold": values}
        self.changed()

    @rule(number=NUMBERS, period=st.sampled_from([2, 3, 9]))
    def edit_features(self, number: int, period: int) -> None:
        self._study(number)["features"][0] = {
            "sma": {"timeperiod": period, "relative_to": "close"}
        }
        self.changed()

    @rule(number=NUMBERS, by=st.sampled_from(["market", "group"]))
    def compare_across_symbols(self, number: int, by: str) -> None:
        of = {"sma": {"timeperiod": 3, "relative_to": "close"}}
        self._study(number)["features"][0] = {"rank": {"of": of, "by": by}}
        self.changed()

    @rule(
        number=NUMBERS,
        field=st.sampled_from(
            [
                ("label", {"price": "vwap", "horizon": 1, "kind": "return"}),
                ("label", {"price": "close", "horizon": 1, "kind": "return"}),
                (
                    "label",
                    {
                        **{"price": "close", "horizon": 1, "kind": "return"},
                        "relative_to": "group",
                    },
                ),
                ("evaluation", {"method": "split", "train": 5}),
                ("evaluation", {"method": "split", "train": 4, "holdout": 2}),
                ("evaluation", {"method": "walk_forward", "train": 3, "test": 2}),
                ("evaluation", {"method": "cpcv", "groups": 3, "tested": 2}),
                ("label", RELATIVE),
                ("label", BARRIERS),
                ("label", META),
                ("label", SCALED),
                ("costs", {"commission_bps": 2}),
                ("costs", {"impact": 0.5, "half_spread_bps": SPREADS}),
                ("costs", {"borrow_bps": {"default": 9, "AAA": 90}, "cash_bps": 200}),
                ("rank_by", "pnl"),
                ("rank_by", {"sharpe": 1, "max_drawdown": -2}),
                ("constraints", ["trades >= 2"]),
                ("finalists", 1),
                ("seed", 11),
                ("benchmark", "AAA"),
                ("benchmark", None),
                ("title", "Another title"),
                ("symbols", ["AAA"]),
                ("dates", {"first": date(2018, 1, 3)}),
                ("dates", {"last": date(2018, 1, 11)}),
                ("dates", {"first": date(2018, 1, 3), "last": date(2018, 1, 12)}),
            ]
        ),
    )
    def edit_a_study(self, number: int, field: tuple[str, object]) -> None:
        self._study(number)[field[0]] = field[1]
        self.changed()

    @rule(number=NUMBERS, name=st.sampled_from(["models", "rules", "third"]))
    def rename_a_study(self, number: int, name: str) -> None:
        studies = self.inputs.studies
        old = self._name(number)
        if name not in studies:
            studies[name] = studies.pop(old)
            self.changed()

    @rule(number=NUMBERS)
    def remove_a_study(self, number: int) -> None:
        if len(self.inputs.studies) > 1:
            del self.inputs.studies[self._name(number)]
            self.changed()

    @rule(
        name=st.sampled_from(["models", "rules", "third"]),
        like=st.sampled_from([MODELS, RULES]),
    )
    def add_a_study(self, name: str, like: dict[str, object]) -> None:
        if name not in self.inputs.studies and len(self.inputs.studies) < 2:
            self.inputs.studies[name] = template(like)
            self.changed()

    @rule(
        number=NUMBERS,
        entry=st.sampled_from(["linear", "cross", "hold", "other"]),
        settings=st.sampled_from(
            [
                {"strategy": "buy_and_hold", "size": 10},
                {"strategy": "my_rules.py:Mine"},
                {"strategy": "my_rules.py:Mine", "account": "portfolio"},
                {"strategy": "rank_long_short", "score": "roc+timeperiod=2"},
                {**PAIR, "rebalance": "bars"},
                {
                    "strategy": "rank_long_short",
                    "score": "demean+by=group+of=roc+timeperiod=2",
                },
                {"strategy": "rsi_reversion", "timeperiod": 3},
                {"algorithm": "linear", "strategy": "forecast_threshold"},
                {"algorithm": "my_models.py:Shrunk", "strategy": "forecast_threshold"},
                {
                    **{"algorithm": "linear", "strategy": "forecast_threshold"},
                    **{"model_per": "symbol"},
                },
                {
                    **{"algorithm": "linear", "strategy": "forecast_threshold"},
                    **{"weight_uniqueness": True, "weight_half_life": 2},
                },
            ]
        ),
    )
    def put_a_configuration(
        self, number: int, entry: str, settings: dict[str, object]
    ) -> None:
        """Add a configuration, or give one of that name other settings."""
        self._study(number)["configurations"][entry] = dict(settings)
        self.changed()

    @rule(number=NUMBERS, which=NUMBERS)
    def remove_a_configuration(self, number: int, which: int) -> None:
        entries = self._study(number)["configurations"]
        if len(entries) > 1:
            del entries[sorted(entries)[which % len(entries)]]
            self.changed()

    @rule(number=NUMBERS, which=NUMBERS, name=st.sampled_from(["linear", "renamed"]))
    def rename_a_configuration(self, number: int, which: int, name: str) -> None:
        entries = self._study(number)["configurations"]
        if name not in entries:
            entries[name] = entries.pop(sorted(entries)[which % len(entries)])
            self.changed()

    @rule(members=st.sampled_from(sorted(MEMBERS)))
    def edit_members(self, members: str) -> None:
        self.inputs.members = members
        self.changed()

    @rule(period=st.integers(4, 7))
    def edit_own_strategy(self, period: int) -> None:
        self.inputs.period = period
        self.changed()

    @rule(unit=st.integers(1, 3))
    def edit_module_of_own_strategy(self, unit: int) -> None:
        self.inputs.unit = unit
        self.changed()

    @rule(code=st.sampled_from(sorted(SMAS)))
    def edit_code_of_a_feature(self, code: str) -> None:
        self.inputs.code_of_sma = code
        FEATURES["sma"] = SMAS[code]
        self.changed()

    def teardown(self) -> None:
        FEATURES["sma"] = SMAS["mean"]
        super().teardown()

    @rule(text=st.sampled_from(["configurations: {a: {}}\n", "]", "name: [1]\n"]))
    def write_a_wrong_study(self, text: str) -> None:
        self.inputs.broken = {"wrong": text}
        self.changed()

    @precondition(lambda self: self.inputs.broken)
    @rule()
    def remove_the_wrong_study(self) -> None:
        self.inputs.broken = {}
        self.changed()

    @rule(number=NUMBERS)
    def check_a_study(self, number: int) -> None:
        """Check a study; the check never changes anything."""
        self.inputs.write(self.home)
        before = homes.files(self.home)
        homes.check(self.home, self._name(number))
        assert homes.files(self.home) == before

    def _name(self, number: int) -> str:
        names = sorted(self.inputs.studies)
        return names[number % len(names)]

    def _study(self, number: int) -> dict[str, object]:
        return self.inputs.studies[self._name(number)]
