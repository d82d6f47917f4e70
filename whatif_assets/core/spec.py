"""YAML files checked by pydantic, with errors that name the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from whatif_assets.core.errors import BadInput, did_you_mean, one_of

Path_ = tuple[Any, ...]
Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML with dates left as text: pydantic reads them, and names a wrong one."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if "timestamp" not in tag]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class YamlDocument:
    """A parsed YAML mapping that remembers on which line each field stands.

    Attributes
    ----------
    path
        The file, for messages.
    data
        Its content as plain dictionaries, lists and scalars.
    """

    def __init__(
        self, path: Path, data: dict[str, Any], lines: dict[Path_, int]
    ) -> None:
        self.path = path
        self.data = data
        self._lines = lines

    def where(self, field: Path_) -> str:
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
        The file is missing, is no YAML, is no mapping, or repeats a field.
    """
    return parse_yaml(path, read_text(path))


def read_text(path: Path) -> str:
    """Read a UTF-8 file; BadInput where it is missing or is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    return text


def parse_yaml(path: Path, text: str) -> YamlDocument:
    """Parse the text of a YAML mapping; the path is for messages.

    Errors are those of :func:`read_yaml`.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise BadInput(f"{path}:{line}: this is not valid YAML: {problem}.") from None
    if not isinstance(data, dict) or node is None:
        raise BadInput(f"{path}:1: expected 'field: value' lines, found none.")
    lines: dict[Path_, int] = {}
    _note_lines(node, (), lines, path)
    return YamlDocument(path, data, lines)


def _note_lines(
    node: yaml.Node, at: Path_, lines: dict[Path_, int], path: Path
) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, key.value)
            if here in lines:
                raise BadInput(
                    f"{path}:{key.start_mark.line + 1}: {'.'.join(map(str, here))} "
                    f"stands twice; it is already on line {lines[here]}."
                )
            lines[here] = key.start_mark.line + 1
            _note_lines(value, here, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_lines(value, (*at, number), lines, path)


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


def _path_in(loc: Path_, data: Any) -> Path_:
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


def explain(model: type[BaseModel], detail: Any) -> str:
    """Say one pydantic error in words: what was found and what is allowed."""
    kind, found, context = detail["type"], detail.get("input"), detail.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _fields_at(model, detail["loc"][:-1])
        name = str(detail["loc"][-1])
        return (
            f"unknown field; allowed are {', '.join(sorted(allowed))}."
            f"{did_you_mean(name, allowed)}"
        )
    if kind == "missing":
        return "this field is required and is missing."
    if kind == "literal_error":
        allowed = [part.strip("' ") for part in _split_names(context["expected"])]
        return (
            f"found {found!r}; allowed are {one_of(allowed)}."
            f"{did_you_mean(str(found), allowed)}"
        )
    message = str(detail["msg"]).removeprefix("Value error, ")
    return message if kind == "value_error" else f"found {found!r}; {message}."


def _split_names(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _fields_at(model: type[BaseModel], loc: Path_) -> list[str]:
    """Names of the fields of the model that stands at a pydantic location."""
    current: Any = model
    for part in loc:
        field = getattr(current, "model_fields", {}).get(part)
        nested = _models_in(field.annotation) if field else []
        if nested:
            current = nested[0]
    return list(getattr(current, "model_fields", {}))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in getattr(annotation, "__args__", ()):
        found.extend(_models_in(argument))
    return found
