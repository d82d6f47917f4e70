"""The Dagster code location of the default home, as named in ``workspace.yaml``."""

from __future__ import annotations

from whatif_assets.orchestration.code_location import build_definitions, default_home

defs = build_definitions(default_home())
