"""A home that lived equals, to the bit, a fresh one made from the same inputs."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from whatif_assets_tests.living.machine import LivingHome

STEPS = 30
# Set by `make test-living`, where other homes live each time.
LIVES = int(os.environ.get("WHATIF_LIVES", "0"))
ALWAYS_THE_SAME = LIVES == 0


# Rules that no home has been seen to follow often enough yet; each is tried for
# thousands of steps, and then taken out of here.
OFF = (
    "add_a_key_without_meaning",
    "damage_a_file",
    "kill_a_run",
    "remove_a_configuration",
    "remove_a_study",
)


class Follows(LivingHome):
    """A home that follows all rules but those that are switched off."""


for _rule in OFF:
    setattr(Follows, _rule, None)


@pytest.mark.slow
def test_a_home_that_lived_equals_a_fresh_one() -> None:
    run_state_machine_as_test(
        Follows,
        settings=settings(
            max_examples=LIVES or 1,
            stateful_step_count=STEPS,
            derandomize=ALWAYS_THE_SAME,
            # A home takes a minute to live: the steps are told as they were.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
            print_blob=True,
        ),
    )
