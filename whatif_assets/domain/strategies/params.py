"""Backtrader params of a user's strategy as settings, and their values as text.

The value of a param must be of the kind of its default: a number, a list, a class, a
time of day and so on. Studies, keys and tables can store only some of these kinds
directly; the others are written as text.
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


class Params(BaseModel):
    """Settings whose values are not converted."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
    )

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Return the values by name, unchanged; pydantic would copy some of them."""
        return dict(self)


# Cached, because a run asks for the same strategies again and again.
@functools.lru_cache(maxsize=256)
def settings_of_params(strategy: type[bt.Strategy]) -> type[BaseModel]:
    """Build the settings model of a strategy from its Backtrader params.

    A value must be of the kind of the param's default: a number, text, true or false, a
    list, a time, a date, a class or a function (written as ``package.module.name``) or
    a member of an enumeration (by its name). Any value is allowed where the default is
    None or of another kind. Params whose names begin with an underscore are not
    settings.
    """
    params = dict(strategy.params._getitems())
    return settings_like(f"{strategy.__name__}Settings", params, Params)


def settings_like(
    name: str, defaults: Mapping[str, Any], base: type[BaseModel]
) -> type[BaseModel]:
    """Build a settings model from defaults; names with an underscore first are none.

    Parameters
    ----------
    name, base
        Name of the model, and the model whose fields it has too.
    defaults
        The default of each setting; a value must be of its kind, see
        `settings_of_params`.
    """
    fields: dict[str, Any] = {
        key: (_kind_of(default), _default(default))
        for key, default in defaults.items()
        if not key.startswith("_")
    }
    with warnings.catch_warnings():
        # Pydantic warns about params with names such as `copy` or `json`.
        warnings.simplefilter("ignore", UserWarning)
        model: type[BaseModel] = create_model(name, __base__=base, **fields)
    return model


def _default(value: Any) -> Any:
    """Use the default object itself, as Backtrader does; pydantic would copy a list."""
    return Field(default_factory=lambda: value)


def _kind_of(default: object) -> Any:
    for kinds, check in _CHECKS:
        if isinstance(default, kinds):
            return Annotated[Any, PlainValidator(functools.partial(check, default))]
    if callable(default):
        return Annotated[
            Any, PlainValidator(functools.partial(_class_or_function, default))
        ]
    return Any


def _flag(default: bool, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"found {value!r}; it must be true or false.")


def _text(default: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"found {value!r}; it must be text; write it in quotes.")


def _number(default: float, value: Any) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"found {value!r}; it must be a number, like its default.")


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
            f"found {value!r}; it must be {_TIMES[kind]}. Write times in quotes."
        ) from None


def _span(default: datetime.timedelta, value: Any) -> datetime.timedelta:
    if isinstance(value, datetime.timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.timedelta(seconds=value)
    raise ValueError(f"found {value!r}; it must be a number of seconds.")


def _several(default: Any, value: Any) -> Any:
    if isinstance(value, str) and "+" in value:  # a list as written in a key
        value = [parse_value(item) for item in value.split("+")]
    if isinstance(value, (list, tuple)):
        return type(default)(value) if type(default) in (list, tuple) else value
    raise ValueError(f"found {value!r}; it must be a list, like its default.")


def _mapping(default: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    raise ValueError(
        f"found {value!r}; it must be a mapping of names to values, in braces."
    )


def _class_or_function(default: Any, value: Any) -> Any:
    """Import a class or a function by its name."""
    if callable(value):
        return value
    found = _imported(value) if isinstance(value, str) else None
    if callable(found) and isinstance(default, type) <= isinstance(found, type):
        return found
    what = "class" if isinstance(default, type) else "function"
    raise ValueError(
        f"found {value!r}; it must be the name of a {what} with its module, such as "
        f"{json_value(default)}."
    )


def _imported(name: str) -> Any:
    """Import the object with a dotted name; None where it does not exist."""
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
    """Convert the value of a setting to JSON, equally in every process.

    Values without a JSON type become text: a class or function becomes its name with
    its module, a time or date its ISO form, a time span its seconds, a member of an
    enumeration its name. Any other object becomes a mapping of its type to its
    attributes.
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
        # The module name of a user's file contains a hash, which must not count here.
        return name if module.startswith("_own_strategy_") else f"{module}.{name}"
    if hasattr(value, "tolist"):  # a NumPy array or number
        return json_value(value.tolist())
    inside = getattr(value, "__dict__", {})
    attributes = {k: json_value(v) for k, v in sorted(inside.items()) if k[:1] != "_"}
    return {type(value).__qualname__: attributes}
