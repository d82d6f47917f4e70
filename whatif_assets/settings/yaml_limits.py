"""Limits of YAML files: size, depth, number of values, no tags."""

from __future__ import annotations

from pathlib import Path

import yaml

from whatif_assets.domain.base.errors import BadInput

LARGEST = 500_000  # characters; a study with a thousand symbols has 20,000
DEEPEST = 30
MOST_NODES = 50_000  # values and names, including repetitions by aliases


def check_limits(path: Path, text: str) -> None:
    """Raise for a file that cannot be a settings file, before it is loaded.

    The text is read as a stream of events, without building values: a few lines of
    aliases can expand to billions of values, and deep nesting overflows the stack.

    Raises
    ------
    BadInput
        The file is too large or too deep, contains itself, or has tags.
    yaml.YAMLError
        The text is not valid YAML.
    """
    if len(text) > LARGEST:
        raise BadInput(
            f"{path}: the file has {len(text):,} characters; settings may have at most "
            f"{LARGEST:,}. Is it the right file?"
        )
    sizes = _Sizes(path)
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if tag := getattr(event, "tag", None):
            raise BadInput(
                f"{path}:{line}: found the tag '{tag}'; write values without tags and "
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
    """Count of values so far, with aliases expanded, and of each open collection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[tuple[str | None, int]] = []
        self._total = 0
        self.anchors: dict[
            str, int | None
        ] = {}  # None while the anchored collection is open

    def of(self, anchor: str, line: int) -> int:
        """Return the number of values of an anchor.

        The number of an unknown anchor is 0; the YAML loader reports it later.
        """
        size = self.anchors.get(anchor, 0)
        if size is None:
            raise BadInput(
                f"{self._path}:{line}: the alias *{anchor} is inside its own anchor "
                f"&{anchor}, which has no end; write the values without the alias."
            )
        return size

    def add(self, values: int, line: int) -> None:
        """Add to the count; raise if there are too many values."""
        self._total += values
        if self._total > MOST_NODES:
            raise BadInput(
                f"{self._path}:{line}: the file has more than {MOST_NODES:,} values, "
                "with aliases expanded. Make the file smaller."
            )

    def open(self, anchor: str | None, line: int) -> None:
        """Enter a list or a mapping."""
        self.add(1, line)
        self._open.append((anchor, self._total))
        if len(self._open) > DEEPEST:
            raise BadInput(
                f"{self._path}:{line}: lists and mappings are nested more than "
                f"{DEEPEST} deep. Make the file flatter."
            )
        if anchor:
            self.anchors[anchor] = None

    def close(self) -> None:
        """Leave the innermost list or mapping."""
        anchor, before = self._open.pop()
        if anchor:
            self.anchors[anchor] = self._total - before + 1
