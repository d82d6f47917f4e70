"""A home over many runs, and the checks after each run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import dagster as dg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from whatif_assets_tests.living import homes, shown
from whatif_assets_tests.living.inputs import MODELS, RULES, Inputs, template
from whatif_assets_tests.living.tables import differences, tables_of

NUMBERS = st.integers(0, 999)
# Changes until the user runs the home. Many come first, since the first home that
# Hypothesis tries does the simplest thing again and again, and shall cost little.
PATIENCE = st.integers(0, 19).map(lambda less: 20 - less)
STUDIES = {"models": MODELS, "rules": RULES}


class Life(RuleBasedStateMachine):
    """A home, its user who runs it, and a fresh home of the same inputs.

    Attributes
    ----------
    has_signals
        Whether runs get signals. Their timing is never the same twice.
    """

    has_signals = False

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

    @initialize(
        source=st.sampled_from(["parquet", "csv"]),
        studies=st.sampled_from([["models"], ["rules"], ["models", "rules"]]),
        patience=PATIENCE,
    )
    def begin(self, source: str, studies: list[str], patience: int) -> None:
        """Begin with a home that has never been run."""
        self.inputs.market.source = source
        self.inputs.studies = {name: template(STUDIES[name]) for name in studies}
        self.patience, self.pending = patience, 0
        self.inputs.write(self.home)

    @rule(patience=PATIENCE)
    def run(self, patience: int) -> None:
        """Run all studies; check that every table equals that of a fresh home."""
        self.patience, self.pending = patience, 0
        self.inputs.write(self.home)
        outcome = homes.run(self.home, self.instance)
        self.inputs.forget_questions()
        self.compare(outcome)

    def compare(self, outcome: homes.Outcome) -> None:
        fresh, expected = self.fresh.of(self.inputs, self.home)
        found = differences(tables_of(self.home), tables_of(fresh))
        assert not found, "\n".join([*found, outcome.said])
        assert homes.pages(self.home) == homes.pages(fresh)
        assert outcome.succeeded == expected.succeeded, (
            f"said:\n{outcome.said}\nfresh said:\n{expected.said}"
        )
        wrong = homes.without_meaning(fresh, self.inputs.asked) + self.inputs.wrong
        assert outcome.succeeded == (not wrong), outcome.said
        for word in wrong:
            assert word in outcome.said, f"{word} is not named:\n{outcome.said}"

        unseen = shown.disagreements(self.home, self.instance)
        assert not unseen, "\n".join([*unseen, outcome.said])
        if not self.inputs.broken:
            known = set(self.instance.get_dynamic_partitions(homes.AXIS))
            assert known == homes.keys(self.home) | self.inputs.asked

    def changed(self) -> None:
        """Count a change; after some changes the user runs the home."""
        self.pending += 1
        if self.pending >= self.patience:
            self.run(self.patience)
