"""What an algorithm is made of: its input, the decorator that describes it, and the errors it may raise.

An algorithm is a function in a file of ``algorithms/``. The least it can be is ``def name(data: list[float], params: dict) -> dict``;
with ``@algorithm`` it says its version, the JSON Schema of its parameters, its cost, what it reads,
the published definition that it follows and how its time grows.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Parameters = dict[str, Any]
Result = dict[str, Any]
Schema = dict[str, Any]
Function = TypeVar("Function", bound=Callable[["Input", Parameters], Result])

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
KINDS = ("values", "columns", "texts")


class InvalidInput(ValueError):
    """The numbers or texts cannot be analysed: too few, not finite, columns of unequal length."""


class InvalidParameters(ValueError):
    """A parameter that the schema cannot refuse alone; ``path`` is a JSON pointer such as ``/k``."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True)
class Cost:
    """A guess in milliseconds, ``fixed_ms + per_value_us * n / 1000`` for n values; it decides what counts as a long job."""

    fixed_ms: float = 1.0
    per_value_us: float = 1.0


@dataclass(frozen=True)
class Input:
    """What a call brings: one series, named columns or texts. Arrays are views of shared memory and cannot be written to."""

    values: Array | None = None
    columns: dict[str, Array] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def series(self, least: int = 1) -> Array:
        """The one series: the values, or the only column."""
        array = self.values
        if array is None and len(self.columns) == 1:
            array = next(iter(self.columns.values()))
        if array is None:
            raise InvalidInput("one series is needed: values, or a single column")
        return finite(array, least)

    def matrix(self, least: int = 1) -> tuple[list[str], Array]:
        """The columns' names and an array with one row a point; plain values are a single column."""
        names, points = self._rows()
        return names, finite(points, least)

    def known(self, missing: str, least: int = 1) -> tuple[list[str], Array, npt.NDArray[np.bool_]]:
        """As ``matrix``, and which rows are in it: with ``missing`` = ``skip`` those without NaN and infinities, else all."""
        names, points = self._rows()
        kept = np.isfinite(points).all(axis=1) if missing == "skip" else np.ones(len(points), dtype=bool)
        return names, finite(points[kept], least), kept

    def _rows(self) -> tuple[list[str], Array]:
        columns = self.columns or ({"values": self.values} if self.values is not None else {})
        if not columns:
            raise InvalidInput("columns are needed, or values")
        if len({len(column) for column in columns.values()}) > 1:
            lengths = ", ".join(f"{name}: {len(column)}" for name, column in columns.items())
            raise InvalidInput(f"the columns differ in length ({lengths})")
        return list(columns), np.column_stack(list(columns.values()))


MISSING: Schema = {
    "type": "string", "enum": ["refuse", "skip"], "default": "refuse",
    "description": "NaN and infinities: refuse the input, or leave these rows out, whose results are null",
}  # fmt: skip


def in_place(results: Array, kept: npt.NDArray[np.bool_]) -> Array | list[float | None]:
    """Results of the rows that stayed, each at its row's place; null for the others."""
    if kept.all():
        return results
    found = iter(results.tolist())
    return [next(found) if stayed else None for stayed in kept]


def finite(array: Array, least: int) -> Array:
    """The same array, if it has enough rows and every number is one."""
    if len(array) < least:
        raise InvalidInput(f"at least {least} values are needed; there are {len(array)}")
    if not np.isfinite(array).all():
        raise InvalidInput(f"{int(np.count_nonzero(~np.isfinite(array)))} values are NaN or infinite")
    return array


@dataclass(frozen=True)
class Algorithm:
    """One algorithm as the host lists it."""

    name: str
    version: str
    schema: Schema
    cost: Cost
    reads: tuple[str, ...]
    summary: str
    source: str | None
    complexity: str | None
    function: Callable[[Input, Parameters], Result]

    def described(self) -> dict[str, object]:
        return {
            "name": self.name,
            "version": self.version,
            "parameters": self.schema,
            "cost": {"fixed_ms": self.cost.fixed_ms, "per_value_us": self.cost.per_value_us},
            "reads": list(self.reads),
            "summary": self.summary,
            "source": self.source,
            "complexity": self.complexity,
        }


def algorithm(
    version: str,
    parameters: Mapping[str, Schema] | None = None,
    *,
    reads: tuple[str, ...] = ("values", "columns"),
    cost: Cost = Cost(),
    name: str | None = None,
    source: str | None = None,
    complexity: str | None = None,
) -> Callable[[Function], Function]:
    """Marks a function ``(Input, Parameters) -> Result``. ``parameters`` maps names to JSON Schemas; a ``default`` there is filled in.

    ``source`` is the published definition that it follows, ``complexity`` how its time grows with the number n of values, rows or texts.
    """

    def mark(function: Function) -> Function:
        properties: dict[str, Schema] = dict(parameters or {})
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        described = Algorithm(name or function.__name__, version, schema, cost, reads, _summary(function), source, complexity, function)
        setattr(function, "__algorithm__", described)
        return function

    return mark


def algorithms_of(module: ModuleType) -> list[Algorithm]:
    """Those marked in the module; where none is, its public functions of ``(data, params)``."""
    functions = [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__]
    marked = [getattr(f, "__algorithm__", None) for f in functions]
    found = [mark for mark in marked if isinstance(mark, Algorithm)]
    if not found:
        found = [_plain(f) for f in functions if not f.__name__.startswith("_") and list(inspect.signature(f).parameters) == ["data", "params"]]
    for one in found:
        if not NAME.match(one.name):
            raise ValueError(f"{one.name!r} is no name for an algorithm: lower-case letters, digits and _, at most 64")
        if not all(said is None or isinstance(said, str) for said in (one.source, one.complexity)):
            raise ValueError(f"{one.name}: source and complexity are texts")
        if not one.reads or set(one.reads) - set(KINDS):
            raise ValueError(f"{one.name} reads {one.reads}; known are {', '.join(KINDS)}")
    return found


def _plain(function: Callable[[list[float], dict[str, Any]], dict[str, Any]]) -> Algorithm:
    def run(given: Input, params: Parameters) -> Result:
        array = given.values if given.values is not None else given.series(0)
        return function(array.tolist(), params)

    return Algorithm(function.__name__, "0", {"type": "object"}, Cost(), ("values", "columns"), _summary(function), None, None, run)


def _summary(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
