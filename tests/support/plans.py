"""What the database would do for every statement that was really run."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import event

from fam_auth.core.database import Database

FEW = 3_000
"""So many rows at most are sorted or read one by one in a statement of a hot path."""


class Statements(dict[str, Any]):
    """The statements that were run since, as the driver got them, each with parameters it was once run with."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _: object, __: object, statement: str, parameters: Any, ___: object, many: bool) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            self[statement] = parameters[0] if many else parameters

    async def plans(self) -> dict[str, Any]:
        """The plan of each: on PostgreSQL a tree, on SQLite lines."""
        known = dict(self)
        word = "EXPLAIN QUERY PLAN" if self.database.is_sqlite else "EXPLAIN (FORMAT JSON)"
        found = {}
        async with self.database.autocommit.connect() as connection:
            for statement, parameters in known.items():
                rows: Any = (await connection.exec_driver_sql(f"{word} {statement}", parameters)).all()
                found[statement] = [row[3] for row in rows] if self.database.is_sqlite else _tree(rows[0][0])
        return found


def faults(plan: dict[str, Any], big: Collection[str]) -> Iterator[str]:
    """What a plan does that takes the longer the more rows there are."""
    for node in _nodes(plan):
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in big:
            yield f"reads all of {node['Relation Name']}"
        if "Sort" in node["Node Type"] and node["Plan Rows"] > FEW:
            yield f"sorts {node['Plan Rows']} rows"
        if "Hash" in node["Node Type"] and node["Plan Rows"] > FEW:
            yield f"hashes {node['Plan Rows']} rows"
        if node["Node Type"].startswith(("Index", "Bitmap Heap")) and not _is_bounded(node):
            yield f"reads {node['Relation Name']} along the index {node.get('Index Name')}"


def _is_bounded(node: dict[str, Any]) -> bool:
    """Whether an index leads to few rows, or is read in order by somebody who stops soon."""
    return "Index Cond" in node or "Recheck Cond" in node or node["stops"]


def _nodes(plan: dict[str, Any], *, stops: bool = False) -> Iterator[dict[str, Any]]:
    """The nodes of a plan; `stops` says that there is a LIMIT above one, with nothing between that needs all rows."""
    stops = plan["Node Type"] == "Limit" or (stops and plan["Node Type"] not in {"Sort", "Aggregate", "Hash"})
    yield {**plan, "stops": stops}
    for below in plan.get("Plans", ()):
        yield from _nodes(below, stops=stops)


def _tree(answer: Any) -> dict[str, Any]:
    [found] = json.loads(answer) if isinstance(answer, str) else answer
    tree: dict[str, Any] = found["Plan"]
    return tree
