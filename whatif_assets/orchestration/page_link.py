"""Links to pages and pictures that open from the UI.

A browser refuses links from a web page to a file. What the web server of Dagster does
hand out are the files of its log manager, so copies are kept among them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from whatif_assets.home.atomic import atomic_path
from whatif_assets.home.home import REPORTS, Home
from whatif_assets.orchestration.dagster_private import LocalComputeLogManager

PICTURES = "pictures"
_PICTURE = re.compile(r"!\[plot\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)")


def offer_page(
    page: Path, home: Home, study: str, instance: dg.DagsterInstance
) -> dict[str, Any]:
    """Copy a page to where the UI can fetch it, and link to the copy.

    Parameters
    ----------
    page
        The HTML file.
    instance
        Whose logs the web server hands out, if they are on this machine.

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


def picture_value(png: bytes) -> dg.MarkdownMetadataValue:
    """Turn a picture into metadata that needs no other file."""
    encoded = base64.b64encode(png).decode("ascii")
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{encoded})")


def offer_pictures(
    metadata: Mapping[str, Any], instance: dg.DagsterInstance
) -> dict[str, Any]:
    """Link to copies of pictures, so that the UI shows them without being asked to.

    It shows Markdown at once where that is short, and hides a picture that is written
    into it behind a button. A link also leaves the event log small.

    Parameters
    ----------
    metadata
        Values by name; those of :func:`picture_value` are replaced.
    instance
        Whose logs the web server hands out. Where they are not on this machine,
        nothing is replaced.
    """
    logs = instance.compute_log_manager
    if not isinstance(logs, LocalComputeLogManager):
        return dict(metadata)
    return {name: _linked(value, logs) for name, value in metadata.items()}


def _linked(value: Any, logs: LocalComputeLogManager) -> Any:
    found = isinstance(value, dg.MarkdownMetadataValue) and _PICTURE.fullmatch(
        value.value or ""
    )
    if not found:
        return value
    png = base64.b64decode(found[1])
    # Named by its content, so that a link always leads to what it was made for.
    key = [PICTURES, hashlib.sha256(png).hexdigest()[:32]]
    path = Path(logs.get_captured_local_path(key, "png"))
    if not path.exists():
        with atomic_path(path) as copy:
            copy.write_bytes(png)
    return dg.MetadataValue.md(f"![plot](/logs/{'/'.join(key)}/png)")
