"""Plain messages for pydantic errors: what was found, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from whatif_assets.domain.base.errors import did_you_mean, one_of

LONGEST = 300  # characters of a wrong value in a message
# Field names and list positions from the model down to a field.
FieldPath = tuple[Any, ...]


def explain(model: type[BaseModel], detail: Any) -> str:
    """Word one pydantic error: what was found and what is allowed.

    Parameters
    ----------
    model
        The model that was validated.
    detail
        An item of ``ValidationError.errors()``.

    Returns
    -------
    str
        A phrase without the field's name, which the caller writes before it.
    """
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
            f"found {_shown(found)}; allowed are {one_of(allowed)}."
            f"{did_you_mean(str(found)[:LONGEST], allowed)}"
        )
    if kind == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    return f"found {_shown(found)}; {_needed(kind, context) or detail['msg']}."


def _shown(found: Any) -> str:
    """Return a value as it was written, cut off where it is very long."""
    text = repr(found)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


# What the field needs, by the first part of pydantic's error type.
_NEEDED = {
    "string_type": "a text is needed",
    "bool": "true or false is needed",
    "int": "a whole number is needed",
    "float": "a number is needed",
    "date": "a date is needed, written as YYYY-MM-DD",
    "time": "a time of the day is needed, written as HH:MM",
    "list": "a list is needed",
    "tuple": "a list is needed",
    "dict": "a mapping of names to values is needed",
    "model": "a mapping of names to values is needed",
    "greater_than_equal": "a number of {ge} or more is needed",
    "greater_than": "a number above {gt} is needed",
    "less_than_equal": "a number of {le} or less is needed",
    "less_than": "a number below {lt} is needed",
    "too_short": "{min_length} or more are needed",
    "string_too_short": "a text that is not empty is needed",
}


def _needed(kind: str, context: Mapping[str, Any]) -> str:
    """Word what the field needs; empty if the error type is not in the table."""
    text = next((text for name, text in _NEEDED.items() if kind.startswith(name)), "")
    return text.format(**context)


def _split_names(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _fields_at(model: type[BaseModel], loc: FieldPath) -> list[str]:
    """Names of the fields of the model at a pydantic location."""
    current = [model]
    for part in loc:
        # Of several models that a field may have, pydantic names the one it tried.
        tried = [one for one in current if one.__name__ == part]
        field = current[0].model_fields.get(part)
        current = tried or (_models_in(field.annotation) if field else []) or current
    return list(current[0].model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in getattr(annotation, "__args__", ()):
        found.extend(_models_in(argument))
    return found
