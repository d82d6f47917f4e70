"""A home that lives: whatever happens to it, it ends up as a fresh one would."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import dagster as dg
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from whatif_assets_tests.living import faults, homes
from whatif_assets_tests.living.inputs import MODELS, RULES, Inputs, template
from whatif_assets_tests.living.market import LISTED
from whatif_assets_tests.living.tables import differences, tables_of

NUMBERS = st.integers(0, 999)
SYMBOLS = st.sampled_from(LISTED)
PATIENCE = st.integers(1, 12)  # changes until the user runs the home


class LivingHome(RuleBasedStateMachine):
    """A home, its user, and the world around them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="living-"))
        self.home = self.folder / "home"
        self.instance = dg.DagsterInstance.ephemeral()
        self.fresh = homes.FreshHomes(self.folder / "fresh")
        self.inputs = Inputs()
        self.pending = self.patience = 1

    def teardown(self) -> None:
        self.instance.dispose()
        shutil.rmtree(self.folder)

    # Runs

    @initialize(
        source=st.sampled_from(["parquet", "csv"]),
        both=st.booleans(),
        patience=PATIENCE,
    )
    def begin(self, source: str, both: bool, patience: int) -> None:
        self.inputs.market.source = source
        self.inputs.studies["models"] = template(MODELS)
        if both:
            self.inputs.studies["rules"] = template(RULES)
        self.patience, self.pending = patience, 0
        self.inputs.write(self.home)
        outcome = homes.run(self.home, self.instance)
        assert outcome.succeeded, outcome.said

    @rule(patience=PATIENCE)
    def run(self, patience: int) -> None:
        """Run all studies; every table is as a fresh home has it."""
        self.patience, self.pending = patience, 0
        self.inputs.write(self.home)
        outcome = homes.run(self.home, self.instance)
        self.inputs.forget_questions()
        self.compare(outcome)

    def compare(self, outcome: homes.Outcome) -> None:
        fresh, expected = self.fresh.of(self.inputs, self.home)
        found = differences(tables_of(self.home), tables_of(fresh))
        assert not found, "\n".join([*found, outcome.said])
        assert outcome.succeeded == expected.succeeded, (
            f"said:\n{outcome.said}\nfresh said:\n{expected.said}"
        )
        wrong = homes.without_meaning(fresh, self.inputs.asked) + self.inputs.wrong
        assert outcome.succeeded == (not wrong), outcome.said
        for word in wrong:
            assert word in outcome.said, f"{word} is not named:\n{outcome.said}"

        if not self.inputs.broken:
            known = set(self.instance.get_dynamic_partitions(homes.AXIS))
            assert known == homes.keys(self.home) | self.inputs.asked

    def changed(self) -> None:
        """Note a change; the user runs the home after some."""
        self.pending += 1
        if self.pending >= self.patience:
            self.run(self.patience)

    @rule(number=st.integers(1, 120))
    def kill_a_run(self, number: int) -> None:
        self.inputs.write(self.home)
        with faults.killed_at(number):
            homes.run(self.home, self.instance)
        self.inputs.asked &= set(self.instance.get_dynamic_partitions(homes.AXIS))
        self.changed()

    @rule(name=st.sampled_from(["copied", "a [x] copy", "it's 100 % ünï"]))
    def copy_elsewhere(self, name: str) -> None:
        self.inputs.write(self.home)
        target = self.folder / name / "home"
        if target != self.home:
            shutil.copytree(self.home, target)
            shutil.rmtree(self.home)
            self.home = target
        self.changed()

    @rule()
    def rank_in_the_ui(self) -> None:
        """Rank what is there, whatever changed since."""
        self.inputs.write(self.home)
        homes.launch(self.home, self.instance, "rank_configurations")
        self.changed()

    @rule(
        first=NUMBERS, last=NUMBERS, asset=st.sampled_from(["price_bars", "features"])
    )
    def backfill_sessions_in_the_ui(self, first: int, last: int, asset: str) -> None:
        self.inputs.write(self.home)
        sessions = self.inputs.market.sessions
        ends = sorted(sessions[n % len(sessions)].isoformat() for n in (first, last))
        between = ends[0], ends[1]
        homes.launch(self.home, self.instance, "prepare_sessions", between, [asset])
        self.changed()

    # What-ifs

    def asking(self, key: str) -> None:
        self.inputs.write(self.home)
        self.inputs.asked.add(key)
        homes.ask(self.home, self.instance, [key])
        self.changed()

    @rule(value=st.sampled_from([0.0, 0.001, 0.002]))
    def ask_for_a_threshold(self, value: float) -> None:
        self._ask("algorithm", f"threshold={value}")

    @rule(value=st.sampled_from([1, 2]))
    def ask_for_a_horizon(self, value: int) -> None:
        self._ask("algorithm", f"horizon={value}")

    @rule(value=st.sampled_from([3, 4]))
    def ask_for_an_amount(self, value: int) -> None:
        self._ask("amount", f"amount={value}")

    @rule(value=st.sampled_from([10, 20]))
    def ask_for_a_size(self, value: int) -> None:
        self._ask("size", f"size={value}")

    def _ask(self, field: str, override: str) -> None:
        for study, entry in self.inputs.entries():
            if field in self.inputs.studies[study]["configurations"][entry]:
                self.asking(f"{study}.{entry}~{override}")
                return

    @rule(key=st.sampled_from(["models.linear~nonsense=1", "gone.linear", "nonsense"]))
    def add_a_key_without_meaning(self, key: str) -> None:
        self.inputs.asked.add(key)
        self.instance.add_dynamic_partitions(homes.AXIS, [key])
        self.changed()

    # Bars

    @rule()
    def add_a_session(self) -> None:
        if self.inputs.market.days < 14:
            self.inputs.market.add_session()
            self.changed()

    @rule(number=NUMBERS, bar=NUMBERS, factor=st.sampled_from([0.995, 1.004]))
    def correct_a_bar(self, number: int, bar: int, factor: float) -> None:
        self.inputs.market.change(number, bar, factor)
        self.changed()

    @rule(number=NUMBERS, bar=NUMBERS)
    def remove_a_bar(self, number: int, bar: int) -> None:
        self.inputs.market.remove(number, bar)
        self.changed()

    @rule(number=NUMBERS)
    def miss_a_session(self, number: int) -> None:
        self.inputs.market.miss(number)
        self.changed()

    @rule(symbol=SYMBOLS, number=NUMBERS)
    def appear(self, symbol: str, number: int) -> None:
        self.inputs.market.appear(symbol, number)
        self.changed()

    @rule(symbol=st.sampled_from(LISTED[1:]), number=NUMBERS)
    def delist(self, symbol: str, number: int) -> None:
        self.inputs.market.delist(symbol, number)
        self.changed()

    @rule(number=NUMBERS, factor=st.sampled_from([1.5, 10.0, 0.5]))
    def jump(self, number: int, factor: float) -> None:
        self.inputs.market.scale(number, factor)
        self.changed()

    @rule(symbol=SYMBOLS)
    def restate(self, symbol: str) -> None:
        self.inputs.market.restate(symbol)
        self.changed()

    @rule(number=NUMBERS, bar=NUMBERS)
    def print_a_negative_price(self, number: int, bar: int) -> None:
        self.inputs.market.change(number, bar, -1.0)
        self.changed()

    # Studies

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

    @rule(
        number=NUMBERS,
        field=st.sampled_from(
            [
                ("label", {"price": "vwap", "horizon": 1, "kind": "return"}),
                ("label", {"price": "close", "horizon": 1, "kind": "return"}),
                ("evaluation", {"method": "split", "train": 5}),
                ("evaluation", {"method": "split", "train": 4, "holdout": 2}),
                ("evaluation", {"method": "walk_forward", "train": 3, "test": 2}),
                ("costs", {"commission_bps": 2}),
                ("rank_by", "pnl"),
                ("rank_by", {"sharpe": 1, "max_drawdown": -2}),
                ("constraints", ["trades >= 2"]),
                ("finalists", 1),
                ("seed", 11),
                ("title", "Another title"),
                ("symbols", ["AAA"]),
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
                {"strategy": "rsi_reversion", "timeperiod": 3},
                {"algorithm": "linear", "strategy": "forecast_threshold"},
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

    @rule(period=st.integers(4, 7))
    def edit_own_strategy(self, period: int) -> None:
        self.inputs.period = period
        self.changed()

    @rule(unit=st.integers(1, 3))
    def edit_module_of_own_strategy(self, unit: int) -> None:
        self.inputs.unit = unit
        self.changed()

    @rule(text=st.sampled_from(["configurations: {a: {}}\n", "]", "name: [1]\n"]))
    def write_a_wrong_study(self, text: str) -> None:
        self.inputs.broken = {"wrong": text}
        self.changed()

    @precondition(lambda self: self.inputs.broken)
    @rule()
    def remove_the_wrong_study(self) -> None:
        self.inputs.broken = {}
        self.changed()

    def _name(self, number: int) -> str:
        names = sorted(self.inputs.studies)
        return names[number % len(names)]

    def _study(self, number: int) -> dict[str, object]:
        return self.inputs.studies[self._name(number)]

    # Files

    @rule(number=NUMBERS, how=st.sampled_from(sorted(faults.DAMAGE)))
    def damage_a_file(self, number: int, how: str) -> None:
        files = faults.files_of_results(self.home)
        if files:
            faults.damage(files[number % len(files)], how)
            self.changed()

    @rule()
    def delete_the_database(self) -> None:
        (self.home / "whatif.duckdb").unlink(missing_ok=True)
        self.changed()

    @rule()
    def kill_a_writer_of_the_database(self) -> None:
        if (self.home / "whatif.duckdb").exists():
            faults.leave_wal(self.home / "whatif.duckdb")
            self.changed()

    @rule()
    def leave_half_written_files(self) -> None:
        for folder in [self.home, *(self.home / "lake").rglob("*=*")]:
            if folder.is_dir() and not folder.name.startswith("."):
                (folder / ".writing-0000").mkdir(exist_ok=True)
                (folder / ".writing-0000" / "data.parquet").write_bytes(b"half")
                (folder / ".writing-0001").write_bytes(b"half")
        self.changed()
