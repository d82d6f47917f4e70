"""Where the lake of a home is, if not in its folder: a URL in ``market.yaml``."""

from __future__ import annotations

import importlib.util
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from whatif_assets.domain.base.errors import one_of

FOLDER_SCHEME = "file"
# The package that fsspec needs for each scheme, and the extra that installs it.
SCHEMES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "abfs": "adlfs",
    FOLDER_SCHEME: "",
    "memory": "",
}
_FORBIDDEN = re.compile(r"[\s*?\[\]#]")


def _checked(url: str | None) -> str | None:
    """Return a URL without a slash at its end; ValueError says what is wrong."""
    if url is None:
        return None
    scheme, split, _ = url.partition("://")
    if not split or scheme not in SCHEMES:
        raise ValueError(
            f"found '{url}'; write a URL that begins with "
            f"{one_of(f'{name}://' for name in SCHEMES)}, or leave the field out for a "
            f"lake in the home's folder."
        )
    place = urlsplit(url)
    if place.password is not None:
        raise ValueError(
            "found a password in the URL; remove it, and give it to the store's "
            "library by the environment, such as AWS_SECRET_ACCESS_KEY."
        )
    is_folder = scheme == FOLDER_SCHEME
    if is_folder == bool(place.netloc) or _FORBIDDEN.search(url):
        example = "file:///srv/lake" if is_folder else f"{scheme}://bucket/lake"
        raise ValueError(
            f"found '{url}'; write a URL such as {example}, without spaces and "
            "without any of * ? [ ] #."
        )
    package = SCHEMES[scheme]
    if package and importlib.util.find_spec(package) is None:
        raise ValueError(
            f"{scheme}:// needs the package {package}, which is not installed. Install "
            f"it with: pip install 'whatif_assets[{scheme}]'"
        )
    return url.rstrip("/")


LakeUrl = Annotated[
    str | None,
    Field(
        description="URL of the lake, if it is not in the home's folder: "
        f"{', '.join(f'{name}://' for name in SCHEMES)}. Credentials come from the "
        "environment, as the store's library reads them. The rest of the home stays "
        "in its folder."
    ),
    AfterValidator(_checked),
]
