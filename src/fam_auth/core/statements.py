"""Statements that are built once and reused. Building a statement takes longer than the database takes to run it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, ParamSpec

from sqlalchemy import Executable, bindparam, literal_column, select
from sqlalchemy.sql.dml import UpdateBase

Arguments = ParamSpec("Arguments")
Build = Callable[..., Any]
"""A function that builds a statement, or a part of one, from parameters."""
IF = "if_"
Shape = tuple[Build, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Filled:
    """A statement that is built once, together with the values for this execution."""

    build: Build
    values: Mapping[str, Any]

    @property
    def shape(self) -> Shape:
        """The key by which the built statement is cached."""
        return self.build, tuple(self.values)


Statement = UpdateBase | Filled
"""A statement that changes data, ready to run."""


def built_once(build: Callable[Arguments, Executable]) -> Callable[Arguments, Filled]:
    """Decorate a function that builds a statement. It is called once, with bind parameters as its arguments.

    So it may use its arguments only inside SQL expressions. It cannot branch on them or compute with them in Python.
    """
    names = tuple(signature(build).parameters)

    @wraps(build)
    def filled(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Filled:
        return Filled(build, {**dict(zip(names, args, strict=False)), **kwargs})

    return filled


def under(condition: Filled, build: Build, **values: Any) -> Filled:
    """The statement that `build` makes from the condition's statement (its first argument) and from the values."""
    asked = {f"{IF}{name}": value for name, value in condition.values.items()}
    return Filled(_under(condition.build, build), {**values, **asked})


def prepared(filled: Filled) -> tuple[Executable, dict[str, Any]]:
    """The statement and its parameters."""
    return _built(filled.shape, 0), _parameters(filled, 0)


def merged(parts: Sequence[Statement], returning: Filled | None = None) -> tuple[Executable, dict[str, Any]]:
    """One statement that runs all parts as CTEs (PostgreSQL), and its parameters. Its rows are those of `returning`."""
    filled = [part for part in (returning, *parts) if isinstance(part, Filled)]
    others = [part for part in parts if not isinstance(part, Filled)]
    whole = _merged(tuple(part.shape for part in filled), returns=returning is not None)
    values = {name: value for place, part in enumerate(filled) for name, value in _parameters(part, place).items()}
    if others:
        whole = whole.add_cte(*(part.cte(f"other_{place}") for place, part in enumerate(others)))
    return whole, values


def _parameters(filled: Filled, place: int) -> dict[str, Any]:
    return {f"p{place}_{name}": value for name, value in filled.values.items()}


@lru_cache(maxsize=1024)
def _under(condition: Build, build: Build) -> Build:
    def built(**given: Any) -> Any:  # noqa: ANN401 - what the builder makes
        asked = {name.removeprefix(IF): value for name, value in given.items() if name.startswith(IF)}
        own = {name: value for name, value in given.items() if not name.startswith(IF)}
        return build(condition(**asked), **own)

    return built


@lru_cache(maxsize=1024)
def _built(shape: Shape, place: int) -> Any:  # noqa: ANN401 - a Select or an Update, which have different methods
    build, names = shape
    return build(**{name: bindparam(f"p{place}_{name}") for name in names})


@lru_cache(maxsize=1024)
def _merged(shapes: tuple[Shape, ...], *, returns: bool) -> Any:  # noqa: ANN401 - as `_built`
    parts = [_built(shape, place).cte(f"part_{place}") for place, shape in enumerate(shapes)]
    return (select(parts[0]) if returns else select(literal_column("1"))).add_cte(*parts)
