"""Actions of a user in Dagster's UI."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from whatif_assets_tests.living import homes
from whatif_assets_tests.living.life import NUMBERS, Life


class TheUI(Life):
    """What-ifs are requested, some partitions or single assets are materialised."""

    @rule()
    def rank_in_the_ui(self) -> None:
        """Rank the existing results, whatever has changed since."""
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
