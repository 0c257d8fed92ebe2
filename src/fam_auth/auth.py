"""Auth: the object that holds settings, database, keys, hasher, mail transport and features. It knows no HTTP."""

import logging
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth import events
from fam_auth.core import mail, migrations, settings_checks
from fam_auth.core.clock import Clock, system_clock, timestamps, uuid7
from fam_auth.core.database import Database
from fam_auth.core.hashing import Hasher
from fam_auth.core.languages import Texts
from fam_auth.core.migrations import History
from fam_auth.core.security import Keyring, new_secret, parse_secrets
from fam_auth.core.session_cache import SessionCache
from fam_auth.core.settings import Settings
from fam_auth.exceptions import Misconfigured
from fam_auth.feature import Feature
from fam_auth.hooks import Claiming, Errand, Follower, Hooks, Listener, SomeEvent
from fam_auth.models import KERNEL, Base

GROUP = "fam_auth.features"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
log = logging.getLogger("fam_auth")
PlaceOf = Callable[[str], str | None]
SomeFeature = TypeVar("SomeFeature", bound=Feature)


def _nowhere(_: str) -> None:
    """The default `place_of`: no address has a known place."""


class Auth:
    """The configuration and state of fam-auth in one application. Raises Misconfigured when settings are invalid.

    Without arguments it reads FAM_AUTH_* and, in development, `.env`. `features` are instances; None takes the features
    that FAM_AUTH_FEATURES names. `registration` is a model with your own registration fields, which are passed to
    `auth.on(UserRegistered)`. `carrier` replaces the mail transport. `place_of` returns the place of a network address
    in words ("Vienna, Austria"), or None when it is unknown. All other keyword arguments are settings.
    """

    def __init__(  # noqa: PLR0913 - what an application gives its Auth
        self,
        database: str | None = None,
        *,
        features: Sequence[Feature] | None = None,
        clock: Clock = system_clock,
        carrier: mail.Carrier | None = None,
        registration: type[BaseModel] | None = None,
        place_of: PlaceOf = _nowhere,
        **settings: Any,
    ) -> None:
        self.registration = registration
        self.place_of = place_of
        self.errands: dict[str, Errand] = {}
        given = settings if database is None else {"database": database, **settings}
        self.settings = Settings(**given)
        found = features if features is not None else [_installed(name)() for name in self.settings.features]
        self.features = _ordered([feature.under(self.settings.profile).of(self) for feature in found])
        settings_checks.check(self.settings)
        settings_checks.check_names(_sections(self.features))
        self.texts = Texts(self._message_files(), self.settings.language, self.settings.languages)
        self.now = clock
        self.database = Database(
            self.settings.database,
            schema=self.settings.db_schema,
            pool_size=self.settings.pool_size,
            pooler=self.settings.pooler,
        )
        self.keys = Keyring(parse_secrets(self._secrets()))
        self.hasher = Hasher(**self.settings.hashing.model_dump())
        self.carrier = carrier or mail.carrier(self.settings.mail or "")
        self.prefix = "/auth"
        self.session_cache = self._new_session_cache()
        self.is_stopping = False

    def __repr__(self) -> str:
        return f"Auth({self.database}, features={[feature.name for feature in self.features]})"

    @property
    def histories(self) -> list[History]:
        """The migrations of the kernel and of every feature in use."""
        kernel = _history(migrations.KERNEL, migrations.environment() / "versions", KERNEL)
        own = [_history(one.name, one.migrations, one.models) for one in self.features if one.migrations]
        return [kernel, *own]

    @property
    def mails(self) -> tuple[Path, ...]:
        """The folders of mail templates: your own first, which win, then those of the features."""
        own = self.settings.mail_templates
        return (*([own] if own else []), *(feature.mails for feature in self.features if feature.mails))

    @property
    def hooks(self) -> Hooks:
        """The application's own listeners, as a feature that comes after all others. Created on first use."""
        for feature in self.features:
            if isinstance(feature, Hooks):
                return feature
        made = Hooks().of(self)
        self.features = (*self.features, made)
        return made

    def on(self, *kinds: type[SomeEvent]) -> Callable[[Listener[SomeEvent]], Listener[SomeEvent]]:
        """Decorate `async def listener(event, db)`, which is called for these events inside their transaction.

        What it writes through `db` is committed together with what the event reports, or not at all; an exception rolls
        both back. It must not commit, and must not call other services, because the transaction stays open meanwhile.
        """

        def listening(listener: Listener[SomeEvent]) -> Listener[SomeEvent]:
            self.hooks.listen(kinds, listener)
            return listener

        return listening

    def after(
        self, *kinds: type[SomeEvent], name: str | None = None
    ) -> Callable[[Follower[SomeEvent]], Follower[SomeEvent]]:
        """Decorate `async def job(event)`, a background job that a worker runs after these events are committed.

        It runs at least once, and again when it raises; use `event.id` to recognize a repetition. The outbox stores the
        job under `name` (default: the name of the function), so keep it across releases. Raises Misconfigured when the
        name is taken.
        """

        def following(follower: Follower[SomeEvent]) -> Follower[SomeEvent]:
            async def perform(event: Any) -> None:  # noqa: ANN401 - of the kind that was wanted
                await follower(event)

            own = name or follower.__name__
            self.errand(Errand(own, lambda happened: issubclass(events.class_of(happened), kinds), perform))
            return follower

        return following

    def errand(self, errand: Errand) -> None:
        """Register an event job, which a worker runs after each event it wants. Raises Misconfigured for a taken name.

        `auth.after(...)` is the decorator for this.
        """
        if errand.name in self.errands:
            raise Misconfigured(f"auth.after already has a function named {errand.name}. Pass another name (name=).")
        self.errands[errand.name] = errand

    def claims(self, claiming: Claiming) -> Claiming:
        """Decorate `async def plan(user, db)`, whose result is added to the claims of the user's sessions."""
        self.hooks.claim(claiming)
        return claiming

    @asynccontextmanager
    async def transaction(self, db: AsyncSession | None = None) -> AsyncIterator[AsyncSession]:
        """A transaction that is committed at the end and rolled back on errors; or `db`, which the caller commits."""
        async with self.database.transaction(db) as joined:
            yield joined

    def of(self, kind: type[SomeFeature]) -> SomeFeature:
        """The feature of this class, as configured. Raises Misconfigured when it is not in use."""
        for feature in self.features:
            if isinstance(feature, kind):
                return feature
        name = kind.__name__.removesuffix("Settings")
        raise Misconfigured(f"The feature {kind.name} is not enabled. Add {name}() to Auth(features=[...]).")

    def new_id(self) -> UUID:
        """A new UUID version 7, which sorts by the current time."""
        return uuid7(self.now())

    def until(self, lifetime: timedelta) -> datetime:
        """The time at which a lifetime ends that begins now."""
        return self.now() + lifetime

    def used_since(self) -> datetime:
        """A session that was last used before this moment has ended: it was idle for too long."""
        return self.now() - self.settings.session_idle

    def link(self, name: str, token: str) -> str:
        """The URL for a link in a mail. The token is in the fragment, which browsers send to no server and no log."""
        own: str | None = getattr(self.settings.links, name)
        hosted = f"{self.settings.public_url}{self.prefix}/{name.replace('_', '-')}#token={{token}}"
        return (own or hosted).replace("{token}", token)

    async def start(self) -> None:
        """Check that the database has the schema of this version, and start the features. Raises Misconfigured.

        On SQLite in development, the tables are created or migrated first. Elsewhere, run `fam-auth migrate`. The
        session cache starts empty: what it learned before an earlier stop may be out of date.
        """
        self.session_cache, self.is_stopping = self._new_session_cache(), False
        self.hasher.open()
        if self.database.is_sqlite and self.settings.is_development:
            from fam_auth.core import upgrade  # noqa: PLC0415 - Alembic takes long to import

            await upgrade.upgrade(self.database, self.histories)
        await migrations.check(self.database, self.histories)
        await self.database.check_deadlines()
        for feature in self.features:
            await feature.start(self)

    async def close(self) -> None:
        """Stop the hashing threads and close all database connections."""
        self.hasher.close()
        await self.database.close()

    def _new_session_cache(self) -> SessionCache:
        return SessionCache(self.settings.session_memory, timestamps(self.now))

    def _message_files(self) -> tuple[Path, ...]:
        """The folders of message files in addition to the package's own: the features', then the host's, which wins."""
        own = self.settings.texts
        return (*(feature.languages for feature in self.features if feature.languages), *([own] if own else []))

    def _secrets(self) -> str:
        if self.settings.secrets is not None:
            return self.settings.secrets.get_secret_value()
        return _kept_secret(
            Path(f"{self.database.url.database}.secret" if self.database.is_sqlite else "fam_auth.secret")
        )


def _history(name: str, folder: Path, models: Iterable[type[Base]]) -> History:
    return History(name, folder, Base.metadata, frozenset(model.__tablename__ for model in models))


@cache
def _entries() -> EntryPoints:
    """The installed features. Cached, because searching every installed distribution takes 5 ms."""
    return entry_points(group=GROUP)


def _installed(name: str) -> type[Feature]:
    for entry in _entries().select(name=name):
        loaded: type[Feature] = entry.load()
        return loaded
    names = ", ".join(sorted(_entries().names))
    raise Misconfigured(f"FAM_AUTH_FEATURES: the feature {name} is not installed. Installed features: {names}.")


def _sections(features: Sequence[Feature]) -> Mapping[str, type[Feature] | None]:
    return {**dict.fromkeys(_entries().names), **{feature.name: type(feature) for feature in features}}


def _ordered(features: Sequence[Feature]) -> tuple[Feature, ...]:
    names = [feature.name for feature in features]
    for feature in features:
        if names.count(feature.name) > 1:
            raise Misconfigured(f"The feature {feature.name} is listed twice. Remove one of them.")
        for required in feature.requires:
            if required not in names:
                raise Misconfigured(f"The feature {feature.name} requires {required}. Add {required} to the features.")
    return tuple(features)


def _kept_secret(path: Path) -> str:
    """The development secret in this file, which is created at the first start with mode 0600.

    Raises Misconfigured when the file cannot be written or read.
    """
    try:
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=path.parent) as new:  # made with mode 0600
                new.write(new_secret())
                new.flush()
                # A hard link appears with its whole content: a worker that starts now never reads half a secret.
                with suppress(FileExistsError):  # another worker was first
                    os.link(new.name, path)
        elif path.stat().st_mode & OTHERS:
            _make_private(path)
        return path.read_text().strip()
    except OSError as error:
        raise Misconfigured(
            f"FAM_AUTH_SECRETS is not set and fam-auth cannot keep a secret in {path} ({error.strerror}). Set "
            "FAM_AUTH_SECRETS, or correct the permissions of the directory."
        ) from error


def _make_private(path: Path) -> None:
    """Removes the permissions of group and others if we own the file, and logs a warning in any case."""
    with suppress(PermissionError):
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    if path.stat().st_mode & OTHERS:
        log.warning("Other users of this machine can read %s. Run `chmod 600` on it as its owner.", path)
    else:
        log.warning(
            "Other users of this machine could read %s. Now only its owner can. If there are any, replace the file.",
            path,
        )
