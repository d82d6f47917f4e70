"""How large, how deep and how plain a YAML file may be."""

from __future__ import annotations

from pathlib import Path

import yaml

from whatif_assets.domain.base.errors import BadInput

LARGEST = 500_000  # characters; a study of a thousand symbols has 20,000
DEEPEST = 30
MOST_NODES = 50_000  # values and names, those that aliases repeat too


def check_limits(path: Path, text: str) -> None:
    """Refuse a file that is none of settings, before anything is made of it.

    The text is read as events, which costs no memory: a few lines of aliases can mean
    billions of values, and deep nesting exhausts what reads it.

    Raises
    ------
    BadInput
        The file is too large, too deep, refers to itself, or states tags.
    yaml.YAMLError
        The text is no YAML.
    """
    if len(text) > LARGEST:
        raise BadInput(
            f"{path}: the file has {len(text):,} characters, and settings have at most "
            f"{LARGEST:,}. Is it the right file?"
        )
    sizes = _Sizes(path)
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if tag := getattr(event, "tag", None):
            raise BadInput(
                f"{path}:{line}: found the tag '{tag}'; write values without tags, and "
                "texts in quotes."
            )
        if isinstance(event, yaml.AliasEvent):
            sizes.add(sizes.of(str(event.anchor), line), line)
        elif isinstance(event, yaml.CollectionStartEvent):
            sizes.open(event.anchor, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            sizes.close()
        elif isinstance(event, yaml.ScalarEvent):
            sizes.add(1, line)
            if event.anchor:
                sizes.anchors[event.anchor] = 1


class _Sizes:
    """How many values the lists and mappings that are open have, aliases in full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[tuple[str | None, int]] = []
        self._total = 0
        self.anchors: dict[str, int | None] = {}  # None while it is open

    def of(self, anchor: str, line: int) -> int:
        """Values of an anchor; one that is not known is left to whoever composes."""
        size = self.anchors.get(anchor, 0)
        if size is None:
            raise BadInput(
                f"{self._path}:{line}: *{anchor} is inside what &{anchor} names, "
                "without an end; write out what is meant."
            )
        return size

    def add(self, values: int, line: int) -> None:
        """Count values."""
        self._total += values
        if self._total > MOST_NODES:
            raise BadInput(
                f"{self._path}:{line}: the file has more than {MOST_NODES:,} values, "
                "those that aliases repeat counted in full. Make it smaller."
            )

    def open(self, anchor: str | None, line: int) -> None:
        """Go into a list or a mapping."""
        self.add(1, line)
        self._open.append((anchor, self._total))
        if len(self._open) > DEEPEST:
            raise BadInput(
                f"{self._path}:{line}: lists and mappings lie more than {DEEPEST} deep "
                "in one another. Make it flatter."
            )
        if anchor:
            self.anchors[anchor] = None

    def close(self) -> None:
        """Leave the innermost list or mapping."""
        anchor, before = self._open.pop()
        if anchor:
            self.anchors[anchor] = self._total - before + 1
