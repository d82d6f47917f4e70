"""Findings of probes are stored next to their partition."""

from __future__ import annotations

import logging

import pytest

from whatif_assets.domain.leaks.finding import Finding
from whatif_assets.home.lake import Lake
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.probe_findings import Gate, kept_probes

KEY = "tiny.linear"
NOTHING_FOUND = Finding("labels_look_forward", True, "3 rows", 3, 0.0)


@pytest.fixture
def probed(tmp_path) -> Lake:
    """A lake with a complete partition that was probed."""
    lake = Lake(tmp_path)
    Gate(lake, "trained_models", KEY).keep(NOTHING_FOUND)
    manifest = Manifest("v", {}, 1, "run", "1", "2026-01-05T00:00:00+00:00", 0.1)
    lake.finish("trained_models", KEY, manifest)
    assert lake.has("trained_models", KEY)
    return lake


def test_a_partition_that_is_probed_anew_is_being_written_and_not_damaged(
    probed, caplog
):
    gate = Gate(probed, "trained_models", KEY)
    with caplog.at_level(logging.WARNING, "whatif_assets"):
        assert not probed.has("trained_models", KEY)
        gate.keep(NOTHING_FOUND)
        gate.keep(NOTHING_FOUND)  # now the file is longer than it was
        assert not probed.has("trained_models", KEY)
    assert caplog.messages == []
    assert len(kept_probes(probed, "trained_models", KEY)) == 2
