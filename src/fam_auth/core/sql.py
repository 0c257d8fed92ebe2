"""SQL that differs between PostgreSQL and SQLite: `= ANY(...)` with one parameter, and the database's clock."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, JSON, Boolean, ColumnElement, Dialect, Double, String, TypeDecorator, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class AnyOf(FunctionElement[bool]):
    """`column` is one of `values`: a list, or a parameter for a list.

    With IN, the SQL would differ for each number of values: SQLAlchemy would compile it again, and drivers could not
    reuse a prepared statement.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str] | InstrumentedAttribute[str], values: Any) -> None:  # noqa: ANN401 - see above
        super().__init__(column, type_coerce(values, _Texts()))


class _Texts(TypeDecorator[Sequence[str]]):
    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(String()) if dialect.name == "postgresql" else JSON())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> list[str]:
        del dialect
        return list(value or ())


@compiles(AnyOf, "postgresql")
def _any_on_postgresql(element: AnyOf, compiler: SQLCompiler, **given: object) -> str:
    column, values = (compiler.process(part, **given) for part in element.clauses)
    return f"{column} = ANY({values})"


@compiles(AnyOf, "sqlite")
def _any_on_sqlite(element: AnyOf, compiler: SQLCompiler, **given: object) -> str:
    column, values = (compiler.process(part, **given) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are names of ours


class Seconds(FunctionElement[float]):
    """The database's clock in seconds since the epoch. With it, machines need not have the same time."""

    type = Double()
    inherit_cache = True


@compiles(Seconds, "postgresql")
def _seconds_on_postgresql(element: Seconds, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "extract(epoch from clock_timestamp())::double precision"


@compiles(Seconds, "sqlite")
def _seconds_on_sqlite(element: Seconds, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "((julianday('now') - 2440587.5) * 86400.0)"
