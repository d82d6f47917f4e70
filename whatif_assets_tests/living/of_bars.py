"""Events that change the bars of a home's market."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from whatif_assets_tests.living.life import NUMBERS, Life
from whatif_assets_tests.living.market import LISTED

SYMBOLS = st.sampled_from(LISTED)


class Bars(Life):
    """Sessions come, bars are corrected, symbols come and go."""

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

    @rule(multiplier=st.sampled_from([1.0, 10.0, {"AAA": 5.0}]))
    def edit_the_multiplier(self, multiplier: float | dict[str, float]) -> None:
        self.inputs.market.multiplier = multiplier
        self.changed()

    @rule(
        groups=st.sampled_from(
            [{}, {"one": ["AAA"]}, {"two": ["AAA"]}, {"one": ["AAA", "CCC"]}]
        )
    )
    def edit_the_groups(self, groups: dict[str, list[str]]) -> None:
        self.inputs.market.groups = groups
        self.changed()

    @rule(symbol=SYMBOLS)
    def restate(self, symbol: str) -> None:
        self.inputs.market.restate(symbol)
        self.changed()

    @rule(number=NUMBERS, bar=NUMBERS)
    def print_a_negative_price(self, number: int, bar: int) -> None:
        self.inputs.market.change(number, bar, -1.0)
        self.changed()
