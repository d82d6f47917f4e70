"""The frame of a page: its head, its colours, its navigation and its scripts."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

from whatif_assets.report.page.markup import escaped

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
{head}
<style>{style}</style>
<script>{library}</script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header><h1>{title}</h1><p>{subtitle}</p>{theme}</header>
<nav aria-label="Sections">{links}</nav>
<main id="content">
{main}
</main>
<script>"use strict"; (() => {{
{script}
}})();</script>
</body>
</html>
"""
_THEME = (
    '<label class="theme">Colours <select id="theme"><option value="auto">as the '
    'system</option><option value="light">light</option><option value="dark">dark'
    "</option></select></label>"
)


def framed(
    title: str,
    subtitle: str,
    links: str,
    main: str,
    scripts: Iterable[str],
    head: str = "",
    library: str = "",
) -> str:
    """Write a whole page, which needs no network.

    Parameters
    ----------
    title, subtitle
        Plain text.
    links, main, head
        HTML of the navigation, of the content, and of more for the head.
    scripts
        Names of script files of this package, which share their names.
    library
        Script that they use.
    """
    return _FRAME.format(
        title=escaped(title),
        subtitle=escaped(subtitle),
        theme=_THEME,
        links=links,
        main=main,
        head=head,
        style=_text("page.css"),
        script="\n".join(_text(name) for name in scripts),
        library=library,
    )


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
