"""A link to a page that opens from the UI.

A browser refuses links from a web page to a file. What the web server of Dagster does
hand out are the files of its log manager, so a copy of the page stands among them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from whatif_assets.core.atomic import atomic_path
from whatif_assets.core.home import REPORTS, Home


def offer_page(
    page: Path, home: Home, study: str, instance: dg.DagsterInstance
) -> dict[str, Any]:
    """Copy a page to where the UI can fetch it, and link to the copy.

    Parameters
    ----------
    page
        The HTML file.
    instance
        Whose logs the web server hands out, if they stand on this machine.

    Returns
    -------
    dict
        Metadata: ``report``, a link if there can be one and how to open the page
        without it, and ``report_path``.
    """
    logs, link = instance.compute_log_manager, ""
    if isinstance(logs, LocalComputeLogManager):
        key = [REPORTS, *([home.market.name] if home.market.name else []), study]
        with atomic_path(Path(logs.get_captured_local_path(key, "html"))) as copy:
            shutil.copyfile(page, copy)
        link = f"[Download the report](/logs/{'/'.join(key)}/html), or "
    command = f"`whatif report {study} --home {home.path} --open`"
    return {
        "report": dg.MetadataValue.md(f"{link}{command}"),
        "report_path": dg.MetadataValue.path(str(page.resolve())),
    }
