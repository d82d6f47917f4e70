"""What people write in settings is taken as it is written, or refused: never bent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

_NUMBERS = {int, float}
_PLAIN = {*_NUMBERS, bool, str, date, type(None)}
_CONTAINERS = {tuple, dict}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Settings(BaseModel):
    """Base of every model of settings: unknown fields and other types are refused.

    By itself pydantic reads ``true`` as 1, ``"5"`` as 5 and 20180301 as a day in 1970.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if field is not None:
            refuse_other_kind(value, _kinds(field.annotation))
        return value


def of_texts(model: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """Read the values of settings that are written in one line.

    Parameters
    ----------
    model
        Its fields say which values are texts, whatever they look like.
    texts
        As written, by field.
    """
    fields = model.model_fields
    return {
        name: text
        if name not in fields or str in _kinds(fields[name].annotation)
        else parse_value(text)
        for name, text in texts.items()
    }


def parse_value(text: str) -> Any:
    """Read a value from a key: a number, true, false, null, or else text.

    What begins with a needless 0, as 000001, is a text, and so is what is not finite.
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
    """Write a value as a key has it; the inverse of :func:`parse_value`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "+".join(format_value(item) for item in value)
    return str(value)


def refuse_other_kind(value: Any, kinds: set[Any]) -> None:
    """Refuse a value, or one in a list or mapping, that would have to be bent.

    Parameters
    ----------
    value
        As it was written.
    kinds
        The plain types that are allowed, and tuple and dict where lists and mappings
        of them are; with any other type among them, pydantic
        alone decides.

    Raises
    ------
    ValueError
        Saying what was found, and how to write what may be meant.
    """
    if isinstance(value, (list, tuple)) and tuple in kinds:
        for item in value:
            refuse_other_kind(item, kinds)
    elif isinstance(value, dict) and dict in kinds:
        for item in value.values():
            refuse_other_kind(item, kinds)
    elif kinds - _CONTAINERS <= _PLAIN:
        _refuse_scalar(value, kinds)


def _refuse_scalar(value: Any, kinds: set[Any]) -> None:
    found = f"found {str(value).lower() if isinstance(value, bool) else repr(value)}"
    if isinstance(value, bool) and bool not in kinds:
        if kinds & _NUMBERS:
            raise ValueError(f"{found}; a number is needed.")
        raise ValueError(
            f"{found}, as which YAML reads true, yes, on and the like without quotes; "
            "put it in quotes where a text is meant."
        )
    if type(value) in _NUMBERS and not kinds & _NUMBERS:
        if date in kinds:
            raise ValueError(f"{found}; write a date as YYYY-MM-DD.")
        if bool in kinds:
            raise ValueError(f"{found}; write true or false.")
        raise ValueError(f"{found}, a number; put it in quotes where a text is meant.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{found}; a finite number is needed.")
    if isinstance(value, str) and str not in kinds:
        if date in kinds and not _DATE.fullmatch(value):
            raise ValueError(f"{found}; write a date as YYYY-MM-DD.")
        if date not in kinds:
            needed = "a number" if kinds & _NUMBERS else "true or false"
            raise ValueError(f"{found}, a text; {needed} is needed, without quotes.")


def _kinds(annotation: Any) -> set[Any]:
    """Types of an annotation, and those of the values of its tuples and mappings."""
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
    own = {tuple} if origin is tuple else set()
    return own.union(*(_kinds(part) for part in arguments))
