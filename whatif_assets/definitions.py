"""The code location of the default home, which ``workspace.yaml`` names."""

from __future__ import annotations

from whatif_assets.orchestration.code_location import build_definitions, default_home

defs = build_definitions(default_home())
