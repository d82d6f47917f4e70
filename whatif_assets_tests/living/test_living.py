"""After many events a home equals, to the bit, a fresh one with the same inputs."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from whatif_assets_tests.living.machine import LivingHome

# The first home does the simplest thing again and again, and is not run.
HOMES, STEPS = 3, 20
# Set by `make test-living`, where other homes live each time, and get signals.
LIVES = int(os.environ.get("WHATIF_LIVES", "0"))


@pytest.mark.slow
def test_a_home_that_lived_equals_a_fresh_one(monkeypatch) -> None:
    monkeypatch.setattr(LivingHome, "has_signals", LIVES > 0)
    run_state_machine_as_test(
        LivingHome,
        settings=settings(
            max_examples=LIVES or HOMES,
            stateful_step_count=STEPS,
            derandomize=LIVES == 0,
            # One example takes a minute: print the steps as they were, without shrinking.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
            print_blob=True,
        ),
    )
