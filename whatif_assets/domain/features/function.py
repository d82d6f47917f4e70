"""A feature function, and what is known about it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
from pydantic import BaseModel, Field, create_model

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.features.bar_columns import (
    BarColumns,
    Price,
    column_elsewhere,
    fact_column,
)
from whatif_assets.domain.features.code_copies import Copied, Named, copied

# TA-Lib's own limit is 100,000; a signal of one bar is the line itself.
Period = Annotated[int, Field(ge=1, le=100_000)]
LongPeriod = Annotated[int, Field(ge=2, le=100_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

Unit = Literal[
    "price", "difference", "ratio", "fraction", "percent", "volume", "money", "number"
]
RELATIVE: tuple[Unit, ...] = ("price", "difference")

# What a function may ask for by naming a parameter without a default.
INPUTS = (
    "bars",
    "price",
    "other",
    "open",
    "high",
    "low",
    "close",
    "vwap",
    "typical",
    "volume",
    "trade_count",
    "fact_value",
    "fact_previous",
    "fact_since",
    "fact_ahead",
)
FACT = "fact_"
_PACKAGE = __name__.partition(".")[0]
# An input that is chosen where the feature is written, and how.
_CHOICES: dict[str, dict[str, Any]] = {
    "price": {"price": (Price, "close")},
    "other": {"other": (Price, "open"), "symbol": (str | None, None)},
}
_Fact = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\..+)?$")]


def no_warm_up(**arguments: Any) -> int:
    """Return 0: the value comes from its own bar."""
    return 0


@dataclass(frozen=True)
class FeatureFunction:
    """A function that can be asked for by name, and what is known about it.

    Its parameters without a default that are in ``INPUTS`` are what it reads:
    columns of one symbol's bars, each a contiguous float64 array, oldest bar
    first. ``price`` is the column that the feature's argument `price` names,
    ``other`` that of `other`, of another symbol where `symbol` names one. A bar that
    lacks one of the columns is NaN. ``fact_value``, ``fact_previous``, ``fact_since``
    and ``fact_ahead`` are what is known at the bar's close of the fact that the
    argument `fact` names: the value of its last event, that of the one before it, the
    days since the last one and the days to the next one. A function that names ``bars``
    gets the tidy bars as they are instead. All other parameters are the feature's
    arguments, with their types and defaults.

    Attributes
    ----------
    compute
        ``compute(*inputs, **arguments)``: one value per bar, or several such arrays.
    warm_up
        ``warm_up(**arguments)``: how many bars before a bar its value needs to be
        right to 1e-9. Where that is none, leave it out.
    unit
        ``price`` and ``difference`` (of prices) can be made free of scale with
        ``relative_to``; the others cannot.
    output
        Which of several arrays it is.
    line
        What that one is called.
    reads
        The columns that it reads, where its parameters do not say so: those of its
        first parameters.
    skips_missing
        Whether bars that lack a column are left out, so that it goes on with the
        next one; otherwise it gets them with NaN.
    fact
        The fact that it reads, where that is no argument.
    """

    compute: Callable[..., Any]
    warm_up: Callable[..., int] = no_warm_up
    unit: Unit = "number"
    output: int | None = None
    line: str = ""
    reads: tuple[str, ...] = ()
    skips_missing: bool = True
    fact: str | None = None

    def __post_init__(self) -> None:
        """Copy code that no module has, before it is called for the first time."""
        _ = self.code

    @property
    def comes_with_this(self) -> bool:
        """Whether its code is part of this package."""
        code = self.code
        return isinstance(code, Named) and code.module.startswith(f"{_PACKAGE}.")

    @functools.cached_property
    def code(self) -> Named | Copied:
        """Where the code of ``compute`` comes from."""
        return copied(self.compute)

    @functools.cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it reads, in the order of its parameters."""
        return self.reads or tuple(
            name
            for name, parameter in inspect.signature(self.compute).parameters.items()
            if parameter.default is parameter.empty and name in INPUTS
        )

    @functools.cached_property
    def own_arguments(self) -> tuple[str, ...]:
        """Names of the arguments that the function itself takes."""
        parameters = tuple(inspect.signature(self.compute).parameters)
        if self.reads:
            return parameters[len(self.reads) :]
        return tuple(name for name in parameters if name not in self.inputs)

    @functools.cached_property
    def arguments(self) -> type[BaseModel]:
        """Its arguments, with the types and defaults they have."""
        hints = get_type_hints(self.compute, include_extras=True)
        parameters = inspect.signature(self.compute).parameters
        fields: dict[str, Any] = {}
        for name in self.own_arguments:
            default = parameters[name].default
            required = default is inspect.Parameter.empty
            fields[name] = (hints.get(name, Any), ... if required else default)
        for name in self.inputs:
            fields |= _CHOICES.get(name, {})
        if self.reads_facts and self.fact is None:
            fields = {"fact": (_Fact, ...), **fields}
        return create_model("Arguments", __base__=Settings, **fields)

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of its source and its warm-up's: another text, another version."""
        return code_version(self.compute, self.warm_up)

    @property
    def reads_facts(self) -> bool:
        """Whether it reads what is known of a fact."""
        return any(name.startswith(FACT) for name in self.inputs)

    @property
    def description(self) -> str:
        """First line of the function's docstring, and which of its lines it is."""
        first = (self.compute.__doc__ or "").strip().split("\n")[0]
        return f"{first.rstrip('.')} ({self.line})." if self.line else first

    def columns(self, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Names of the columns that it reads with some arguments."""
        chosen = {"price": arguments.get("price"), "other": arguments.get("other")}
        if "other" in self.inputs and arguments["symbol"] is not None:
            chosen["other"] = column_elsewhere(arguments["other"], arguments["symbol"])
        if self.reads_facts:
            fact = self.fact or arguments["fact"]
            parts = (n for n in self.inputs if n.startswith(FACT))
            chosen |= {n: fact_column(n.removeprefix(FACT), fact) for n in parts}
        return tuple(chosen.get(name) or name for name in self.inputs)

    def bars_of_warm_up(self, arguments: dict[str, Any]) -> int:
        """Return `warm_up` of a feature's arguments.

        Raises
        ------
        BadInput
            Arguments that do not go together.
        """
        return self.warm_up(**{name: arguments[name] for name in self.own_arguments})

    def values(
        self, columns: BarColumns, rows: slice, arguments: dict[str, Any]
    ) -> FloatArray:
        """Compute the values over some rows, which are bars of one symbol.

        Returns
        -------
        numpy.ndarray
            float64; whatever shape the function returns.
        """
        own = {name: arguments[name] for name in self.own_arguments}
        if "bars" in self.inputs:
            return self._output(self.compute(columns.bars.iloc[rows], **own))
        names = self.columns(arguments)
        known = columns.known(names) if self.skips_missing else None
        arrays = [columns.values(name)[rows] for name in names]
        if known is None or known[rows].all():
            return self._output(self.compute(*arrays, **own))
        some = known[rows]
        values = np.full(len(some), np.nan)
        values[some] = self._output(self.compute(*(a[some] for a in arrays), **own))
        return values

    def _output(self, result: Any) -> FloatArray:
        chosen = result if self.output is None else result[self.output]
        return np.asarray(chosen, dtype=np.float64)
