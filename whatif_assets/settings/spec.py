"""YAML files checked by pydantic, with errors that name the file and the line."""

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
SYMBOL_FIELDS = ("symbol", "symbols")
TAG = "tag:yaml.org,2002:"
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\d[\d_]*\.[\d_]*(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?"
    r"|\d[\d_]*[eE][-+]?\d+|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN))$"
)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][\d_]{0,30})")


class _Loader(yaml.SafeLoader):
    """YAML with dates and a bare ``=`` left as text, and 1e5 a number as in YAML 1.2.

    Pydantic reads dates, and names a wrong one.
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
    """A parsed YAML mapping that remembers on which line each field is.

    Attributes
    ----------
    path
        The file, for messages.
    data
        Its content as plain dictionaries, lists and scalars.
    """

    def __init__(
        self, path: Path, data: dict[str, Any], lines: dict[FieldPath, int]
    ) -> None:
        self.path = path
        self.data = data
        self._lines = lines

    def where(self, field: FieldPath) -> str:
        """``file.yaml:12: a.b`` of a field, or of its nearest known parent."""
        known = field
        while known and known not in self._lines:
            known = known[:-1]
        name = ".".join(str(part) for part in field)
        place = f"{self.path}:{self._lines.get(known, 1)}"
        return f"{place}: {name}" if name else place

    def below(self, field: str) -> YamlDocument:
        """Return the mapping under one field as a document of its own."""
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
        The file is missing, is no YAML, is no mapping, is larger or deeper than
        settings are, repeats a field, or has a value that YAML would bend: a number
        that is not finite or not decimal, a symbol without the quotes that it needs.
    """
    return parse_yaml(path, read_text(path))


def read_text(path: Path) -> str:
    """Read a UTF-8 file; BadInput where it is missing or is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    return text


def parse_yaml(path: Path, text: str) -> YamlDocument:
    """Parse the text of a YAML mapping; the path is for messages.

    Errors are those of :func:`read_yaml`.
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
    """Give the line of each field, and refuse what YAML would read as something else.

    A field's line is that of its name.
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
                    f"{path}:{line}: {_dotted(here)} is there twice; it is already "
                    f"on line {seen[key.value]}."
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
    """Name of a field; refuse one that is no text."""
    if key.tag not in (f"{TAG}str", f"{TAG}merge"):
        said = f"'{key.value}'" if isinstance(key, yaml.ScalarNode) else "a list"
        raise BadInput(
            f"{place}{'.' * (not place.endswith(' '))}{said}: the name of a field must "
            "be a text; put it in quotes."
        )
    return str(key.value)


def _check_scalar(node: yaml.Node, place: str, at: FieldPath) -> None:
    """Refuse a value that YAML reads as another one than who wrote it may think."""
    kind, text = node.tag.removeprefix(TAG), node.value
    names = [part for part in at if isinstance(part, str)]
    if names and names[-1] in SYMBOL_FIELDS and kind not in ("str", "null"):
        raise BadInput(
            f"{place}: {text} is read as {_read_as(kind, text)}, and a symbol is a "
            f'text; put it in quotes: "{text}".'
        )
    if kind == "null" and text in ("NULL", "Null") and names[-1:] == ["symbols"]:
        raise BadInput(
            f'{place}: {text} is read as nothing; put it in quotes: "{text}".'
        )
    if kind == "int" and not _DECIMAL.fullmatch(text):
        raise BadInput(
            f"{place}: found {text[:40]}, which is no plain decimal number. Write it "
            "in decimal, or put it in quotes if a text is meant."
        )
    if kind == "float" and not _is_finite(text):
        raise BadInput(f"{place}: found {text}; a finite number is needed.")
    if kind == "str" and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise BadInput(
            f"{place}: found {text!r}, with a character that no text has; take it out."
        )


def _is_finite(text: str) -> bool:
    """Whether a number is one that can be counted with: 1e999 is not."""
    named = text.lower().lstrip("-+") in (".inf", ".nan")
    return not named and math.isfinite(float(text.replace("_", "")))


def _read_as(kind: str, text: str) -> str:
    """Say what YAML makes of an unquoted word."""
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
    """Drop from a pydantic location the parts that are no field of the data."""
    kept: list[Any] = []
    for part in loc:
        if (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        ):
            data = data[part]
        elif part != loc[-1]:
            continue
        kept.append(part)
    return tuple(kept)
