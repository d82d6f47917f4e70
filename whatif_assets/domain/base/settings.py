"""Base of settings: a value of the wrong type is refused, never converted."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Set
from datetime import date
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

_NUMBERS = {int, float}
_PLAIN = {*_NUMBERS, bool, str, date, type(None)}
_CONTAINERS = {tuple, dict}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Whole numbers beyond this are not exact as floats, and overflow as times and rows.
LARGEST_WHOLE = 2**53 - 1
LARGEST_SEED = 2**31 - 1  # what all libraries with random numbers accept


class Settings(BaseModel):
    """Base of all settings models: refuses unknown fields and values of wrong types.

    Pydantic alone would read ``true`` as 1, ``"5"`` as 5 and 20180301 as a day in 1970.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: ValidationInfo) -> Any:
        refuse_other_kind(value, _kinds_of(cls, info.field_name or ""))
        return value


def of_texts(model: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """Parse the values of settings that are written in one line.

    Parameters
    ----------
    model
        Settings model. The value of a field of type text is kept as it is, even if
        it looks like a number.
    texts
        Values as written, by field.
    """
    fields = model.model_fields
    return {
        name: text
        if name not in fields or str in _kinds(fields[name].annotation)
        else parse_value(text)
        for name, text in texts.items()
    }


def parse_value(text: str) -> Any:
    """Parse a value of a configuration key: a number, true, false, null or a text.

    A number with leading zeros, such as 000001, is a text; so are ``nan`` and ``inf``.
    """
    if re.match(r"-?0\d", text):
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return {"true": True, "false": False, "null": None}.get(text, text)


def format_value(value: Any) -> str:
    """Write a value for a configuration key; the inverse of :func:`parse_value`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "+".join(format_value(item) for item in value)
    return str(value)


@functools.cache
def _kinds_of(model: type[BaseModel], name: str) -> frozenset[Any]:
    """Return the types of a field; any type where the model has no such field."""
    field = model.model_fields.get(name)
    return frozenset({object} if field is None else _kinds(field.annotation))


def refuse_other_kind(value: Any, kinds: Set[Any]) -> None:
    """Raise when a value, or an item of a list or mapping, has a type not allowed.

    Parameters
    ----------
    value
        Value as it was written.
    kinds
        The plain types that are allowed, with tuple if lists of them are allowed and
        dict if mappings are. If any other type is among them, nothing is checked here
        and pydantic alone decides.

    Raises
    ------
    ValueError
        The message says what was found and how to write the allowed value.
    """
    kind = type(value)
    if kind in kinds and kind in _PLAIN and (kind not in _NUMBERS or _in_range(value)):
        return  # as nearly always
    if isinstance(value, (list, tuple)) and tuple in kinds:
        for item in value:
            refuse_other_kind(item, kinds)
    elif isinstance(value, dict) and dict in kinds:
        for item in value.values():
            refuse_other_kind(item, kinds)
    elif kinds - _CONTAINERS <= _PLAIN:
        _refuse_scalar(value, kinds)


def _refuse_scalar(value: Any, kinds: Set[Any]) -> None:
    found = f"found {str(value).lower() if isinstance(value, bool) else repr(value)}"
    if isinstance(value, bool) and bool not in kinds:
        if kinds & _NUMBERS:
            raise ValueError(f"{found}; a number is needed.")
        raise ValueError(
            f"{found}, because YAML reads true, yes, on and the like without quotes as "
            "true or false; put the value in quotes if a text is meant."
        )
    if type(value) in _NUMBERS and not kinds & _NUMBERS:
        if date in kinds:
            raise ValueError(f"{found}; write a date as YYYY-MM-DD.")
        if bool in kinds:
            raise ValueError(f"{found}; write true or false.")
        raise ValueError(f"{found}, a number; put it in quotes if a text is meant.")
    if type(value) in _NUMBERS:
        _refuse_out_of_range(value, found)
    if isinstance(value, str) and str not in kinds:
        if date in kinds and not _DATE.fullmatch(value):
            raise ValueError(f"{found}; write a date as YYYY-MM-DD.")
        if date not in kinds:
            needed = "a number" if kinds & _NUMBERS else "true or false"
            raise ValueError(f"{found}, a text; {needed} is needed, without quotes.")


def _in_range(value: float) -> bool:
    """Whether a number is finite, and exact as a float if it is whole."""
    is_whole = isinstance(value, int)
    return abs(value) <= LARGEST_WHOLE if is_whole else math.isfinite(value)


def _refuse_out_of_range(value: float, found: str) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{found}; a finite number is needed.")
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        raise ValueError(
            f"{found}; a whole number from -{LARGEST_WHOLE:,} to {LARGEST_WHOLE:,} is "
            "needed."
        )


def _kinds(annotation: Any) -> set[Any]:
    """Return the types in an annotation, including those inside tuples and dicts."""
    origin = get_origin(annotation)
    if origin is Literal:
        return {type(choice) for choice in get_args(annotation)}
    if origin is dict:
        return {dict} | _kinds(get_args(annotation)[1])
    arguments = [part for part in get_args(annotation) if part is not Ellipsis]
    if not arguments:
        return {annotation}
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _kinds(arguments[0])
    container = {tuple} if origin is tuple else set()
    return container.union(*(_kinds(part) for part in arguments))
