"""Write docs/licences.md: the licences of all packages that this one needs."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

NAME = re.compile(r"[\w.-]+")
# Packages that do not state their licence in a form that can be read.
STATED_ELSEWHERE = {"ta-lib": "BSD-2-Clause"}
HEAD = """\
# Licences of the packages that this one needs

Written by `python -m docs.make_licences` from what the installed packages state of
themselves; extras are left out. What follows from those that are not permissive is in
[security](security.md#dependencies-and-licences).

| package | licence |
|---|---|
"""


def licences(package: str = "whatif_assets") -> dict[str, str]:
    """Return the licence of each package that a package needs, by its name.

    Requirements of extras, and packages that are not installed here, are left out.
    """
    found: dict[str, str] = {}
    waiting = [package]
    while waiting:
        name = _normal(waiting.pop())
        try:
            package_here = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name in found:
            continue
        found[name] = STATED_ELSEWHERE.get(name) or _licence(package_here)
        for requirement in package_here.requires or ():
            if "extra ==" not in requirement:
                waiting.append(NAME.match(requirement)[0])
    del found[_normal(package)]
    return dict(sorted(found.items()))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(package: metadata.Distribution) -> str:
    """Return the licence that a package states: expression, classifiers or text."""
    stated = package.metadata
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in stated.get_all("Classifier") or ()
        if one.startswith("License ::") and one.count("::") > 1
    ]
    text = (stated.get("License") or "").strip().splitlines()
    expression = stated.get("License-Expression") or ", ".join(classifiers)
    return expression or (text[0] if text else "not stated")


def page() -> str:
    """Return the text of docs/licences.md."""
    rows = (f"| {name} | {licence} |\n" for name, licence in licences().items())
    return HEAD + "".join(rows)


if __name__ == "__main__":
    Path(__file__).with_name("licences.md").write_text(page())
