"""Links to pages and pictures that open from the UI.

A browser does not follow a link from a web page to a local file. But Dagster's web
server serves the files of its log manager, so copies are stored among these.
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
    home
        The home of the page.
    study
        Name of the study that the page reports on.
    instance
        The instance. A link is possible only if its logs are on this machine.

    Returns
    -------
    dict
        Metadata: ``report``, the command that opens the page, after a link if one is
        possible; and ``report_path``.
    """
    logs, link = instance.compute_log_manager, ""
    if isinstance(logs, LocalComputeLogManager):
        key = [REPORTS, *home.market.key_prefix, study]
        with atomic_path(Path(logs.get_captured_local_path(key, "html"))) as copy:
            shutil.copyfile(page, copy)
        link = f"[Download the report](/logs/{'/'.join(key)}/html), or "
    command = f"`whatif report {study} --home {home.path} --open`"
    return {
        "report": dg.MetadataValue.md(f"{link}{command}"),
        "report_path": dg.MetadataValue.path(str(page.resolve())),
    }


def picture_value(png: bytes) -> dg.MarkdownMetadataValue:
    """Convert a picture to metadata that contains its bytes."""
    encoded = base64.b64encode(png).decode("ascii")
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{encoded})")


def offer_pictures(
    metadata: Mapping[str, Any], instance: dg.DagsterInstance
) -> dict[str, Any]:
    """Replace pictures by links to copies, so that the UI shows them without a click.

    The UI shows short Markdown directly, but hides long Markdown, such as an embedded
    picture, behind a button. Links also keep the event log small.

    Parameters
    ----------
    metadata
        Values by name; values of :func:`picture_value` are replaced.
    instance
        The instance. Where its logs are not on this machine, nothing is replaced.
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
    # The name is a hash of the content, so a link always leads to the same picture.
    key = [PICTURES, hashlib.sha256(png).hexdigest()[:32]]
    path = Path(logs.get_captured_local_path(key, "png"))
    if not path.exists():
        with atomic_path(path) as copy:
            copy.write_bytes(png)
    return dg.MetadataValue.md(f"![plot](/logs/{'/'.join(key)}/png)")
