"""Keys of configurations, and messages for wrong keys and entries."""

from datetime import date
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import format_value, parse_value
from whatif_assets.domain.models import ALGORITHMS
from whatif_assets.domain.models.ranges import Range
from whatif_assets.domain.strategies import STRATEGIES
from whatif_assets.settings.entries import expand, find_configuration
from whatif_assets.settings.keys import KEY_PATTERN
from whatif_assets.settings.study import Study, read_study

HERE = Path()


def study(**configurations) -> Study:
    return Study(name="demo", configurations=configurations)


FOREST = {
    "algorithm": "random_forest",
    "n_trees": 5,
    "strategy": "forecast_threshold",
    "size": 100,
}


def found(key: str, one: Study | None = None):
    one = one or study(rf=FOREST)
    return find_configuration({"demo": one}, key, HERE)


def refused(key: str, one: Study | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        found(key, one)
    return str(caught.value)


def test_each_gives_a_configuration_per_combination():
    one = study(rf={**FOREST, "each": {"max_depth": [5, 7], "horizon": [5, 10]}})
    assert [c.key for c in expand(one, HERE)] == [
        "demo.rf~max_depth=5~horizon=5",
        "demo.rf~max_depth=5~horizon=10",
        "demo.rf~max_depth=7~horizon=5",
        "demo.rf~max_depth=7~horizon=10",
    ]


def test_sweep_gives_variants_within_one_configuration():
    one = study(rf={**FOREST, "sweep": {"threshold": [1e-4, 2e-4], "cash": [1e5, 1e6]}})
    (configuration,) = expand(one, HERE)
    variants = configuration.variants()
    assert [v.id for v in variants] == [
        "threshold=0.0001~cash=100000.0",
        "threshold=0.0001~cash=1000000.0",
        "threshold=0.0002~cash=100000.0",
        "threshold=0.0002~cash=1000000.0",
    ]
    assert variants[0].cash == 100_000
    assert "cash" not in variants[0].settings


def test_without_an_axis_there_is_one_variant():
    assert [v.id for v in found("demo.rf").variants()] == ["-"]


def test_search_leaves_the_field_to_training():
    one = study(rf={**FOREST, "search": {"max_depth": [2, 4]}})
    (configuration,) = expand(one, HERE)
    assert configuration.search == {"max_depth": (2, 4)}
    assert "max_depth" not in configuration.model_settings


class TestRanges:
    @staticmethod
    def one(by="random", **search):
        return study(rf={**FOREST, "search": search, "search_by": by})

    def test_a_range_is_kept_and_written(self):
        written = {"from": 0.1, "to": 1, "log": True}
        (one,) = expand(self.one(max_features=written), HERE)
        assert one.search == {"max_features": Range(0.1, 1, log=True)}
        assert one.settings()["search"] == {"max_features": written}
        assert "max_features" not in one.model_settings

    def test_a_study_file_has_a_range(self, tmp_path):
        file = tmp_path / "demo.yaml"
        file.write_text(
            "configurations: {net: {algorithm: elastic_net, strategy: "
            "forecast_threshold, search_by: tpe, search: {penalty: "
            "{from: 1e-6, to: 0.1, log: true}}}}"
        )
        (one,) = expand(read_study(file)[0], HERE)
        assert one.search == {"penalty": Range(1e-6, 0.1, log=True)}

    @pytest.mark.parametrize("by", ["grid", "random"])
    def test_steps_are_a_list(self, by):
        stepped = self.one(
            by,
            max_depth={"from": 2, "to": 7, "step": 2},
            max_features={"from": 0.1, "to": 0.3, "step": 0.1},
        )
        (one,) = expand(stepped, HERE)
        listed = {"max_depth": (2, 4, 6), "max_features": (0.1, 0.2, 0.3)}
        assert one.search == listed
        (same,) = expand(self.one(by, **{k: list(v) for k, v in listed.items()}), HERE)
        assert same.settings() == one.settings()

    @pytest.mark.parametrize(
        ("written", "by", "message"),
        [
            ({"from": 1, "to": 9}, "grid", "without a step, of which a grid cannot"),
            ({"from": 1}, "random", "to: the field is missing"),
            ({"from": 1, "to": "x"}, "random", "to: found 'x'; a finite number"),
            ({"from": 1, "to": True}, "random", "to: found True; a finite number"),
            ({"from": 5, "to": 5}, "random", "found 5, which is not above from, 5"),
            ({"from": 1, "to": 9, "stop": 2}, "tpe", "stop: unknown field of a range"),
            ({"from": 1, "to": 9, "step": 0}, "grid", "step: found 0; it must be"),
            ({"from": 1, "to": 9, "log": 1}, "tpe", "log: found 1; write true or"),
            ({"from": 0, "to": 9, "log": True}, "tpe", "with log: true it must be"),
            ({"from": 1, "to": 9, "log": True, "step": 1}, "tpe", "beside log: true"),
            ({"from": 1, "to": 1e9, "step": 1}, "grid", "at most 10000 are allowed"),
            ({"from": 1.5, "to": 3}, "tpe", "found 1.5"),
            ({"from": -2, "to": 3}, "tpe", "max_depth"),
        ],
    )
    def test_a_wrong_range_is_refused(self, written, by, message):
        with pytest.raises(BadInput, match=r"demo\.rf: .*max_depth") as caught:
            expand(self.one(by, max_depth=written), HERE)
        assert message in str(caught.value)


def test_an_override_sets_any_field():
    configuration = found("demo.rf~max_depth=8~threshold=0.0005~horizon=10")
    assert configuration.model_settings["max_depth"] == 8
    assert configuration.strategy_settings["threshold"] == 0.0005
    assert configuration.label.horizon == 10


def test_an_override_removes_an_axis():
    one = study(rf={**FOREST, "sweep": {"threshold": [1e-4, 2e-4]}})
    assert len(found("demo.rf", one).variants()) == 2
    (variant,) = found("demo.rf~threshold=0.0003", one).variants()
    assert variant.settings["threshold"] == 0.0003


def test_an_override_of_symbols_is_a_list():
    assert found("demo.rf~symbols=AAA+BBB").symbols == ("AAA", "BBB")


@pytest.mark.parametrize("symbol", ["000001", "600519", "true", "INF", "nan"])
def test_an_override_of_symbols_leaves_a_name_as_it_is(symbol):
    assert found(f"demo.rf~symbols={symbol}").symbols == (symbol,)


def test_the_key_given_is_the_key_kept():
    key = "demo.rf~threshold=0.0005~max_depth=8"
    assert found(key).key == key


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("demos.rf", "there is no study 'demos'"),
        ("demos.rf", "Did you mean 'demo'?"),
        ("demo.fr", "has no configuration 'fr'; it has 'rf'"),
        ("demo.rf~max_dept=8", "max_dept: unknown field"),
        ("demo.rf~max_dept=8", "Did you mean 'max_depth'?"),
        ("demo.rf~max_depth=deep", "max_depth: found 'deep'"),
        ("demo.rf~max_depth=-1", "max_depth: found -1"),
        ("demo.rf~max_depth=true", "max_depth: found true; a number is needed"),
        ("demo.rf~threshold=inf", "threshold: found 'inf', a text"),
        ("demo.rf~max_depth", "'~max_depth' is not an override"),
        ("demo.rf~max_depth=", "'~max_depth=' is not an override"),
        ("demo.rf~max_depth=3~max_depth=4", "max_depth appears twice"),
        ("demo.rf~backend=gpu", "backend: found 'gpu'; allowed are 'local' or 'spark'"),
        ("demo.rf~algorithm=randomforest", "Did you mean 'random_forest'?"),
        ("demo.rf~strategy=hold", "allowed are"),
        ("demo.rf max", "a key has at most"),
        (".rf", "a key has at most"),
        ("demo.rf~" + "x" * 120 + "=1", "a key has at most"),
    ],
)
def test_a_bad_key_names_what_is_wrong(key, expected):
    assert expected in refused(key)


def test_an_each_axis_needs_a_value():
    one = study(rf={**FOREST, "each": {"max_depth": [5, 7]}})
    assert "choose one value of max_depth" in refused("demo.rf", one)


@pytest.mark.parametrize(
    ("entry", "expected", "field"),
    [
        ({"strategy": "macd_cross", "max_depth": 3}, "unknown field", ("max_depth",)),
        ({"size": 3}, "the field strategy is missing", ()),
        (
            {**FOREST, "sweep": {"max_depth": [1]}},
            "unknown field",
            ("sweep", "max_depth"),
        ),
        ({**FOREST, "search": {"size": [1]}}, "unknown field", ("search", "size")),
        ({**FOREST, "sweep": {"size": [1]}}, "both as a field", ("sweep", "size")),
        ({**FOREST, "each": {"size": [1]}}, "both as a field", ("each", "size")),
        (
            {**FOREST, "each": {"threshold": [1]}, "sweep": {"threshold": [2]}},
            "threshold is given both under each and under sweep; keep one",
            ("sweep", "threshold"),
        ),
        (
            {**FOREST, "each": {"max_depth": [1]}, "search": {"max_depth": [2]}},
            "max_depth is given both under each and under search",
            ("search", "max_depth"),
        ),
        (
            {**FOREST, "sweep": {"threshold": [True]}},
            "found true; a number is needed",
            ("threshold",),
        ),
        (
            {**FOREST, "sweep": {"threshold": []}},
            "list of values",
            ("sweep", "threshold"),
        ),
        ({**FOREST, "each": {"max_depth": 3}}, "list of values", ("each", "max_depth")),
        ({**FOREST, "each": [3]}, "expected 'field: [values]'", ("each",)),
        ({**FOREST, "each": {"max_depth": [3, 3]}}, "twice", ("each", "max_depth")),
        (
            {"strategy": "buy_and_hold", "search": {"a": [1]}},
            "the field algorithm is required",
            ("search",),
        ),
        (
            {"strategy": "buy_and_hold", "novelty": 0.99},
            "the field algorithm is required",
            ("novelty",),
        ),
        ({**FOREST, "novelty": 1.5}, "found 1.5", ("novelty",)),
        ({**FOREST, "sweep": {"threshold": ["x"]}}, "found 'x'", ("threshold",)),
    ],
)
def test_a_wrong_entry_names_the_field(entry, expected, field):
    with pytest.raises(BadInput, match=r"demo\.one") as caught:
        expand(study(one=entry), HERE)
    assert expected in str(caught.value)
    assert caught.value.field == field


def test_a_model_needs_sessions_to_train_on():
    one = Study(
        name="demo", evaluation={"method": "whole"}, configurations={"rf": FOREST}
    )
    assert "has no sessions to train on" in refused("demo.rf", one)


def test_the_embargo_covers_the_horizon():
    one = Study(name="demo", evaluation={"embargo": 5}, configurations={"rf": FOREST})
    assert found("demo.rf", one).label.horizon == 5
    assert "exceed the embargo of 5" in refused("demo.rf~horizon=6", one)


def test_fields_of_algorithms_and_strategies_do_not_collide():
    general = {"strategy", "algorithm", "backend", "symbols", "features", "horizon"}
    for algorithm in ALGORITHMS.values():
        for strategy in STRATEGIES.values():
            ours = set(algorithm.Settings.model_fields)
            theirs = set(strategy.Settings.model_fields)
            assert not ours & theirs
            assert not (ours | theirs) & general


def test_hashes_change_with_what_they_cover():
    one = study(rf=FOREST)
    base, deeper = found("demo.rf", one), found("demo.rf~max_depth=8", one)
    wider = found("demo.rf~threshold=0.5", one)
    assert base.model_hash(one) != deeper.model_hash(one)
    assert base.model_hash(one) == wider.model_hash(one)
    assert base.result_hash(one) != wider.result_hash(one)


@given(
    st.one_of(
        st.integers(-(10**6), 10**6),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
    )
)
def test_values_survive_a_key(value):
    text = format_value(value)
    assert parse_value(text) == value
    assert KEY_PATTERN.fullmatch("a" + text)


ONE_MINUTE, TICKS = BarSize.parse("1min"), BarSize.parse("volume:1000")


@pytest.mark.parametrize(
    ("bar", "base", "expected"),
    [
        ("7min", "1min", "'7min' is not a bar size"),
        ("volume:100", "1min", "bar: found volume:100; bars of volume or money can"),
        ("1min", "5min", "bar: found 1min; it must be a whole multiple of the market"),
        ("90min", "1h", "bar: found 90min; it must be a whole multiple of the market"),
        ("1h", "1day", "bar: found 1h; it must be a whole multiple of the market"),
        (
            "1h",
            "volume:1000",
            "bar: found 1h; the market's bars of volume:1000 are not",
        ),
        ("1day", "dollar:5", "bar: found 1day; the market's bars of dollar:5 are not"),
    ],
)
def test_bars_that_the_markets_bars_cannot_form_are_refused(
    bar: str, base: str, expected: str
) -> None:
    one = study(hold={"strategy": "buy_and_hold", "bar": bar})
    with pytest.raises(BadInput, match=expected):
        expand(one, HERE, BarSize.parse(base))


def test_bars_are_those_of_the_market_unless_the_configuration_sets_bar() -> None:
    one = study(hold={"strategy": "buy_and_hold"})
    (own,) = expand(one, HERE, ONE_MINUTE)
    other = find_configuration({"demo": one}, "demo.hold~bar=60min", HERE, ONE_MINUTE)
    assert (own.settings()["bar"], other.settings()["bar"]) == ("1min", "1h")
    assert own.model_hash(one) != other.model_hash(one)
    assert own.result_hash(one) != other.result_hash(one)
    same = find_configuration({"demo": one}, "demo.hold~bar=1min", HERE, ONE_MINUTE)
    assert own.result_hash(one) == same.result_hash(one)
    (of_ticks,) = expand(one, HERE, TICKS)
    assert of_ticks.settings()["bar"] == "volume:1000"


RANKED = {"strategy": "rank_long_short", "score": "close"}
MIXED = {"score": "close", "second_score": "forecast"}


@pytest.mark.parametrize(
    ("entry", "reads"),
    [
        ({"strategy": "forecast_threshold"}, True),
        ({"strategy": "rank_long_short"}, True),
        (RANKED, False),
        ({**RANKED, **MIXED}, False),
        ({**RANKED, **MIXED, "sweep": {"second_weight": [0, 0.5]}}, True),
        ({"strategy": "macd_cross"}, False),
    ],
)
def test_a_strategy_that_trades_on_forecasts_needs_a_model(entry, reads):
    assert found("demo.one", study(one={**entry, "algorithm": "linear"}))
    if reads:
        assert "trades on forecasts, but the configuration has no model. Add" in (
            refused("demo.one", study(one=entry))
        )
    else:
        assert found("demo.one", study(one=entry)).algorithm is None


class TestAccount:
    def test_a_strategy_of_portfolios_needs_one_account(self):
        fields = {**RANKED, "account": "symbol"}
        assert "account: found 'symbol'; strategy" in refused(
            "demo.one", study(one=fields)
        )
        found_one = found("demo.one", study(one=RANKED))
        assert found_one.is_portfolio

    def test_any_strategy_may_have_one(self):
        entry = {"strategy": "ema_cross"}
        assert not found("demo.one", study(one=entry)).is_portfolio
        shared = found("demo.one~account=portfolio", study(one=entry))
        assert shared.settings()["account"] == "portfolio"
        assert all(v.account == "portfolio" for v in shared.variants())

    def test_settings_of_sleeves_are_as_they_were(self):
        own = found("demo.one", study(one={"strategy": "ema_cross"}))
        assert "account" not in own.settings()

    def test_leverage_and_a_reserve_are_those_of_one_account(self):
        entry = {**RANKED, "leverage": 2, "reserve": 1_000}
        own = found("demo.one", study(one=entry))
        assert {(v.leverage, v.reserve) for v in own.variants()} == {(2, 1_000)}
        assert own.settings()["leverage"] == 2
        swept = {**entry, "sweep": {"leverage": [1, 3]}}
        del swept["leverage"]
        both = found("demo.one", study(one=swept)).variants()
        assert [v.leverage for v in both] == [1, 3]

    @pytest.mark.parametrize("name", ["leverage", "reserve"])
    def test_accounts_of_one_symbol_each_have_neither(self, name):
        for fields in ({name: 2}, {"sweep": {name: [2, 3]}}):
            entry = {"strategy": "ema_cross", **fields}
            assert f"{name}: each symbol has an account of its own" in refused(
                "demo.one", study(one=entry)
            )

    def test_a_reserve_of_all_the_cash_is_refused(self):
        entry = {**RANKED, "cash": 100, "reserve": 100}
        assert "reserve: found 100 of a cash of 100" in refused(
            "demo.one", study(one=entry)
        )

    def test_neutral_betas_need_two_sides_and_betas(self):
        entry = {**RANKED, "neutral": "beta"}
        assert "neutral: beta needs 'sides: long_short'" in refused(
            "demo.one", study(one=entry)
        )

    def test_groups_are_read_where_something_asks_for_them(self):
        assert not found("demo.one", study(one=RANKED)).reads_groups
        for more in (
            {"neutral": "group"},
            {"max_group_weight": 0.3},
            {"sweep": {"neutral": ["none", "group"]}},
        ):
            assert found("demo.one", study(one={**RANKED, **more})).reads_groups

    def test_an_unknown_account_is_refused(self):
        fields = {"strategy": "ema_cross", "account": "shared"}
        assert "account: found 'shared'" in refused("demo.one", study(one=fields))


class TestUniverse:
    def of(self, universe: str, entry=None, **universes):
        fields = {**(entry or RANKED), "universe": universe}
        one = Study(name="demo", universes=universes, configurations={"one": fields})
        return find_configuration({"demo": one}, "demo.one", HERE)

    def test_a_list_is_the_symbols(self):
        listed = self.of("tech", tech=["AAPL", "MSFT"])
        assert listed.symbols == ("AAPL", "MSFT")
        assert "universe" not in listed.settings()

    def test_the_most_traded_are_chosen_anew(self):
        liquid = self.of("liquid", liquid={"top": 5, "sessions": 3})
        assert liquid.symbols is None
        assert liquid.settings()["universe"] == {"top": 5, "sessions": 3}

    def test_names_of_universes_are_values_of_an_axis(self):
        entry = {**RANKED, "each": {"universe": ["tech", "liquid"]}}
        universes = {"tech": ["AAPL"], "liquid": {"top": 5}}
        one = Study(name="demo", universes=universes, configurations={"one": entry})
        key = "demo.one~universe=tech"
        assert find_configuration({"demo": one}, key, HERE).symbols == ("AAPL",)

    def of_file(self, folder, text, **fields):
        (folder / "members.csv").write_text(text)
        one = Study(
            name="demo",
            universes={"index": {"file": "members.csv"}},
            configurations={"one": {**RANKED, "universe": "index"}},
            **fields,
        )
        return one, find_configuration({"demo": one}, "demo.one", folder)

    def test_members_of_a_file_are_a_hash_in_the_settings(self, tmp_path):
        text = "symbol,from,to\nAAA,2018-01-02,\n"
        study, first = self.of_file(tmp_path, text)
        assert (first.key, first.symbols) == ("demo.one", None)
        before = first.settings(), first.result_hash(study), first.model_hash(study)
        assert before[0]["universe"] == {"members": first.membership.hash}
        study, second = self.of_file(tmp_path, text + "BBB,2018-01-02,\n")
        assert second.settings() != before[0]
        assert second.result_hash(study) != before[1]
        # A model learns from all symbols, whoever is a member.
        assert second.model_hash(study) == before[2]

    def test_dates_outside_of_the_study_do_not_count(self, tmp_path):
        dates = {"dates": {"first": date(2018, 1, 2), "last": date(2018, 3, 1)}}
        text = "symbol,from,to\nAAA,2018-01-02,\n"
        study, first = self.of_file(tmp_path, text, **dates)
        before = first.result_hash(study)
        study, second = self.of_file(tmp_path, text + "BBB,2019-01-02,\n", **dates)
        assert second.result_hash(study) == before

    def test_a_wrong_file_of_members_names_the_configuration(self, tmp_path):
        with pytest.raises(BadInput, match=r"demo.one: universe: .*line 2: from"):
            self.of_file(tmp_path, "symbol,from,to\nAAA,soon,\n")

    @pytest.mark.parametrize("file", ["/etc/passwd", "../members.csv"])
    def test_a_file_outside_of_the_studys_folder_is_refused(self, file):
        with pytest.raises(ValueError, match="outside of the study's folder"):
            self.of("index", index={"file": file})

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(BadInput, match=r"universe: found 'teck'; .*tech"):
            self.of("teck", tech=["AAPL"])

    def test_symbols_beside_it_are_refused(self):
        entry = {**RANKED, "symbols": ["AAPL"]}
        with pytest.raises(BadInput, match="universe: found beside symbols"):
            self.of("tech", entry, tech=["AAPL"])

    @pytest.mark.parametrize("universe", [{"top": 5}, {"file": "members.csv"}])
    def test_a_rule_of_one_symbol_cannot_follow_a_change(self, universe):
        with pytest.raises(BadInput, match="changes from session to session"):
            self.of("liquid", {"strategy": "ema_cross"}, liquid=universe)

    @pytest.mark.parametrize(
        ("universe", "said"),
        [
            ({"tops": 5}, "universes.liquid.tops: unknown field; allowed are"),
            ({"top": 0}, "universes.liquid.top: found 0; a number of 1 or more"),
            ({"file": ""}, "universes.liquid.file: found ''; a text that is not empty"),
            ({"file": "a.csv", "top": 5}, "liquid.top: unknown field; .* are file"),
            ([], "universes.liquid: found \\[\\]; 1 or more are needed"),
        ],
    )
    def test_a_wrong_universe_is_named(self, tmp_path, universe, said):
        path = tmp_path / "demo.yaml"
        content = {"universes": {"liquid": universe}, "configurations": {"one": RANKED}}
        path.write_text(yaml.safe_dump(content))
        with pytest.raises(BadInput, match=said):
            read_study(path)


class TestCosts:
    RATES: ClassVar = {"default": 30, "GME": 2000}

    def one(self, costs=None, **fields):
        return Study(
            name="demo",
            costs=costs or {},
            configurations={"rf": {**FOREST, **fields}},
        )

    def test_rates_may_differ_by_symbol(self):
        one = self.one({"borrow_bps": self.RATES, "half_spread_bps": 2})
        costs = found("demo.rf", one).costs
        assert (costs.borrow("GME"), costs.borrow("AAPL")) == (0.2, 0.003)
        assert costs.half_spread("GME") == 2e-4

    def test_a_configuration_and_a_key_replace_the_studys_rates(self):
        one = self.one({"borrow_bps": self.RATES}, half_spread_bps=self.RATES)
        costs = found("demo.rf~borrow_bps=5", one).costs
        assert costs.borrow("GME") == 5e-4
        assert costs.half_spread("GME") == 0.2

    def test_each_cost_may_be_swept(self):
        sweep = {"impact": [0, 0.5], "commission_per_order": [0, 1]}
        one = self.one({"borrow_bps": self.RATES}, sweep=sweep)
        variants = found("demo.rf", one).variants()
        assert [v.costs.impact for v in variants] == [0, 0, 0.5, 0.5]
        assert {v.costs.borrow("GME") for v in variants} == {0.2}

    def test_variants_share_the_fact_with_the_half_spreads(self):
        costs = found("demo.rf", self.one({"half_spread_fact": "quotes"})).costs
        assert (costs.half_spread_fact, costs.slip) == ("quotes", True)
        swept = self.one({}, sweep={"half_spread_fact": ["quotes", "others"]})
        with pytest.raises(BadInput, match=r"sweep\.half_spread_fact: unknown field"):
            found("demo.rf", swept)

    def test_tiers_of_a_configuration_replace_those_of_the_study(self):
        listed = [{"from": 0, "per_share": 0.01}, {"from": 500, "per_share": 0.006}]
        of_study = self.one({"commission_tiers": listed})
        costs = found("demo.rf", of_study).costs
        assert costs.commission_tiers == ((0, 0.01), (500, 0.006))
        without = self.one({"commission_tiers": listed}, commission_tiers=[])
        assert found("demo.rf", without).costs.commission_tiers == ()

    @pytest.mark.parametrize(
        "tiers",
        [
            0.01,
            [{"from": 1, "per_share": 0.01}],
            [{"from": 0}],
            [{"from": 0, "per_share": -1}],
            [{"from": 0, "per_share": "x"}],
            [{"from": 0, "per_share": 1}, {"from": 2.5, "per_share": 1}],
            [{"from": 0, "per_share": 1}, {"from": 0, "per_share": 2}],
            [{"from": n, "per_share": 1} for n in range(4)],
        ],
    )
    def test_wrong_tiers_are_refused(self, tiers):
        with pytest.raises(BadInput, match=r"commission_tiers: .*up to 3 tiers are"):
            found("demo.rf", self.one({}, commission_tiers=tiers))

    def test_a_study_without_the_later_costs_is_written_as_before(self):
        settings = found("demo.rf", self.one({"slippage_bps": 1})).settings()
        later = {"impact", "commission_per_order", "commission_tiers"}
        later |= {"half_spread_bps", "half_spread_fact"}
        assert not later & set(settings)
        assert settings["borrow_bps"] == 0.0

    @pytest.mark.parametrize("field", ["borrow_bps", "half_spread_bps"])
    @pytest.mark.parametrize(
        ("rates", "message"),
        [
            (-1, "found -1; a number of 0 or more is needed, or a mapping"),
            ({"default": 1, "GME": -2}, "found -2; a number of 0 or more"),
            ({"GME": 2}, "found no default in {'GME': 2}; "),
            ({"default": "x"}, "found 'x', a text; a number is needed"),
            ([1, 2], "found"),
        ],
    )
    def test_wrong_rates_are_refused(self, field, rates, message):
        one = self.one(**{field: rates})
        text = refused("demo.rf", one)
        assert f"Configuration demo.rf: {field}" in text
        assert message in text

    @pytest.mark.parametrize("axis", ["each", "sweep"])
    def test_mappings_on_an_axis_are_refused(self, axis):
        one = self.one(**{axis: {"borrow_bps": [1, self.RATES]}})
        with pytest.raises(BadInput, match="an axis of costs needs numbers"):
            expand(one, HERE)

    def test_only_orders_of_portfolios_wait_for_volume(self):
        rules = self.one({"participation": 0.05})
        text = refused("demo.rf", rules)
        assert "participation: found 0.05" in text
        assert "'forecast_threshold'" in text
        panel = {"strategy": "rank_long_short", "score": "roc", "participation": 0.05}
        assert found("demo.p", study(p=panel)).costs.participation == 0.05
        assert "1.0 or less" in refused("demo.p~participation=2", study(p=panel))

    def test_impact_is_not_negative(self):
        assert "impact: found -1; a number of 0.0 or more" in refused(
            "demo.rf", self.one(impact=-1)
        )


LABELS = {
    "sign": {"kind": "direction", "horizon": 3},
    "hit": {"kind": "triple_barrier", "profit": 2},
}


def labelled(**fields) -> Study:
    rf = {**FOREST, **fields}
    return Study(name="demo", labels=LABELS, configurations={"rf": rf})


def test_a_label_is_an_axis_by_its_name():
    one = labelled(each={"label": ["sign", "hit"]}, horizon=4)
    sign, hit = expand(one, HERE)
    assert [c.key for c in (sign, hit)] == ["demo.rf~label=sign", "demo.rf~label=hit"]
    assert (sign.label.kind, hit.label.kind) == ("direction", "triple_barrier")
    assert (sign.label.horizon, hit.label.of_kind.profit) == (4, 2)
    assert sign.model_hash(one) != hit.model_hash(one)
    # The name is no content: the same label under another name is the same model.
    renamed = Study(
        name="demo", labels={"up": LABELS["hit"]}, configurations=one.configurations
    )
    assert found("demo.rf~label=up", renamed).model_hash(renamed) == hit.model_hash(one)


def test_a_label_that_the_study_does_not_have_is_refused():
    with pytest.raises(BadInput, match=r"label: found 'sing'; .*mean 'sign'"):
        found("demo.rf~label=sing", labelled())
    with pytest.raises(BadInput, match="the study has no labels under"):
        found("demo.rf~label=sign")


def test_weights_are_fields_of_a_configuration():
    one = found("demo.rf~weight_uniqueness=true~weight_half_life=10")
    assert one.settings()["weight_half_life"] == 10
    plain = study(rf=FOREST)
    assert one.model_hash(plain) != found("demo.rf").model_hash(plain)
    with pytest.raises(BadInput, match="kind level, which has no classes"):
        found("demo.rf~weight_classes=true")
    assert found("demo.rf~label=sign~weight_classes=true", labelled()).weighting.classes
    with pytest.raises(BadInput, match="weight_oldest: found 0 beside"):
        found("demo.rf~weight_half_life=10~weight_oldest=0")


def test_models_of_existing_studies_keep_their_identity():
    """Settings that came later are part of it only where a study uses them."""
    part = found("demo.rf")._model_part()
    assert part["label"] == {
        "price": "vwap",
        "horizon": 5,
        "kind": "level",
        "across_sessions": False,
    }
    assert not [name for name in part if name.startswith("weight")]
    assert found("demo.rf").features_read == found("demo.rf").features


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{kind: barrier}", r":2: label\.kind: found 'barrier'; .*'triple_barrier'"),
        ("{profit: 2}", r":2: label: profit: found with kind: level, .*'meta' or"),
        ("{kind: meta, side: rsii}", r":2: label: side: feature rsii: unknown"),
        ("{kind: meta}", r":2: label: side: this field is required"),
        ("{kind: direction, dead_band: -1}", r":2: label: dead_band: found -1; a num"),
        ("{horizn: 3}", r":2: label: horizn: unknown field; allowed with .* 'horizon'"),
        ("{kind: meta, side: rsi, relative_to: market}", "with kind: meta, from which"),
    ],
)
def test_a_wrong_label_is_told_with_its_line(tmp_path, written, message):
    path = tmp_path / "demo.yaml"
    path.write_text(f"name: demo\nlabel: {written}\nconfigurations: {{a: {{}}}}\n")
    with pytest.raises(BadInput, match=message):
        read_study(path)


class TestEstimators:
    RIDGE: ClassVar = {
        "algorithm": "sklearn.linear_model:Ridge",
        "strategy": "forecast_threshold",
    }

    def test_arguments_are_fields_and_axes(self):
        axes = {"each": {"alpha": [1, 2.5]}, "search": {"tol": [1e-4, 1e-3]}}
        first, second = expand(study(ridge={**self.RIDGE, **axes}), HERE)
        assert (first.key, second.key) == (
            "demo.ridge~alpha=1",
            "demo.ridge~alpha=2.5",
        )
        assert second.model_settings["alpha"] == 2.5
        assert "tol" not in second.model_settings
        assert second.search == {"tol": (1e-4, 1e-3)}
        assert first.settings()["solver"] == "auto"

    @pytest.mark.parametrize(
        ("key", "message"),
        [
            ("demo.ridge~alpha=many", "alpha: found 'many'; it must be a number"),
            ("demo.ridge~alpa=1", "alpa: unknown field"),
            ("demo.ridge~backend=spark", "Ridge has no fit on Spark. Write backend"),
        ],
    )
    def test_wrong_fields_are_refused(self, key, message):
        assert message in refused(key, study(ridge=self.RIDGE))

    def test_an_argument_with_the_name_of_another_field_is_refused(self, tmp_path):
        code = "from sklearn.linear_model import Ridge\n\n\ndef ridge(size=1.0):\n"
        (tmp_path / "mine.py").write_text(f"{code}    return Ridge(size)\n")
        one = study(ridge={**self.RIDGE, "algorithm": "mine.py:ridge"})
        with pytest.raises(BadInput, match=r"name of another field of the.*: 'size'"):
            expand(one, tmp_path)

    def test_a_classifier_needs_a_label_of_classes(self):
        name = "sklearn.linear_model:LogisticRegression"
        for algorithm in ("gradient_boosting_classifier", name):
            one = study(ridge={**self.RIDGE, "algorithm": algorithm})
            assert "is a classifier, but a label of kind level has no classes" in (
                refused("demo.ridge", one)
            )
