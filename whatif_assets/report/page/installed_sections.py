"""Sections of the page that installed packages add, after those of this package."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.base.plugins import plugins_of
from whatif_assets.domain.base.registry import Registry, fault_of_arguments
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, paragraph

KIND = "report_sections"
MakeSection = Callable[[PageContent], Section]


def _fault(entry: Any) -> str:
    """Say why a plug-in is not a function of the page's content."""
    return fault_of_arguments(entry, "the page's content", 1)


REPORT_SECTIONS: Registry[MakeSection] = Registry(KIND, {}, _fault)


def installed_sections() -> list[MakeSection]:
    """List the functions of the installed sections, by name.

    None of them raises: a section that cannot be made says why in its place, so that it
    costs nothing else of the page.
    """
    return [functools.partial(_section, name) for name in plugins_of(KIND)]


def installed_sections_version() -> str:
    """Hash the code of the installed sections; empty if there are none."""
    versions = [[name, _version(name)] for name in plugins_of(KIND)]
    return combined_hash(versions) if versions else ""


def _version(name: str) -> str:
    try:
        return code_version(REPORT_SECTIONS[name])
    except BadInput as error:
        return str(error)


def _section(name: str, content: PageContent) -> Section:
    anchor = f"installed-{name}"
    try:
        found = REPORT_SECTIONS[name](content)
        if not isinstance(found, Section):
            raise TypeError(f"it returned {type(found).__name__}, which is no Section")
    except BadInput as error:
        return _missing(name, anchor, str(error))
    except Exception as error:
        why = f"it fails with {type(error).__name__}: {error}"
        told = f"Report section '{name}' of an installed package: {why}."
        return _missing(name, anchor, told)
    return replace(found, anchor=anchor)


def _missing(name: str, anchor: str, why: str) -> Section:
    title = name.replace("_", " ").capitalize()
    return Section(title, anchor, paragraph(why, "warning"))
