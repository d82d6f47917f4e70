"""A home that lived equals, to the bit, a fresh one made from the same inputs."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

from whatif_assets_tests.living.machine import LivingHome

LIVES = int(os.environ.get("WHATIF_LIVES", "6"))
STEPS = 25

TestLivingHome = LivingHome.TestCase
TestLivingHome.settings = settings(
    max_examples=LIVES,
    stateful_step_count=STEPS,
    derandomize="WHATIF_LIVES" not in os.environ,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
    database=None,
    print_blob=True,
)
