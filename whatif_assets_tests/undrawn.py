"""Runs without their pictures and pages, for tests that look at neither."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest import mock

from whatif_assets.orchestration import partition_loop
from whatif_assets.orchestration.assets import best_configuration
from whatif_assets.report import page
from whatif_assets.report.drawing import Picture


@contextlib.contextmanager
def no_pictures() -> Iterator[None]:
    """Leave out the pictures of Dagster's records; a second process draws them."""
    with (
        mock.patch.object(Picture, "png", lambda picture: b""),
        mock.patch.object(partition_loop, "start_drawing_process", lambda: None),
        mock.patch.object(best_configuration, "pictures", lambda *_: {}),
    ):
        yield


@contextlib.contextmanager
def nothing_drawn() -> Iterator[None]:
    """Leave out pictures and pages, which take their time and are in no table."""
    with (
        no_pictures(),
        mock.patch.object(page, "SECTIONS", ()),
        mock.patch.object(page, "get_plotlyjs", lambda: ""),
    ):
        yield
