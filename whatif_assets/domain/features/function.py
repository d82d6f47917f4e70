"""Feature functions with their inputs, arguments, warm-up and unit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
from pydantic import BaseModel, Field, create_model

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.features.bar_columns import (
    BarColumns,
    Price,
    column_elsewhere,
    fact_column,
)
from whatif_assets.domain.features.code_copies import Copied, Named, copied

# 100,000 is the limit of TA-Lib.
Period = Annotated[int, Field(ge=1, le=100_000)]
LongPeriod = Annotated[int, Field(ge=2, le=100_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

Unit = Literal[
    "price", "difference", "ratio", "fraction", "percent", "volume", "money", "number"
]
RELATIVE: tuple[Unit, ...] = ("price", "difference")

# Inputs that a function can request by naming a parameter without a default.
INPUTS = (
    "bars",
    "price",
    "other",
    "benchmark",
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
    "values",
    "sections",
)
FACT = "fact_"
_PACKAGE = __name__.partition(".")[0]
# Inputs that are chosen by arguments of the feature, and those arguments.
_CHOICES: dict[str, dict[str, Any]] = {
    "price": {"price": (Price, "close")},
    "other": {"other": (Price, "open"), "symbol": (str | None, None)},
    "benchmark": {"to": (str, ...)},
    "sections": {"by": (Literal["market", "group"], "market")},
}
_Fact = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\..+)?$")]


def no_warm_up(**arguments: Any) -> int:
    """Return 0, the warm-up of a function that uses each bar alone."""
    return 0


@dataclass(frozen=True)
class FeatureFunction:
    """A function that computes a feature, with its inputs and properties.

    The inputs of ``compute`` are its parameters without a default whose names are in
    ``INPUTS``. Each input is a column of one symbol's bars: a contiguous float64
    array, oldest bar first. All other parameters are arguments of the feature, with
    their types and defaults. Some inputs are special:

    - ``price`` is the column that the feature's argument `price` names.
    - ``other`` is the column that the argument `other` names; it is taken from another
      symbol if the argument `symbol` names one.
    - ``benchmark`` is the column that `price` names, of the symbol that the argument
      `to` names.
    - ``fact_value``, ``fact_previous``, ``fact_since`` and ``fact_ahead`` describe the
      fact that the argument `fact` names, as known at the bar's close: the values of
      its last event and of the event before, the days since the last event, and the
      days to the next event.
    - ``bars`` is the frame of tidy bars; it replaces all other inputs.
    - ``values`` and ``sections`` are the inputs of a function across symbols, see
      `across`: not columns of bars, but the values of another feature.

    Where a bar lacks one of the inputs, the feature is NaN.

    Attributes
    ----------
    compute
        ``compute(*inputs, **arguments)`` returns one value per bar, or a tuple of
        several such arrays.
    warm_up
        ``warm_up(**arguments)`` returns the number of bars before a bar that its value
        needs to be exact to 1e-9. Leave it out if no earlier bar is needed.
    unit
        Unit of the values. ``price`` and ``difference`` (of prices) can be made
        independent of the price level with ``relative_to``; the others cannot.
    output
        Position of the feature in the tuple that ``compute`` returns; None if it
        returns one array.
    line
        Name of that output, for descriptions.
    reads
        Names of the columns that the first parameters of ``compute`` take, if the
        parameters have other names than the columns.
    skips_missing
        Whether bars that lack an input are removed before ``compute`` is called, so
        that it continues with the next bar. Otherwise it gets NaN for them.
    fact
        Name of the fact, if it is fixed and not an argument.
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
        """Copy a function defined outside of a module before its first call."""
        _ = self.code

    @property
    def comes_with_this(self) -> bool:
        """Whether the function is part of this package, and not the user's."""
        code = self.code
        return isinstance(code, Named) and code.module.startswith(f"{_PACKAGE}.")

    @functools.cached_property
    def code(self) -> Named | Copied:
        """Origin or copy of the code of ``compute``, to load in another process."""
        return copied(self.compute)

    @functools.cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of the parameters."""
        return self.reads or tuple(
            name
            for name, parameter in inspect.signature(self.compute).parameters.items()
            if parameter.default is parameter.empty and name in INPUTS
        )

    @functools.cached_property
    def own_arguments(self) -> tuple[str, ...]:
        """Names of the arguments of ``compute``, without those that choose inputs."""
        parameters = tuple(inspect.signature(self.compute).parameters)
        if self.reads:
            return parameters[len(self.reads) :]
        return tuple(name for name in parameters if name not in self.inputs)

    @functools.cached_property
    def arguments(self) -> type[BaseModel]:
        """Model of the feature's arguments, with their types and defaults."""
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
        """Hash of the source of ``compute`` and ``warm_up``."""
        return code_version(self.compute, self.warm_up)

    @property
    def reads_facts(self) -> bool:
        """Whether the function reads a fact."""
        return any(name.startswith(FACT) for name in self.inputs)

    @property
    def across_symbols(self) -> bool:
        """Whether the function compares values of several symbols at one time."""
        return "sections" in self.inputs

    @property
    def description(self) -> str:
        """First line of the docstring of ``compute``, and the name of the output."""
        first = (self.compute.__doc__ or "").strip().split("\n")[0]
        return f"{first.rstrip('.')} ({self.line})." if self.line else first

    def columns(self, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the columns that the feature reads, given arguments."""
        chosen = {"price": arguments.get("price"), "other": arguments.get("other")}
        if "other" in self.inputs and arguments["symbol"] is not None:
            chosen["other"] = column_elsewhere(arguments["other"], arguments["symbol"])
        if "benchmark" in self.inputs:
            chosen["benchmark"] = column_elsewhere(arguments["price"], arguments["to"])
        if self.reads_facts:
            fact = self.fact or arguments["fact"]
            parts = (n for n in self.inputs if n.startswith(FACT))
            chosen |= {n: fact_column(n.removeprefix(FACT), fact) for n in parts}
        return tuple(chosen.get(name) or name for name in self.inputs)

    def bars_of_warm_up(self, arguments: dict[str, Any]) -> int:
        """Return the warm-up in bars, given all arguments of the feature.

        Raises
        ------
        BadInput
            The arguments contradict each other.
        """
        return self.warm_up(**{name: arguments[name] for name in self.own_arguments})

    def values(
        self, columns: BarColumns, rows: slice, arguments: dict[str, Any]
    ) -> FloatArray:
        """Compute the feature for some rows, which must be bars of one symbol.

        Parameters
        ----------
        columns
            Columns of the bars.
        rows
            Rows that the function sees; the first row is the start of its history.
        arguments
            All arguments of the feature.

        Returns
        -------
        numpy.ndarray
            float64, in the shape that ``compute`` returned; the caller must check it.
        """
        given = {name: arguments[name] for name in self.own_arguments}
        if "bars" in self.inputs:
            return self._output(self.compute(columns.bars.iloc[rows], **given))
        names = self.columns(arguments)
        known = columns.known(names) if self.skips_missing else None
        arrays = [columns.values(name)[rows] for name in names]
        if known is None or known[rows].all():
            return self._output(self.compute(*arrays, **given))
        some = known[rows]
        values = np.full(len(some), np.nan)
        values[some] = self._output(self.compute(*(a[some] for a in arrays), **given))
        return values

    def across(
        self, values: FloatArray, sections: IntArray, arguments: dict[str, Any]
    ) -> FloatArray:
        """Compute a feature across symbols.

        Parameters
        ----------
        values
            Finite values of another feature.
        sections
            Number of the cross-section of each value; values with the same number are
            compared. From 0 on, none left out.
        arguments
            All arguments of the feature.

        Returns
        -------
        numpy.ndarray
            float64, in the shape that ``compute`` returned; the caller must check it.
        """
        given = {name: arguments[name] for name in self.own_arguments}
        return self._output(self.compute(values, sections, **given))

    def _output(self, result: Any) -> FloatArray:
        chosen = result if self.output is None else result[self.output]
        return np.asarray(chosen, dtype=np.float64)
