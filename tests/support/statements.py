"""Statements: compiled once for all tests, as each has an engine of its own; and those that are asked, in a list."""

from typing import Any

from sqlalchemy import event

from fam_auth import Auth


class Compiled(dict[tuple[Any, ...], Any]):
    """What engines of the same dialect share; a key begins with the dialect, of which each engine has its own."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


ALL = Compiled()


def shared(auth: Auth) -> None:
    """Its statements are the ones that were compiled for others: a third of the time of a test goes into that else."""
    for engine in (auth.database.engine, auth.database.autocommit):
        engine.sync_engine.update_execution_options(compiled_cache=ALL)


def asked_of(auth: Auth) -> list[str]:
    """What is asked of the database from now on, but for the feed."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "auth_change" not in statement:
            asked.append(statement)

    event.listen(auth.database.engine.sync_engine, "before_cursor_execute", note)
    return asked
