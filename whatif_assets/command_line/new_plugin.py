"""The commands ``whatif new feature``, ``source`` and so on: a start with its test."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from whatif_assets.command_line.new_study import STARTS
from whatif_assets.command_line.terminal import console
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.plugins import PREFIX
from whatif_assets.home.atomic import write_text

PROJECT = """\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "{package}"
version = "0.1"
dependencies = ["whatif_assets"]

[tool.setuptools]
py-modules = ["{name}"]

{entry}
"""


@dataclass(frozen=True)
class Start:
    """A kind of start.

    Attributes
    ----------
    word
        What it is called.
    group
        Kind of the plug-in, a key of `whatif_assets.domain.base.plugins.KINDS`.
    found_as
        What of the module is named: ``$$Name`` is a class, ``$$NAME`` a constant, and
        ``$$name`` a function.
    use
        How a study uses it; ``$$where`` is what it writes.
    """

    word: str
    group: str
    found_as: str
    use: str

    @property
    def is_named_by_file(self) -> bool:
        """Whether a study can name the file, so that nothing needs to be installed."""
        return self.group in ("strategies", "algorithms")


STARTS_BY_WORD = {
    start.word: start
    for start in (
        Start("feature", "features", "$NAME", "features: [$where]"),
        Start("source", "sources", "$Name", "market: {source: $where}"),
        Start("algorithm", "algorithms", "$Name", 'algorithm: "$where"'),
        Start("strategy", "strategies", "$Name", 'strategy: "$where"'),
        Start("metric", "metrics", "$NAME", "rank_by: $where"),
        Start("check", "checks", "$NAME", "market: {quality: {$where: warning}}"),
        Start("section", "report_sections", "$name", ""),
    )
}


def print_new_plugin(word: str, name: str, folder: Path) -> bool:
    """Write a start with its test, and say what to do next.

    Parameters
    ----------
    word
        A key of `STARTS_BY_WORD`.
    name
        Name of the new entry, and of its file.
    folder
        Where its file and its test are written.

    Raises
    ------
    BadInput
        A file exists, or the name cannot be that of a module.
    """
    start = STARTS_BY_WORD[word]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise BadInput(
            f"{name}: a name has small letters, digits and underscores, begins with a "
            "letter, and is no word of Python."
        )
    if name in _taken(word):
        raise BadInput(
            f"{name}: whatif_assets or the start itself uses this name; choose another."
        )
    code, test = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in (code, test):
        if path.exists():
            raise BadInput(f"{path}: this file exists; choose another name or folder.")
    write_text(code, _filled(f"{word}.py.txt", name))
    write_text(test, _filled(f"test_{word}.py.txt", name))
    steps = [f"pytest {test}"]
    if start.is_named_by_file:
        where = f"{name}.py:{_written(start.found_as, name)}"
        use = f"A study beside the file uses it as\n  {_used(start, where)}"
    else:
        steps.append(_register(start, name, folder))
        use = (
            f"Every study may use it as\n  {_used(start, name)}"
            if start.use
            else ("The page of every study shows it.")
        )
    said = "\n".join(
        [
            f"{code} has a start, and {test.name} its test. Edit both, then:",
            *(f"  {step}" for step in steps),
            use,
        ]
    )
    console.print(said, highlight=False, soft_wrap=True)
    return True


def _taken(word: str) -> set[str]:
    """Return the names that studies would take for something else, or a start uses."""
    # Imported here, because it takes a second.
    from whatif_assets.command_line.plugin_list import KNOWN

    text = resources.files(STARTS).joinpath("starts", f"{word}.py.txt").read_text()
    names, _ = KNOWN[STARTS_BY_WORD[word].group]
    return {*names, *re.findall(r"(?<!\$)\b[a-z_]+\b", text)}


def _register(start: Start, name: str, folder: Path) -> str:
    """Write a project that registers a start, or say what to add; return a command."""
    value = f"{name}:{_written(start.found_as, name)}"
    entry = f'[project.entry-points."{PREFIX}{start.group}"]\n{name} = "{value}"'
    project = folder / "pyproject.toml"
    if project.exists():
        console.print(
            f"Add to {project} the module {name}, and the entry point\n{entry}",
            highlight=False,
            soft_wrap=True,
        )
    else:
        package = name.replace("_", "-")
        write_text(project, PROJECT.format(package=package, name=name, entry=entry))
    return f"pip install --editable {folder}"


def _used(start: Start, where: str) -> str:
    return Template(start.use).substitute(where=where)


def _filled(file: str, name: str) -> str:
    """Return the text of a start with its name filled in."""
    text = resources.files(STARTS).joinpath("starts", file).read_text(encoding="utf-8")
    return _written(text, name)


def _written(text: str, name: str) -> str:
    return Template(text).substitute(
        name=name,
        NAME=name.upper(),
        Name="".join(part.capitalize() for part in name.split("_")),
        title=name.replace("_", " ").capitalize(),
        anchor=name.replace("_", "-"),
    )
