"""The forms of the jobs that do a whole piece of work by one click.

The UI shows a form in the Launchpad, with the description of each field.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from pydantic import Field

SEALED = "Do not open holdouts; each opening is counted, and kept for good."


class RefreshData(dg.Config):
    """The form of ``refresh_data``, which reads new and corrected sessions."""

    study: str = Field(
        "", description="Name of a study whose sessions to read; empty for all."
    )


class RunStudy(dg.Config):
    """The form of ``run_study``, which computes one study from bars to report."""

    study: str = Field(description="Name of a study of this home, such as demo.")
    sealed: bool = Field(False, description=SEALED)


class BarsToWinner(dg.Config):
    """The form of ``bars_to_winner``, which computes all studies of the home."""

    sealed: bool = Field(False, description=SEALED)


class WhatIf(dg.Config):
    """The form of ``what_if``, which asks a question of a study."""

    study: str = Field(description="Name of a study of this home, such as demo.")
    base: str = Field(
        description="Name of the configuration to start from, as the study file has "
        "it, such as rf_small. A value of an axis under 'each' follows it: "
        "forest~max_depth=4."
    )
    overrides: dict[str, Any] = Field(
        description="Other values of its fields, such as {max_depth: 8}."
    )
    note: str = Field("", description="Why you ask; kept with the question.")
    author: str = Field("", description="Who asks; kept with the question.")
    sealed: bool = Field(False, description=SEALED)


class Reseal(dg.Config):
    """The form of ``reseal``, which takes a holdout out of the results again."""

    study: str = Field(description="Name of a study of this home, such as demo.")
