"""Imports the users of another application in batches; each batch is one transaction."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from fam_auth.auth import Auth
from fam_auth.features.password import imported_hashes
from fam_auth.features.password.adoption import batches, queries
from fam_auth.features.password.adoption.batches import Arrival
from fam_auth.features.password.adoption.doubles import Doubles
from fam_auth.features.password.adoption.judging import Newcomer, Reading, Unfit, address_of, key_of, newcomer
from fam_auth.features.password.adoption.report import Kind, Report, Skipped
from fam_auth.features.password.adoption.rows import Row, Source
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.values import Actor

SCANNED = 1000  # rows read at a time; only their digests are kept
Tell = Callable[[int, int], None]
"""Called with the number of rows done, and of all rows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to import: `batch` rows in one transaction; with `dry_run`, nothing is written."""

    reading: Reading
    actor: Actor
    batch: int = 200
    dry_run: bool = False


async def adopt(auth: Auth, source: Source, plan: Plan, tell: Tell) -> Report:
    """Imports every valid row of the source; leaves users of an earlier import unchanged.

    Commits after every batch, so that it can be stopped at any time and run again.
    """
    auth.of(PasswordSettings)
    report = Report(source.without_id, Counter([Kind.NO_ID] * source.without_id))
    with closing(Doubles()) as doubles:
        total = source.without_id + await _seen(source, plan, doubles)
        async for rows in _chunks(source, plan.batch):
            fit = _fit(rows, source, plan.reading, doubles)
            fresh = await _fresh(auth, list(_told(fit, report)), report)
            _count(report, fresh, await _taken(auth, fresh, source, plan))
            report.rows += len(rows)
            tell(report.rows, total)
    return report


async def _chunks(source: Source, size: int) -> AsyncIterator[list[Row]]:
    """The source's rows, read in a thread."""
    chunks = source.chunks(size)
    while rows := await asyncio.to_thread(next, chunks, None):
        yield rows


async def _seen(source: Source, plan: Plan, doubles: Doubles) -> int:
    """Counts the rows, and fills `doubles` with their ids and addresses."""
    total = 0
    async for rows in _chunks(source, SCANNED):
        total += len(rows)
        doubles.add(word for row in rows for word in _words(row, source, plan.reading))
    return total


def _words(row: Row, source: Source, reading: Reading) -> dict[str, Kind]:
    """What identifies a row, by which another row may be its double, and the reason to skip both then."""
    words = {}
    with suppress(Unfit):
        words[f"id {key_of(row, source.columns, reading)[0]}"] = Kind.SAME_ID
    with suppress(Unfit):
        words[f"address {address_of(row, source.columns).canonical}"] = Kind.SAME_ADDRESS
    return words


def _fit(rows: Sequence[Row], source: Source, reading: Reading, doubles: Doubles) -> Iterator[Newcomer | Skipped]:
    """Each row as a user to import, or as skipped with the reason, as far as the source alone can tell."""
    for row in rows:
        words = _words(row, source, reading)
        try:
            kind = next((kind for word, kind in words.items() if word in doubles), None)
            yield Skipped(row.label, kind) if kind else newcomer(row, source.columns, reading)
        except Unfit as unfit:
            yield Skipped(row.label, unfit.kind)


def _told(found: Iterable[Newcomer | Skipped], report: Report) -> Iterator[Newcomer]:
    for one in found:
        if isinstance(one, Skipped):
            report.skip(one.label, one.kind)
        else:
            yield one


async def _fresh(auth: Auth, fit: Sequence[Newcomer], report: Report) -> list[Newcomer]:
    """Those whose key, id and address no user has yet; adds the others to the report."""
    keys, ids = [one.key for one in fit], [one.id for one in fit if one.id]
    rows = await auth.database.rows(queries.known(keys, ids, [one.address.canonical for one in fit]))
    here = {row.id: row.canonical for row in rows}
    here |= {row.key: row.canonical for row in rows if row.key is not None}
    taken, fresh = {row.canonical for row in rows}, []
    for one in fit:
        address = here.get(one.key) or (here.get(one.id) if one.id else None)
        if address is not None:
            report.kinds[Kind.HERE if address == one.address.canonical else Kind.MOVED] += 1
        elif one.address.canonical in taken:
            report.skip(one.label, Kind.ADDRESS_TAKEN)
        else:
            fresh.append(one)
    return fresh


async def _taken(auth: Auth, fresh: Sequence[Newcomer], source: Source, plan: Plan) -> list[Newcomer]:
    """Inserts the users; returns those who have an account now (`batches.keep`). Commits."""
    if plan.dry_run or not fresh:
        return list(fresh)
    among = asyncio.Semaphore(2 * auth.hasher.threads)

    async def arrived(one: Newcomer) -> Arrival:
        async with among:
            return Arrival(one, await imported_hashes.resting(auth.hasher, one.foreign) if one.foreign else None)

    # Before the transaction, because wrapping takes 25 ms per user.
    arrivals = await asyncio.gather(*map(arrived, fresh))
    return [one.who for one in await batches.keep(auth, arrivals, source.name, plan.actor)]


def _count(report: Report, fresh: Sequence[Newcomer], taken: Sequence[Newcomer]) -> None:
    keys = {one.key for one in taken}
    for one in fresh:
        if one.key not in keys:
            report.skip(one.label, Kind.ADDRESS_TAKEN)
    for one in taken:
        report.kinds.update(_kinds(one))


def _kinds(one: Newcomer) -> Iterator[Kind]:
    yield Kind.ADOPTED
    if one.foreign is None:
        yield Kind.NO_PASSWORD
    else:
        yield Kind.HASH_WRAPPED if one.foreign.recipe.is_weak else Kind.HASH_KEPT
    if not one.is_verified:
        yield Kind.UNVERIFIED
    if one.is_disabled:
        yield Kind.SUSPENDED
