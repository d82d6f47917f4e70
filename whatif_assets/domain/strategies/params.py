"""Params of a user's strategy as its settings, and how their values are written down.

A param keeps the kind of its default, whatever that is: a number, a list, a class, a
time of the day. A study, a key and a table have words for some of them only.
"""

from __future__ import annotations

import datetime
import enum
import functools
import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, create_model

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.base.settings import parse_value

_TIMES: dict[type, str] = {
    datetime.time: "a time such as '15:30'",
    datetime.datetime: "a date and time such as '2018-02-20T15:30'",
    datetime.date: "a date such as 2018-02-20",
}
_SHORT_NAMES = {"bt": "backtrader"}


class _Params(BaseModel):
    """Settings that keep their values as they are."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
    )

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Return the values by name; pydantic would rebuild some of them."""
        return dict(self)


def settings_of_params(strategy: type[bt.Strategy]) -> type[BaseModel]:
    """Build the settings model of a strategy from its Backtrader params.

    A value must be of the kind of the param's default: a number, text, true or false, a
    list, a time, a date, a class or a function (written as ``package.module.name``) or
    a member of an enumeration (by its name). Any value will do where the default is
    None or of another kind. Names that begin with an underscore are no settings.
    """
    fields: dict[str, Any] = {
        name: (_kind_of(default), _default(default))
        for name, default in strategy.params._getitems()
        if not name.startswith("_")
    }
    with warnings.catch_warnings():
        # A param may well be called `copy` or `json`.
        warnings.simplefilter("ignore", UserWarning)
        model: type[BaseModel] = create_model(
            f"{strategy.__name__}Settings", __base__=_Params, **fields
        )
    return model


def _default(value: Any) -> Any:
    """Hand out the default itself, as Backtrader does; pydantic would copy a list."""
    return Field(default_factory=lambda: value)


def _kind_of(default: object) -> Any:
    for kinds, check in _CHECKS:
        if isinstance(default, kinds):
            return Annotated[Any, PlainValidator(functools.partial(check, default))]
    if callable(default):
        return Annotated[Any, PlainValidator(functools.partial(_named, default))]
    return Any


def _flag(default: bool, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"found {value!r}; allowed is true or false.")


def _text(default: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"found {value!r}; allowed is text: write it in quotes.")


def _number(default: float, value: Any) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"found {value!r}; allowed is a number, like its default.")


def _member(default: enum.Enum, value: Any) -> enum.Enum:
    kind = type(default)
    if isinstance(value, kind):
        return value
    if isinstance(value, str) and value in kind.__members__:
        return kind[value]
    names = ", ".join(kind.__members__)
    raise ValueError(f"found {value!r}; allowed are {names}.")


def _moment(default: Any, value: Any) -> Any:
    kind = type(default)
    if type(value) is kind:
        return value
    try:
        return kind.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"found {value!r}; allowed is {_TIMES[kind]}, times in quotes."
        ) from None


def _span(default: datetime.timedelta, value: Any) -> datetime.timedelta:
    if isinstance(value, datetime.timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.timedelta(seconds=value)
    raise ValueError(f"found {value!r}; allowed is a number of seconds.")


def _several(default: Any, value: Any) -> Any:
    if isinstance(value, str) and "+" in value:  # as a key has it
        value = [parse_value(item) for item in value.split("+")]
    if isinstance(value, (list, tuple)):
        return type(default)(value) if type(default) in (list, tuple) else value
    raise ValueError(f"found {value!r}; allowed is a list, like its default.")


def _mapping(default: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    raise ValueError(f"found {value!r}; allowed are names with values, in braces.")


def _named(default: Any, value: Any) -> Any:
    """Find a class or a function by its name."""
    if callable(value):
        return value
    found = _found(value) if isinstance(value, str) else None
    if callable(found) and isinstance(default, type) <= isinstance(found, type):
        return found
    what = "class" if isinstance(default, type) else "function"
    raise ValueError(
        f"found {value!r}; allowed is the name of a {what} with its module, such as "
        f"{json_value(default)}."
    )


def _found(name: str) -> Any:
    """What a dotted name names; None where that is nothing."""
    first, *others = name.split(".")
    try:
        found: Any = importlib.import_module(_SHORT_NAMES.get(first, first))
        for other in others:
            inner = f"{found.__name__}.{other}" if inspect.ismodule(found) else ""
            if inner and not hasattr(found, other):
                importlib.import_module(inner)
            found = getattr(found, other)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


_CHECKS: tuple[tuple[Any, Callable[[Any, Any], Any]], ...] = (
    (enum.Enum, _member),
    (bool, _flag),
    (str, _text),
    ((int, float), _number),
    (tuple(_TIMES), _moment),
    (datetime.timedelta, _span),
    ((list, tuple), _several),
    (Mapping, _mapping),
)


def json_value(value: Any) -> Any:
    """Write a setting's value for JSON, the same in every process.

    What JSON has no word for becomes a text: a class or a function its name with its
    module, a time or date its ISO form, a span of time its seconds, a member of an
    enumeration its name, any other object its type and its attributes.
    """
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(json_value(k)): json_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((json_value(item) for item in value), key=repr)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return f"{value.total_seconds():g}s"
    return _name_of(value)


def _name_of(value: Any) -> Any:
    name = getattr(value, "__qualname__", None)
    if name is not None:
        module = str(getattr(value, "__module__", ""))
        # The module of a user's file is called by its content, which counts elsewhere.
        return name if module.startswith("_own_strategy_") else f"{module}.{name}"
    if hasattr(value, "tolist"):  # an array or a number of NumPy
        return json_value(value.tolist())
    inside = getattr(value, "__dict__", {})
    attributes = {k: json_value(v) for k, v in sorted(inside.items()) if k[:1] != "_"}
    return {type(value).__qualname__: attributes}
