"""Reading and validating YAML files, with errors that name file and line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.explaining import FieldPath, explain
from whatif_assets.settings.yaml_limits import check_limits

Model = TypeVar("Model", bound=BaseModel)
AXES = frozenset({"search", "sweep", "each"})
SYMBOL_FIELDS = ("symbol", "symbols", "to")
BENCHMARK = "benchmark"  # a symbol as a field of a study, not of anything below it
TAG = "tag:yaml.org,2002:"
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\d[\d_]*\.[\d_]*(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?"
    r"|\d[\d_]*[eE][-+]?\d+|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN))$"
)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][\d_]{0,30})")


class _Loader(yaml.SafeLoader):
    """YAML loader that reads dates and ``=`` as text, and 1e5 as a number (YAML 1.2).

    Pydantic parses dates, with a better message for a wrong one.
    """


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag.removeprefix(TAG) not in ("timestamp", "value", "float")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{TAG}float", _FLOAT, list("-+.0123456789"))


class YamlDocument:
    """A parsed YAML mapping with the line of each field.

    Attributes
    ----------
    path
        The file, for messages.
    data
        Content of the file as plain dictionaries, lists and scalars.
    """

    def __init__(
        self, path: Path, data: dict[str, Any], lines: dict[FieldPath, int]
    ) -> None:
        self.path = path
        self.data = data
        self._lines = lines

    def where(self, field: FieldPath) -> str:
        """Return ``file.yaml:12: a.b`` for a field.

        If the field is not in the file, the line is that of its nearest parent.
        """
        known = field
        while known and known not in self._lines:
            known = known[:-1]
        name = ".".join(str(part) for part in field)
        place = f"{self.path}:{self._lines.get(known, 1)}"
        return f"{place}: {name}" if name else place

    def below(self, field: str) -> YamlDocument:
        """Return the mapping under one field as a document."""
        lines = {
            key[1:]: line for key, line in self._lines.items() if key[:1] == (field,)
        }
        return YamlDocument(self.path, self.data[field], lines)


def read_yaml(path: Path) -> YamlDocument:
    """Read one YAML mapping.

    Parameters
    ----------
    path
        A UTF-8 file.

    Returns
    -------
    YamlDocument
        The data and the line of every field.

    Raises
    ------
    BadInput
        The file does not exist, is not valid YAML, is not a mapping, is too large or
        too deep, repeats a field, or has a value that YAML would misread: a number
        that is not finite or not decimal, or a symbol that needs quotes.
    """
    return parse_yaml(path, read_text(path))


def read_text(path: Path) -> str:
    """Read a UTF-8 file; BadInput if it does not exist or is not UTF-8."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    return text


def parse_yaml(path: Path, text: str) -> YamlDocument:
    """Parse the text of a YAML mapping; ``path`` is for messages.

    Raises the errors of :func:`read_yaml`.
    """
    try:
        check_limits(path, text)
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise BadInput(f"{path}:1: expected 'field: value' lines, found none.")
        lines = dict(_lines(node, path))
        data = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise BadInput(f"{path}:{line}: this is not valid YAML: {problem}.") from None
    return YamlDocument(path, data, lines)


def _lines(
    node: yaml.Node, path: Path, at: FieldPath = ()
) -> Iterator[tuple[FieldPath, int]]:
    """Yield the line of each field; raise for a value that YAML would misread.

    The line of a field is the line of its name.
    """
    if not at:
        yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            here = (*at, _name(key, f"{path}:{line}: {_dotted(at)}"))
            if key.value in seen:
                raise BadInput(
                    f"{path}:{line}: {_dotted(here)} appears twice; it is already on "
                    f"line {seen[key.value]}."
                )
            seen[key.value] = line
            yield here, line
            yield from _lines(value, path, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            here = (*at, number)
            yield here, value.start_mark.line + 1
            yield from _lines(value, path, here)
    else:
        _check_scalar(node, f"{path}:{node.start_mark.line + 1}: {_dotted(at)}", at)


def _dotted(field: FieldPath) -> str:
    return ".".join(map(str, field))


def _name(key: yaml.Node, place: str) -> str:
    """Return the name of a field; raise if the name is not a text."""
    if key.tag not in (f"{TAG}str", f"{TAG}merge"):
        found = f"'{key.value}'" if isinstance(key, yaml.ScalarNode) else "a list"
        raise BadInput(
            f"{place}{'.' * (not place.endswith(' '))}{found}: the name of a field "
            "must be a text; put it in quotes."
        )
    return str(key.value)


def _check_scalar(node: yaml.Node, place: str, at: FieldPath) -> None:
    """Raise for a value that YAML reads differently than a user may expect."""
    kind, text = node.tag.removeprefix(TAG), node.value
    names = [part for part in at if isinstance(part, str)]
    is_symbol = names == [BENCHMARK] or (names and names[-1] in SYMBOL_FIELDS)
    if names[-1:] == ["to"] and not AXES.isdisjoint(names):
        is_symbol = False  # there, somebody means the end of a range
    if is_symbol and kind not in ("str", "null"):
        raise BadInput(
            f"{place}: {text} is read as {_read_as(kind, text)}, but a symbol is a "
            f'text; put it in quotes: "{text}".'
        )
    if kind == "null" and text in ("NULL", "Null") and names[-1:] == ["symbols"]:
        raise BadInput(
            f'{place}: {text} is read as an empty value; put it in quotes: "{text}".'
        )
    if kind == "int" and not _DECIMAL.fullmatch(text):
        raise BadInput(
            f"{place}: found {text[:40]}, which is not a plain decimal number. Write a "
            "decimal number, or put a text in quotes."
        )
    if kind == "float" and not _is_finite(text):
        raise BadInput(f"{place}: found {text}; a finite number is needed.")
    if kind == "str" and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise BadInput(
            f"{place}: found {text!r}, with an invalid character; remove the character."
        )


def _is_finite(text: str) -> bool:
    """Whether a number is finite as a float: 1e999 is not."""
    named = text.lower().lstrip("-+") in (".inf", ".nan")
    return not named and math.isfinite(float(text.replace("_", "")))


def _read_as(kind: str, text: str) -> str:
    """Return what YAML reads in place of an unquoted word."""
    if kind == "bool":
        return "true" if text.lower() in ("yes", "true", "on") else "false"
    return "a number"


def parse(model: type[Model], document: YamlDocument) -> Model:
    """Validate a document against a pydantic model.

    Raises
    ------
    BadInput
        One line per wrong field: ``file:line: field: what, allowed, suggestion``.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise BadInput(
            "\n".join(
                f"{document.where(_path_in(detail['loc'], document.data))}: "
                f"{explain(model, detail)}"
                for detail in error.errors()
            )
        ) from None


def _path_in(loc: FieldPath, data: Any) -> FieldPath:
    """Remove the parts of a pydantic location that are not fields of the data."""
    kept: list[Any] = []
    for part in loc:
        if (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        ):
            data = data[part]
        elif part != loc[-1] or not isinstance(data, dict):
            continue
        kept.append(part)
    return tuple(kept)
